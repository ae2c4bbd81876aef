"""Compares dated sessions with stored bars: one statement per exchange and day.

Each statement looks only at what was not looked at before, so a running session
costs its newest minutes, and a day that is over is read once. Wanted are indices,
what somebody subscribed to, and whatever has any bar in the session.
"""

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from marketdata.calendars import calendars
from marketdata.models import Instrument, SessionGap
from marketdata.models.instruments import FO_STOCKS
from marketdata.sessions import ONE_DAY, SEARCHED_DAYS, Calendar, Session
from tradingsite import claims

# A minute is looked at when the one after it is over too: what trades by the minute
# has then shown it, and the bar after a hole can be restated with it.
SETTLED_AFTER = datetime.timedelta(seconds=90)
# What may go minutes without a trade is asked for in bulk: every hour, or at once when
# an hour's worth is missing already.
PATIENCE = datetime.timedelta(hours=1)
REMEMBERED = datetime.timedelta(hours=1)
# What was newly asked for gets two hours at least.
YOUNG = datetime.timedelta(hours=2)

SURVEY = """
WITH hours AS (
    SELECT * FROM unnest(%(segments)s::text[], %(expiring)s::boolean[],
                         %(opens)s::timestamptz[], %(closes)s::timestamptz[],
                         %(untils)s::timestamptz[])
           AS hours(segment, is_expiring, opens_at, closes_at, until_at)
), candidate AS (
    SELECT instrument.id, instrument.kind, hours.opens_at, hours.closes_at,
           hours.until_at, instrument.broker_token %% %(shards)s AS shard,
           coalesce(known.surveyed_until, hours.opens_at) AS from_at,
           asked.is_asked,
           known.id IS NOT NULL OR asked.is_asked OR instrument.kind = 'index'
               AS is_wanted
      FROM marketdata_instrument instrument
      LEFT JOIN marketdata_instrument underlying
             ON underlying.id = instrument.underlying_id
      JOIN hours
        ON hours.segment = CASE WHEN instrument.kind = 'stock'
                                 AND instrument.has_derivatives
                                THEN %(fo_stocks)s ELSE instrument.segment END
       AND hours.is_expiring = (instrument.expires_on IS NOT DISTINCT FROM %(day)s
                                AND coalesce(underlying.kind = 'index', false))
      LEFT JOIN marketdata_sessiongap known
             ON known.instrument_id = instrument.id AND known.day = %(day)s
      CROSS JOIN LATERAL (
           SELECT instrument.id = ANY(%(asked)s::bigint[]) OR EXISTS (
                  SELECT FROM marketdata_want want
                   WHERE want.instrument_id = instrument.id
                     AND want.created_at < hours.closes_at) AS is_asked) asked
     WHERE instrument.exchange_id = %(exchange)s AND instrument.is_active
       AND (instrument.expires_on IS NULL OR instrument.expires_on >= %(day)s)
       AND (%(only)s::bigint[] IS NULL OR instrument.id = ANY(%(only)s::bigint[]))
       AND coalesce(known.surveyed_until, hours.opens_at) < hours.until_at
), seen AS (
    SELECT candidate.*, bars.minutes,
           extract(epoch FROM from_at - opens_at)::int / 60 AS first,
           extract(epoch FROM until_at - opens_at)::int / 60 - 1 AS last
      FROM candidate CROSS JOIN LATERAL (
           SELECT array_agg(extract(epoch FROM bar.opened_at - candidate.opens_at)::int
                            / 60) AS minutes
             FROM minute_bars bar
            WHERE bar.instrument_id = candidate.id
              AND bar.opened_at >= candidate.from_at
              AND bar.opened_at < candidate.until_at
              AND bar.opened_at >= %(first)s AND bar.opened_at < %(last)s) bars
     WHERE is_wanted OR bars.minutes IS NOT NULL
), found AS (
    SELECT seen.*, coalesce(cardinality(minutes), 0) AS stored,
           ARRAY(SELECT minute FROM generate_series(seen.first, seen.last) minute
                 EXCEPT SELECT unnest(minutes) ORDER BY 1)::smallint[] AS missing
      FROM seen
), judged AS (
    SELECT found.*, cardinality(missing) > 0 AS is_lacking,
           EXISTS (SELECT FROM marketdata_bargap gap
                    WHERE (gap.shard IS NULL OR gap.shard = found.shard)
                      AND (gap.instrument_id IS NULL OR gap.instrument_id = found.id)
                      AND gap.from_at < found.until_at AND gap.to_at >= found.from_at
                      AND EXISTS (
                          SELECT FROM unnest(missing) minute
                           WHERE found.opens_at + minute * interval '1 minute'
                                 BETWEEN date_trunc('minute', gap.from_at)
                                     AND gap.to_at)) AS is_lost,
           CASE WHEN is_asked THEN 0
                WHEN kind = 'option' AND stored > 0 THEN 2 ELSE 1 END AS priority
      FROM found
)
INSERT INTO marketdata_sessiongap AS kept
       (instrument_id, day, opens_at, closes_at, surveyed_until, stored, missing,
        quiet, status, reason, priority, missing_since, attempts, failures, rechecks,
        next_attempt_at, last_error)
SELECT id, %(day)s, opens_at, closes_at, until_at, stored, missing, '{}',
       CASE WHEN is_lacking THEN 'open' ELSE 'whole' END,
       CASE WHEN NOT is_lacking THEN '' WHEN is_lost THEN 'stream_gap'
            ELSE 'never_fetched' END,
       priority, CASE WHEN is_lacking THEN %(now)s::timestamptz END, 0, 0, 0,
       CASE WHEN priority = 2 AND NOT is_lost AND closes_at > %(now)s
                 AND cardinality(missing) * interval '1 minute' < %(patience)s
            THEN least(closes_at, %(now)s + %(patience)s) ELSE %(now)s END, ''
  FROM judged
 ORDER BY id
ON CONFLICT (instrument_id, day) DO UPDATE
   SET surveyed_until = EXCLUDED.surveyed_until, closes_at = EXCLUDED.closes_at,
       stored = kept.stored + EXCLUDED.stored,
       missing = kept.missing || EXCLUDED.missing,
       priority = least(kept.priority, EXCLUDED.priority),
       status = CASE WHEN EXCLUDED.status = 'open' THEN 'open' ELSE kept.status END,
       reason = CASE WHEN EXCLUDED.reason = '' OR kept.reason = 'stream_gap'
                     THEN kept.reason ELSE EXCLUDED.reason END,
       missing_since = coalesce(kept.missing_since, EXCLUDED.missing_since),
       next_attempt_at = CASE WHEN EXCLUDED.status = 'open' AND kept.status <> 'open'
                              THEN EXCLUDED.next_attempt_at
                              ELSE kept.next_attempt_at END
"""


