"""What the exchange's rule book says: expiries, lots, ticks and names of contracts.

Lots, freeze quantities and tick sizes are dated: each table is read by the first
day on which its row holds.
"""

import datetime as dt
from bisect import bisect_right
from typing import NamedTuple
from zoneinfo import ZoneInfo

IST = ZoneInfo("Asia/Kolkata")
_CLOSE = dt.time(15, 30)
_TUESDAY = 1
_IST_AHEAD_S = 19_800.0
_CLOSE_S = 15.5 * 3600
_MONTH_LETTERS = "123456789OND"


class LotRule(NamedTuple):
    """Lot and freeze quantity of contracts that expire on or after a day."""

    expires_from: dt.date
    lot_size: int
    freeze_quantity: int


LOTS: dict[str, tuple[LotRule, ...]] = {
    "NIFTY": (
        LotRule(dt.date(2024, 4, 26), 25, 1800),
        LotRule(dt.date(2024, 11, 20), 75, 1800),
        LotRule(dt.date(2026, 1, 6), 65, 1800),
    ),
    "BANKNIFTY": (
        LotRule(dt.date(2023, 7, 1), 15, 900),
        LotRule(dt.date(2024, 11, 20), 30, 900),
        LotRule(dt.date(2025, 7, 1), 35, 600),
        LotRule(dt.date(2026, 1, 27), 30, 600),
    ),
    "MIDCPNIFTY": (
        LotRule(dt.date(2024, 4, 26), 50, 2800),
        LotRule(dt.date(2024, 11, 20), 120, 2800),
        LotRule(dt.date(2025, 7, 1), 140, 2800),
        LotRule(dt.date(2026, 1, 27), 120, 2800),
    ),
}

# (first day, ((price below which the tick holds, tick), ...)); the last has no top.
_Bands = tuple[tuple[float, float], ...]
_TOP = float("inf")
STOCK_TICKS: tuple[tuple[dt.date, _Bands], ...] = (
    (dt.date(2000, 1, 1), ((_TOP, 0.05),)),
    (dt.date(2024, 6, 10), ((250, 0.01), (_TOP, 0.05))),
    (
        dt.date(2025, 4, 15),
        (
            (250, 0.01),
            (1_000, 0.05),
            (5_000, 0.10),
            (10_000, 0.50),
            (20_000, 1.00),
            (_TOP, 5.00),
        ),
    ),
)
FUTURE_TICKS: tuple[tuple[dt.date, _Bands], ...] = (
    (dt.date(2000, 1, 1), ((_TOP, 0.05),)),
    (dt.date(2025, 4, 15), ((15_000, 0.05), (30_000, 0.10), (_TOP, 0.20))),
)
OPTION_TICK = 0.05
INDEX_TICK = 0.05


def lot_rule(underlying: str, expires_on: dt.date) -> LotRule:
    """Return the rule for a contract; the oldest one for earlier expiries."""
    rules = LOTS[underlying]
    place = bisect_right([rule.expires_from for rule in rules], expires_on)
    return rules[max(place - 1, 0)]


def tick_size(
    tables: tuple[tuple[dt.date, _Bands], ...], on: dt.date, level: float
) -> float:
    """Return the tick that holds on a day at a price level."""
    bands = next(bands for since, bands in reversed(tables) if since <= on)
    return next(tick for top, tick in bands if level < top)


def expiry_instant(expires_on: dt.date) -> float:
    """Return the epoch second at which contracts of this expiry stop."""
    return dt.datetime.combine(expires_on, _CLOSE, tzinfo=IST).timestamp()


def ist_date(time: float) -> dt.date:
    return dt.datetime.fromtimestamp(time, IST).date()


def day_number(time: float) -> int:
    """Return the IST day of ``time``, counted; IST has had one offset since 1945."""
    return int((time + _IST_AHEAD_S) // 86_400)


def day_opened(day: int) -> float:
    return day * 86_400.0 - _IST_AHEAD_S


def day_closed(day: int) -> float:
    """Return when contracts that expire on this day stop."""
    return day_opened(day) + _CLOSE_S


def _last_tuesday(year: int, month: int) -> dt.date:
    following = dt.date(year + month // 12, month % 12 + 1, 1)
    last = following - dt.timedelta(days=1)
    return last - dt.timedelta(days=(last.weekday() - _TUESDAY) % 7)


def is_monthly(expires_on: dt.date) -> bool:
    return expires_on == _last_tuesday(expires_on.year, expires_on.month)


def weekly_expiries(time: float, count: int) -> list[dt.date]:
    """Return the next Tuesdays that have not yet closed."""
    today = ist_date(time)
    first = today + dt.timedelta(days=(_TUESDAY - today.weekday()) % 7)
    if expiry_instant(first) <= time:
        first += dt.timedelta(days=7)
    return [first + dt.timedelta(days=7 * number) for number in range(count)]


def monthly_expiries(time: float, count: int) -> list[dt.date]:
    """Return the next last Tuesdays of a month that have not yet closed."""
    today = ist_date(time)
    months = [today.year * 12 + today.month - 1 + number for number in range(count + 1)]
    days = [_last_tuesday(month // 12, month % 12 + 1) for month in months]
    return [day for day in days if expiry_instant(day) > time][:count]


def option_symbol(
    underlying: str, expires_on: dt.date, strike: float, option_type: str
) -> str:
    return f"{_stem(underlying, expires_on)}{strike:g}{option_type}"


def future_symbol(underlying: str, expires_on: dt.date) -> str:
    return f"{underlying}{expires_on:%y%b}FUT".upper()


def _stem(underlying: str, expires_on: dt.date) -> str:
    if is_monthly(expires_on):
        return f"{underlying}{expires_on:%y%b}".upper()
    letter = _MONTH_LETTERS[expires_on.month - 1]
    return f"{underlying}{expires_on:%y}{letter}{expires_on:%d}"
