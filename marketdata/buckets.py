"""Larger bars from minutes by the plainest means: pure, one bar at a time.

This is the rule that rollups are held to. An intraday bar holds the minutes that
follow the open of its day's session in steps of its size; minutes before the open are
counted back from it, a day without a session is counted from midnight, and no bar
reaches into another day. A longer bar holds whole days of the exchange's clock.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from marketdata.resolutions import Resolution
from marketdata.sessions import Calendar

Key = datetime.datetime | datetime.date


@dataclass(frozen=True, slots=True)
class Values:
    """What a bar says, whatever its length."""

    open: float
    high: float
    low: float
    close: float
    volume: int
    open_interest: int | None = None


@dataclass(frozen=True, slots=True)
class Larger:
    """A larger bar, and the first trading day in it that has minutes."""

    first_on: datetime.date
    values: Values


Minutes = Iterable[tuple[datetime.datetime, Values]]
Side = Mapping[str, float | None]
# What a column of a strike's side needs to be taken from a minute.
VOUCHERS = {
    "delta": "iv", "gamma": "iv", "theta": "iv", "vega": "iv",
    "bid": "bid_quantity", "ask": "bid_quantity", "ask_quantity": "bid_quantity",
}  # fmt: skip


def begins(
    at: datetime.datetime, resolution: Resolution, calendar: Calendar, segment: str
) -> Key:
    """Return where the bar begins that holds the minute ``at``."""
    day = calendar.day_of(at)
    if not resolution.is_intraday:
        return resolution.first_day(day)
    midnight = datetime.datetime.combine(day, datetime.time(), calendar.timezone)
    session = calendar.session_on(day, segment)
    # In UTC: a step of so many minutes is one of the clock everybody shares.
    origin = (session.opens_at if session else midnight).astimezone(datetime.UTC)
    size = datetime.timedelta(minutes=resolution.minutes)
    steps = (at - origin) // size
    return max(origin + steps * size, midnight.astimezone(datetime.UTC))


def larger(
    minutes: Minutes, resolution: Resolution, calendar: Calendar, segment: str
) -> dict[Key, Larger]:
    """Return the bars of one instrument; ``minutes`` come in the order of time."""
    found: dict[Key, Larger] = {}
    for at, values in minutes:
        key = begins(at, resolution, calendar, segment)
        bar = found.get(key)
        found[key] = (
            Larger(bar.first_on, joined(bar.values, values))
            if bar
            else Larger(calendar.day_of(at), values)
        )
    return found


def joined(bar: Values, minute: Values) -> Values:
    """Return ``bar`` with one minute more at its end."""
    oi = minute.open_interest
    return Values(
        open=bar.open,
        high=max(bar.high, minute.high),
        low=min(bar.low, minute.low),
        close=minute.close,
        volume=bar.volume + minute.volume,
        open_interest=bar.open_interest if oi is None else oi,
    )


def joined_side(side: Side, minute: Side) -> dict[str, float | None]:
    """Return one side of a strike with one minute more at its end."""
    return {
        column: (
            _sum(side[column], value)
            if column == "volume"
            else value
            if minute[VOUCHERS.get(column, column)] is not None
            else side[column]
        )
        for column, value in minute.items()
    }


def _sum(before: float | None, more: float | None) -> float | None:
    return before if more is None else more + (before or 0)