class Surveyor:
    """Looks at the sessions of the last days, again and again, at little cost.

    A day that is over is looked at once an hour: a file may have been imported. When
    bars of it are removed, the database puts its sessions back to their beginning, and
    it is looked at again at once.
    """

    def __init__(self) -> None:
        self._finished: set[tuple[str, datetime.date]] = set()
        self._forget_at: datetime.datetime | None = None

    def survey(self, now: datetime.datetime) -> int:
        """Look at what was not looked at yet; return how many rows changed."""
        if self._forget_at is None or now >= self._forget_at:
            self._finished.clear()
            self._forget_at = now + REMEMBERED
        self._finished -= _put_back()
        found = 0
        segments = _segments()
        for code, calendar in calendars(segments).items():
            for day in _days(calendar, now):
                if (code, day) not in self._finished:
                    found += self._survey(code, calendar, day, now, segments[code])
        return found

    def _survey(
        self,
        code: str,
        calendar: Calendar,
        day: datetime.date,
        now: datetime.datetime,
        segments: Iterable[str],
    ) -> int:
        hours = hours_of(calendar, day, segments, now)
        with transaction.atomic():
            if not claims.try_serialize(f"survey:{code}"):
                return 0
            found = _survey(code, day, hours, now) if hours else 0
        is_past = day < calendar.day_of(now)
        if is_past and all(each.until >= each.session.closes_at for each in hours):
            self._finished.add((code, day))
        return found


