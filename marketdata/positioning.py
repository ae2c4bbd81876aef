"""How the futures of an underlying are positioned: signals, roll-over, basis.

Everything is of the active contracts. What changed between two bars is compared
within one contract, never across expiries. A day's change is against the last bar of
the day before, else against the first of the day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from django.db import connection

from marketdata import futures
from marketdata.calendars import calendar_of
from marketdata.futures import Basis, Rollover, Shift, Standing
from marketdata.models import Instrument
from marketdata.overview import Day
from marketdata.resolutions import Resolution
from marketdata.sessions import TradingDay

# An answer holds at most this many points, the newest of its range.
MOST_POINTS = 5_000
# How long before the range the bar may be that its first point is compared with.
LOOK_BACK = timedelta(days=10)

# Whole bars of a size, counted from the session's open of their day, and for each
# contract the last minute before them: what the first bar is compared with.
_BARS = """
WITH days AS (
    SELECT * FROM unnest(
        %(begins)s::timestamptz[], %(ends)s::timestamptz[], %(opens)s::timestamptz[]
    ) AS day (begins_at, ends_at, opens_at)
), minutes AS (
    SELECT bar.*, date_bin(%(size)s, bar.opened_at, day.opens_at) AS bucket_at
    FROM minute_bars AS bar
    JOIN days AS day
      ON bar.opened_at >= day.begins_at AND bar.opened_at < day.ends_at
    WHERE instrument_id = ANY(%(ids)s)
      AND bar.opened_at >= %(start)s AND bar.opened_at < %(end)s + %(size)s
), bars AS (
    SELECT instrument_id, bucket_at AS opened_at,
           (array_agg(close ORDER BY minutes.opened_at DESC))[1] AS close,
           (array_agg(open_interest ORDER BY minutes.opened_at DESC)
               FILTER (WHERE open_interest IS NOT NULL))[1] AS open_interest,
           sum(volume)::bigint AS volume
    FROM minutes
    WHERE bucket_at >= %(start)s AND bucket_at < %(end)s
    GROUP BY instrument_id, bucket_at
    ORDER BY bucket_at DESC, instrument_id
    LIMIT %(limit)s
), earlier AS (
    SELECT before.*
    FROM (SELECT instrument_id AS id, min(opened_at) AS first_at FROM bars GROUP BY 1)
      AS contract
    CROSS JOIN LATERAL (
        SELECT instrument_id, opened_at, close, open_interest, volume
        FROM minute_bars
        WHERE instrument_id = contract.id AND open_interest IS NOT NULL
          AND opened_at >= %(look_back)s AND opened_at < contract.first_at
        ORDER BY opened_at DESC LIMIT 1
    ) AS before
)
SELECT false AS is_asked, * FROM earlier UNION ALL SELECT true, * FROM bars
ORDER BY instrument_id, opened_at
"""


class Dates(Protocol):
    """Something that belongs to an expiry."""

    @property
    def days_left(self) -> int: ...


Dated = TypeVar("Dated", bound=Dates)


@dataclass(frozen=True, slots=True)
class FuturesPoint:
    """One bar of a contract, and what changed since the bar before it."""

    contract: Instrument
    opened_at: datetime
    close: float
    open_interest: int | None
    volume: int
    shift: Shift | None = None

    @property
    def expires_on(self) -> date:
        assert self.contract.expires_on is not None
        return self.contract.expires_on


@dataclass(frozen=True, slots=True)
class ExpiryShare:
    """What the contracts of one expiry hold, and how pressing it is to leave it."""

    expires_on: date
    days_left: int
    contracts: int
    open_interest: int
    volume: int
    share_percent: float | None
    rollover: Rollover


@dataclass(frozen=True, slots=True)
class FuturesLine:
    """One contract as it stands: its day, its basis and who moved."""

    contract: Instrument
    day: Day
    days_left: int
    basis: Basis | None
    shift: Shift | None


def contracts_of(underlying: Instrument) -> list[Instrument]:
    """Return the active futures of ``underlying``, the nearest expiry first."""
    found = Instrument.objects.filter(
        underlying=underlying, kind=Instrument.Kind.FUTURE, is_active=True
    )
    return list(found.select_related("exchange").order_by("expires_on", "symbol"))


def points(
    contracts: Sequence[Instrument],
    resolution: Resolution,
    *,
    start: datetime,
    end: datetime,
    threshold_percent: float,
) -> list[FuturesPoint]:
    """Return the newest bars of ``contracts`` in the range, each with its change."""
    if not contracts:
        return []
    by_id = {contract.pk: contract for contract in contracts}
    rows = _rows(contracts, resolution, start, end)
    found: list[FuturesPoint] = []
    for instrument_id, bars in groupby(rows, itemgetter(1)):
        contract = by_id[instrument_id]
        found += _compared(contract, list(bars), threshold_percent)
    return sorted(found, key=lambda point: (point.opened_at, point.expires_on))


def _rows(
    contracts: Sequence[Instrument],
    resolution: Resolution,
    start: datetime,
    end: datetime,
) -> list[tuple[Any, ...]]:
    parameters: dict[str, Any] = _days(contracts[0], start, end) | {
        "ids": [contract.pk for contract in contracts],
        "size": timedelta(minutes=resolution.minutes),
        "start": start,
        "end": end,
        "look_back": start - LOOK_BACK,
        "limit": MOST_POINTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_BARS, parameters)
        return list(cursor.fetchall())


def _days(contract: Instrument, start: datetime, end: datetime) -> dict[str, Any]:
    """Return when each day of the range begins, ends and opens its session."""
    calendar = calendar_of(contract.exchange_id)
    days: list[TradingDay] = []
    at = start.timestamp()
    while at < end.timestamp():
        days.append(calendar.trading_day(at, contract.hours_segment))
        at = days[-1].ends_at
    return {
        "begins": [_at(day.begins_at) for day in days],
        "ends": [_at(day.ends_at) for day in days],
        # A day without hours counts from midnight.
        "opens": [_at(day.opens_at or day.begins_at) for day in days],
    }


def _at(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def _compared(
    contract: Instrument, rows: list[tuple[Any, ...]], threshold_percent: float
) -> Iterator[FuturesPoint]:
    """Yield the bars that were asked for, each with what changed before it."""
    before: Standing | None = None
    for is_asked, _, opened_at, close, open_interest, volume in rows:
        now = None if open_interest is None else Standing(close, open_interest)
        change = (
            futures.shift(before, now, threshold_percent=threshold_percent)
            if before and now
            else None
        )
        before = now
        if is_asked:
            yield FuturesPoint(
                contract, opened_at, close, open_interest, volume, change
            )


def shares(
    contracts: Sequence[Instrument],
    days: Mapping[int, Day],
    today: date,
    *,
    threshold_days: int = futures.ROLLOVER_DAYS,
) -> list[ExpiryShare]:
    """Return how the open interest of ``contracts`` spreads over their expiries."""
    held = [days[contract.pk] for contract in contracts if contract.pk in days]
    total = sum(day.open_interest or 0 for day in held)
    found: list[ExpiryShare] = []
    for expires_on, group in groupby(contracts, lambda contract: contract.expires_on):
        assert expires_on is not None
        of_expiry = list(group)
        held = [days[one.pk] for one in of_expiry if one.pk in days]
        interest = sum(day.open_interest or 0 for day in held)
        share = 100 * interest / total if total else None
        left = futures.days_left(expires_on, today)
        found.append(
            ExpiryShare(
                expires_on=expires_on,
                days_left=left,
                contracts=len(of_expiry),
                open_interest=interest,
                volume=sum(day.volume or 0 for day in held),
                share_percent=share,
                rollover=futures.rollover(
                    share or 0.0, left, threshold_days=threshold_days
                ),
            )
        )
    return found


def nearest(found: Sequence[Dated]) -> Dated | None:
    """Return the first that is not over; they come in order of their expiries."""
    return next((one for one in found if one.days_left >= 0), None)


def lines(
    underlying: Instrument,
    contracts: Sequence[Instrument],
    days: Mapping[int, Day],
    today: date,
) -> list[FuturesLine]:
    """Return each contract with its day, its basis and who moved since yesterday."""
    spot = days.get(underlying.pk, Day())
    return [
        _line(contract, days.get(contract.pk, Day()), spot, today)
        for contract in contracts
    ]


def _line(contract: Instrument, day: Day, spot: Day, today: date) -> FuturesLine:
    assert contract.expires_on is not None
    days = futures.days_left(contract.expires_on, today)
    basis = (
        futures.basis(day.price, spot.price, days) if day.price and spot.price else None
    )
    return FuturesLine(contract, day, days, basis, _shift_of(day))


def _shift_of(day: Day) -> Shift | None:
    """Return what changed since yesterday; None while either end is unknown."""
    before = _standing(day.base, day.base_open_interest)
    now = _standing(day.price, day.open_interest)
    return futures.shift(before, now) if before and now else None


def _standing(price: float | None, open_interest: int | None) -> Standing | None:
    if price is None or open_interest is None:
        return None
    return Standing(price, open_interest)


def today_of(instrument: Instrument, now: datetime) -> date:
    """Return the date at ``now`` on the clock of the instrument's exchange."""
    return now.astimezone(ZoneInfo(instrument.exchange.timezone)).date()
