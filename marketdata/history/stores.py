"""Where the fragments of closed days come from: Redis, else PostgreSQL, else bars.

The version that a fragment is kept under was read before its bars were. So it may
hold something newer than its version says, never something older; and a reader that
knows of a newer version does not take it.

These functions wait, and are called in threads.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

import psycopg
from django.conf import settings
from django.db import connection
from redis.exceptions import RedisError

from marketdata.history import fragments, source
from marketdata.history.charted import Charted
from marketdata.history.fragments import Fragment
from marketdata.resolutions import MINUTE, Resolution
from tradingsite import redis as ground

logger = logging.getLogger(__name__)

KEPT_S = 24 * 3600
# So many days at once hold fewer minutes than one question may bring.
DAYS_AT_ONCE = 6
MOST_DAYS_AT_ONCE = 300

# A day's bars may reach past its midnight when they are long, so the next day counts.
_VERSIONS = """
SELECT asked.day - DATE '0001-01-01' + 1,
       coalesce(own.version, 0) + coalesce(next.version, 0) + calendar.version,
       kept.columns
  FROM generate_series(%(first)s::date, %(last)s::date, interval '1 day') AS days(at)
 CROSS JOIN LATERAL (SELECT days.at::date AS day) AS asked
 CROSS JOIN (SELECT coalesce(max(version), 0) AS version FROM market_versions
              WHERE name = 'calendar') AS calendar
  LEFT JOIN bar_days own ON own.instrument_id = %(instrument)s AND own.day = asked.day
  LEFT JOIN bar_days next
    ON next.instrument_id = %(instrument)s AND next.day = asked.day + 1
  LEFT JOIN day_fragments kept
    ON %(is_minute)s AND kept.instrument_id = %(instrument)s AND kept.day = asked.day
   AND kept.version
     = coalesce(own.version, 0) + coalesce(next.version, 0) + calendar.version
"""
_KEEP = """
INSERT INTO day_fragments AS kept (instrument_id, day, version, columns)
SELECT %s, DATE '0001-01-01' + (day - 1), version, columns
  FROM unnest(%b::int[], %b::bigint[], %b::bytea[]) AS made(day, version, columns)
 ORDER BY day
    ON CONFLICT (instrument_id, day) DO UPDATE
   SET version = EXCLUDED.version, columns = EXCLUDED.columns
 WHERE kept.version < EXCLUDED.version
"""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Which days are asked for, and under which name Redis has them."""

    charted: Charted
    resolution: Resolution
    epoch: int
    calendar: int

    def key(self, day: int) -> str:
        chart = self.charted
        return (
            f"{settings.REDIS_PREFIX}:history:{self.epoch:x}:{self.calendar}:"
            f"{chart.id}:{self.resolution.code}:{day}:{chart.version(day)}"
        )


def days(shelf: Shelf, first: int, last: int) -> dict[int, Fragment]:
    """Return the fragments of the closed days from ``first`` through ``last``."""
    wanted = range(first, last + 1)
    found = _from_redis(shelf, wanted)
    missing = [day for day in wanted if day not in found]
    if missing:
        made = _from_postgres(shelf, missing[0], missing[-1])
        _to_redis(shelf, made)
        found |= made
    return found


def tail(chart: Charted, resolution: Resolution, start: int) -> Fragment:
    """Return the bars from ``start`` on, as they stand now."""
    return _read(chart, resolution, start, source.LATEST)


def _from_redis(shelf: Shelf, wanted: Iterable[int]) -> dict[int, Fragment]:
    asked = list(wanted)
    try:
        values = ground.client().mget([shelf.key(day) for day in asked])
        pairs = zip(asked, cast("list[bytes | None]", values), strict=True)
        return {
            day: fragments.unpacked(text) for day, text in pairs if text is not None
        }
    except (RedisError, ValueError):
        return {}


def _to_redis(shelf: Shelf, made: dict[int, Fragment]) -> None:
    pipeline = ground.client().pipeline(transaction=False)
    for day, fragment in made.items():
        pipeline.set(shelf.key(day), fragments.packed(fragment), ex=KEPT_S)
    try:
        pipeline.execute()
    except RedisError as error:
        logger.debug("Fragments were not shared: %s", error)


def _from_postgres(shelf: Shelf, first: int, last: int) -> dict[int, Fragment]:
    is_minute = shelf.resolution == MINUTE
    versions, found = _kept(shelf.charted.id, first, last, is_minute=is_minute)
    missing = [day for day in versions if day not in found]
    made: dict[int, Fragment] = {}
    longest = min(DAYS_AT_ONCE * shelf.resolution.minutes, MOST_DAYS_AT_ONCE)
    for run in _runs(missing, longest):
        made |= _cut_from_bars(shelf, run)
    if is_minute and made:
        _keep(shelf.charted.id, versions, made)
    return found | made


def _kept(
    instrument_id: int, first: int, last: int, *, is_minute: bool
) -> tuple[dict[int, int], dict[int, Fragment]]:
    """Return the version of each day, and the fragments that are of this version."""
    parameters: dict[str, Any] = {
        "instrument": instrument_id,
        "first": date.fromordinal(first),
        "last": date.fromordinal(last),
        "is_minute": is_minute,
    }
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, parameters)
        rows = cursor.fetchall()
    versions = {day: version for day, version, _ in rows}
    found = {
        day: fragments.unpacked(bytes(text))
        for day, _, text in rows
        if text is not None
    }
    return versions, found


def _keep(
    instrument_id: int, versions: dict[int, int], made: dict[int, Fragment]
) -> None:
    numbers = [versions[day] for day in made]
    texts = [fragments.packed(fragment) for fragment in made.values()]
    connection.ensure_connection()
    # Django's cursor would write the bytes into the statement as text.
    with psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_KEEP, [instrument_id, list(made), numbers, texts])


def _runs(missing: Sequence[int], longest: int) -> Iterable[range]:
    """Yield the days as runs that follow one another, none longer than ``longest``."""
    begin = 0
    for place, day in enumerate(missing):
        is_last = place + 1 == len(missing)
        is_full = place + 1 - begin == longest
        if is_last or is_full or missing[place + 1] != day + 1:
            yield range(missing[begin], day + 1)
            begin = place + 1


def _cut_from_bars(shelf: Shelf, run: range) -> dict[int, Fragment]:
    chart = shelf.charted
    edges = [chart.midnight(day) for day in (*run, run[-1] + 1)]
    whole = _read(chart, shelf.resolution, edges[0], edges[-1])
    return dict(zip(run, fragments.split(whole, edges), strict=True))


def _read(chart: Charted, resolution: Resolution, start: int, end: int) -> Fragment:
    bars = source.between(chart.instrument, resolution, start, end)
    return fragments.made_of(
        [
            column.encode()
            for column in (
                bars.opened_at, bars.open, bars.high, bars.low, bars.close, bars.volume,
            )
        ]
    )  # fmt: skip