@dataclass(frozen=True, slots=True)
class Hours:
    """The session of one segment, and up to where it can be looked at."""

    segment: str
    is_expiring: bool
    session: Session
    until: datetime.datetime


def survey_asked(instruments: Iterable[Instrument], now: datetime.datetime) -> int:
    """Look at the running or the last session of what somebody just asked for."""
    found = 0
    by_exchange: dict[str, list[Instrument]] = {}
    for instrument in instruments:
        by_exchange.setdefault(instrument.exchange_id, []).append(instrument)
    for code, calendar in calendars(by_exchange).items():
        asked = by_exchange[code]
        segments = {instrument.hours_segment for instrument in asked}
        for day in last_days(calendar, segments, now):
            hours = hours_of(calendar, day, segments, now)
            with transaction.atomic():
                claims.serialize(f"survey:{code}")
                only = [instrument.pk for instrument in asked]
                found += _survey(code, day, hours, now, only=only)
    return found


def last_days(
    calendar: Calendar, segments: Iterable[str], now: datetime.datetime
) -> list[datetime.date]:
    """Return the day of the newest session, and the one before while it is young."""
    segment = min(segments)
    chosen: list[datetime.date] = []
    day = calendar.day_of(now)
    for _ in range(SEARCHED_DAYS):
        session = calendar.session_on(day, segment)
        if session and session.opens_at < now:
            chosen.append(day)
            if now - session.opens_at >= YOUNG:
                break
        day -= ONE_DAY
    return chosen[:2]


def hours_of(
    calendar: Calendar,
    day: datetime.date,
    segments: Iterable[str],
    now: datetime.datetime,
) -> list[Hours]:
    """Return the sessions that were held on ``day``, as far as they can be seen."""
    settled = _minute(now - SETTLED_AFTER)
    found = []
    for segment in sorted(segments):
        for is_expiring in (False, True):
            session = calendar.session_on(day, segment, is_expiring=is_expiring)
            if session and session.opens_at < settled:
                until = min(session.closes_at, settled)
                found.append(Hours(segment, is_expiring, session, until))
    return found


def _survey(
    exchange: str,
    day: datetime.date,
    hours: Sequence[Hours],
    now: datetime.datetime,
    *,
    only: Sequence[int] | None = None,
) -> int:
    if not hours:
        return 0
    parameters: dict[str, Any] = {
        "exchange": exchange,
        "day": day,
        "now": now,
        "only": only,
        "asked": only or [],
        "shards": settings.TICK_SHARDS,
        "fo_stocks": FO_STOCKS,
        "patience": PATIENCE,
        "segments": [each.segment for each in hours],
        "expiring": [each.is_expiring for each in hours],
        "opens": [each.session.opens_at for each in hours],
        "closes": [each.session.closes_at for each in hours],
        "untils": [each.until for each in hours],
        # Bounds that the planner knows: only their partitions are read.
        "first": min(each.session.opens_at for each in hours),
        "last": max(each.until for each in hours),
    }
    with connection.cursor() as cursor:
        cursor.execute(SURVEY, parameters)
        return int(cursor.rowcount)


def _put_back() -> set[tuple[str, datetime.date]]:
    """Return the days of exchanges on which a session is to be looked at anew."""
    sessions = SessionGap.objects.filter(
        surveyed_until=F("opens_at"), instrument__is_active=True
    )
    return set(sessions.values_list("instrument__exchange_id", "day"))


def _segments() -> dict[str, set[str]]:
    """Return the segments whose hours the instruments of each exchange keep."""
    found: dict[str, set[str]] = {}
    active = Instrument.objects.filter(is_active=True).order_by()
    for exchange, segment in active.values_list("exchange", "segment").distinct():
        found.setdefault(exchange, {FO_STOCKS}).add(segment)
    return found


def _days(calendar: Calendar, now: datetime.datetime) -> Iterator[datetime.date]:
    today = calendar.day_of(now)
    for number in range(settings.GAP_MAP_DAYS):
        yield today - number * ONE_DAY


def _minute(at: datetime.datetime) -> datetime.datetime:
    return at.replace(second=0, microsecond=0)
