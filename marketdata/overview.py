"""What moves: the watched instruments with their day, in two queries.

Options are left out: there are hundreds of them, and they have pages of their own.
The day of an instrument is that of its newest bar on its exchange's own clock, so
that a closed market shows its last day.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Case, QuerySet, When

from marketdata.calendars import calendars
from marketdata.models import (
    BarGap,
    Instrument,
    QuarantinedTick,
    ShardPosition,
)

WATCHED_KINDS = [Instrument.Kind.INDEX, Instrument.Kind.FUTURE, Instrument.Kind.STOCK]
MOST_WATCHED = 60
QUARANTINE_SPAN = timedelta(days=1)
SILENT_AFTER_S = 10

_DAYS = """
SELECT watched.id, newest.close, newest.last_tick_at, first.open, day.high, day.low,
       day.volume, before.close, recent.closes, newest.open_interest,
       coalesce(before.open_interest, first.open_interest)
FROM unnest(%(ids)s::bigint[], %(zones)s::text[]) AS watched (id, zone)
JOIN LATERAL (
    SELECT close, last_tick_at, open_interest,
           date_trunc('day', opened_at, zone) AS starts_at
    FROM minute_bars WHERE instrument_id = watched.id
    ORDER BY opened_at DESC LIMIT 1
) newest ON true
LEFT JOIN LATERAL (
    SELECT max(high) AS high, min(low) AS low, sum(volume)::bigint AS volume
    FROM minute_bars WHERE instrument_id = watched.id AND opened_at >= starts_at
) day ON true
LEFT JOIN LATERAL (
    SELECT open, open_interest FROM minute_bars
    WHERE instrument_id = watched.id AND opened_at >= starts_at
    ORDER BY opened_at LIMIT 1
) first ON true
LEFT JOIN LATERAL (
    SELECT close, open_interest FROM minute_bars
    WHERE instrument_id = watched.id AND opened_at < starts_at
    ORDER BY opened_at DESC LIMIT 1
) before ON true
LEFT JOIN LATERAL (
    SELECT array_agg(close ORDER BY opened_at) AS closes FROM (
        SELECT close, opened_at FROM minute_bars WHERE instrument_id = watched.id
        ORDER BY opened_at DESC LIMIT 60
    ) newest
) recent ON true
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What an instrument did on the day of its newest bar."""

    price: float | None = None
    last_tick_at: datetime | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: int | None = None
    previous_close: float | None = None
    closes: Sequence[float] = ()
    open_interest: int | None = None
    # Yesterday's last, else that of the day's first minute.
    base_open_interest: int | None = None

    @property
    def base(self) -> float | None:
        """Return what the price is compared with: yesterday's close, else the open."""
        return self.open if self.previous_close is None else self.previous_close

    @property
    def change(self) -> float | None:
        if self.price is None or self.base is None:
            return None
        return self.price - self.base

    @property
    def change_percent(self) -> float | None:
        if self.change is None or not self.base:
            return None
        return 100 * self.change / self.base

    @property
    def direction(self) -> str:
        change = self.change or 0
        return "up" if change > 0 else "down" if change < 0 else "flat"


@dataclass(frozen=True, slots=True)
class Watch:
    """One line of the table: an instrument and its day."""

    instrument: Instrument
    day: Day


@dataclass(frozen=True, slots=True)
class Feed:
    """How well the ticks arrive."""

    last_tick_at: datetime | None
    tick_age_s: float | None
    lag_s: float | None
    is_open: bool
    open_gaps: int
    quarantined: int

    @property
    def state(self) -> str:
        """Return waiting, live, silent, or closed when silence is as it should be."""
        if self.tick_age_s is None:
            return "waiting"
        if self.tick_age_s <= SILENT_AFTER_S:
            return "live"
        return "silent" if self.is_open else "closed"


def watched() -> list[Watch]:
    """Return the indices, futures and stocks, each with its day, in two queries."""
    instruments = list(_instruments())
    days = days_of(instruments)
    return [
        Watch(instrument, days.get(instrument.pk, Day())) for instrument in instruments
    ]


def _instruments() -> QuerySet[Instrument]:
    places = [When(kind=kind, then=place) for place, kind in enumerate(WATCHED_KINDS)]
    return (
        Instrument.objects.filter(is_active=True, kind__in=WATCHED_KINDS)
        .select_related("exchange")
        .order_by(Case(*places), "underlying_id", "expires_on", "exchange", "symbol")
    )[:MOST_WATCHED]


def days_of(instruments: Sequence[Instrument]) -> dict[int, Day]:
    """Return the day of each instrument that has a bar, in one query.

    Each comes with its exchange: the day is one of the exchange's own clock.
    """
    parameters: dict[str, Any] = {
        "ids": [instrument.pk for instrument in instruments],
        "zones": [instrument.exchange.timezone for instrument in instruments],
    }
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, parameters)
        return {row[0]: Day(*row[1:]) for row in cursor.fetchall()}


def feed(now: datetime, exchanges: Collection[str]) -> Feed:
    """Return the state of the feed that ``exchanges`` come by, in six small queries."""
    positions = list(ShardPosition.objects.all())
    ticks = [row.last_tick_at for row in positions if row.last_tick_at]
    clocks = [row.clock_at for row in positions if row.clock_at]
    newest = max(ticks, default=None)
    since = now - QUARANTINE_SPAN
    hours = calendars()
    return Feed(
        last_tick_at=newest,
        tick_age_s=_age_s(newest, now),
        lag_s=_age_s(min(clocks, default=None), now),
        is_open=any(hours[code].is_open(now) for code in exchanges),
        open_gaps=BarGap.objects.filter(status=BarGap.Status.OPEN).count(),
        quarantined=QuarantinedTick.objects.filter(received_at__gte=since).count(),
    )


def _age_s(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max((now - at).total_seconds(), 0)
