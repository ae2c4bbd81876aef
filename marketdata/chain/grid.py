"""The chain of one expiry over time: a row per interval, a column per strike.

A value holds until the next one is heard, from what was known when the range begins;
traded volume is that of the interval. Volatility and greeks are the feed's where it
has them, else ours, on the forward of their interval.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

from marketdata import greeks, smile, strikes
from marketdata.chain.contracts import ChainExpiry
from marketdata.chain.metrics import Array
from marketdata.chain.rows import Row, read
from marketdata.chain.snapshot import DAY_S, STALE_AFTER
from marketdata.chain.valuing import both, rate
from marketdata.greeks import DAYS_A_YEAR

MOST_INTERVALS = 500
SIDES = ("call", "put")
# What the tables keep of a side; traded volume beside.
KEPT = ("close", "open_interest", "iv", "delta", "gamma", "theta", "vega")
_FEED = KEPT[2:]


def _statement() -> str:
    last = ", ".join(
        f"(array_agg({side}_{name} ORDER BY opened_at DESC)"
        f" FILTER (WHERE {side}_{name} IS NOT NULL))[1]::float8"
        for side in SIDES
        for name in KEPT
    )
    sums = ", ".join(f"sum({side}_volume)::float8" for side in SIDES)
    return f"""
SELECT extract(epoch FROM date_bin(%(size)s, opened_at, %(start)s))::float8,
       strike::float8, {last}, {sums}
FROM fo_option_strike_bars
WHERE underlying_id = %(underlying)s AND expires_on = %(expires_on)s
  AND opened_at >= %(start)s AND opened_at < %(end)s
GROUP BY 1, 2
"""  # noqa: S608 - made of the names above


_CHAINS = _statement()
_SPOTS = """
SELECT extract(epoch FROM date_bin(%(size)s, opened_at, %(start)s))::float8,
       (array_agg(close ORDER BY opened_at DESC))[1]
FROM minute_bars
WHERE instrument_id = %(underlying)s
  AND opened_at >= %(start)s AND opened_at < %(end)s
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Grid:
    """Times in epoch seconds; each side's facts by name, intervals by strikes."""

    times: Array
    strikes: Array
    sides: dict[str, dict[str, Array]]
    spots: Array
    size: timedelta
    ends_at: datetime

    @cached_property
    def parities(self) -> list[smile.Parity | None]:
        """Return what calls and puts agree on in each interval."""
        call, put = (self.sides[side]["fresh_close"] for side in SIDES)
        return [
            smile.parity(self.strikes, *prices)
            for prices in zip(call, put, strict=True)
        ]

    @cached_property
    def forwards(self) -> Array:
        return np.array([one.forward if one else np.nan for one in self.parities])

    @cached_property
    def years(self) -> Array:
        """Return what is left at the end of each interval."""
        ends = self.times + self.size.total_seconds()
        return (self.ends_at.timestamp() - ends) / DAY_S / DAYS_A_YEAR

    def valued(self, side: str, name: str) -> Array:
        """Return a volatility or greek of one side: the feed's, else ours."""
        facts = self.sides[side]
        own = self._own[side]
        found = getattr(own, "volatility" if name == "iv" else name)
        if name not in facts:
            return np.asarray(found)
        is_told = (facts["iv"] > 0) & np.isfinite(facts["fresh_close"])
        return np.where(is_told, facts[name], found)

    @cached_property
    def _own(self) -> dict[str, greeks.Valuation]:
        return {side: self._implied(side) for side in SIDES}

    def _implied(self, side: str) -> greeks.Valuation:
        prices = self.sides[side]["fresh_close"]
        shape = prices.shape
        terms = greeks.Terms(
            np.repeat(self.forwards, shape[1]),
            np.tile(self.strikes, shape[0]),
            np.repeat(self.years, shape[1]),
            side == "call",
            rate(),
        )
        found = greeks.implied(prices.ravel(), terms)
        return greeks.Valuation(*(column.reshape(shape) for column in found))

    def ratios(self) -> list[float | None]:
        """Return the put-call ratio of open interest, interval by interval."""
        calls, puts = (self.total(side, "open_interest") for side in SIDES)
        pairs = zip(calls.tolist(), puts.tolist(), strict=True)
        return [strikes.put_call_ratio(*pair) for pair in pairs]

    def total(self, side: str, name: str) -> Array:
        return np.asarray(np.nansum(self.sides[side][name], axis=1))

    def max_pains(self) -> Array:
        interests = [np.nan_to_num(self.sides[side]["open_interest"]) for side in SIDES]
        return strikes.max_pain(self.strikes, *interests)

    @cached_property
    def money_volatilities(self) -> list[float | None]:
        """Return the volatility at the forward of each interval."""
        rows = zip(self.valued("call", "iv"), self.valued("put", "iv"), strict=True)
        means = [both(row) for row in rows]
        return [
            smile.at_the_money(self.strikes, mean, forward)
            for mean, forward in zip(means, self.forwards, strict=True)
        ]

    def skews(self) -> list[float | None]:
        """Return the 25-delta skew of each interval."""
        columns = [
            self.valued(side, name) for side in SIDES for name in ("delta", "iv")
        ]
        return [smile.skew(*row) for row in zip(*columns, strict=True)]

    def expected_moves(self) -> list[float | None]:
        """Return one standard deviation until the expiry, from each interval on."""
        rows = zip(
            self.forwards.tolist(),
            self.money_volatilities,
            self.years.tolist(),
            strict=True,
        )
        return [
            None if volatility is None else smile.expected_move(level, volatility, left)
            for level, volatility, left in rows
        ]


def grid(
    expiry: ChainExpiry, *, start: datetime, end: datetime, minutes: int
) -> Grid | None:
    """Return the newest intervals of the range that have bars; None without any."""
    size = timedelta(minutes=minutes)
    start = max(start, end - MOST_INTERVALS * size)
    parameters: dict[str, Any] = {
        "size": size,
        "start": start,
        "end": end,
        "underlying": expiry.underlying.pk,
        "expires_on": expiry.expires_on,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CHAINS, parameters)
        cells = np.array(cursor.fetchall(), dtype=np.float64)
        cursor.execute(_SPOTS, parameters)
        spots = np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 2)
    if not cells.size:
        return None
    known, spot = read(expiry, start - timedelta(minutes=1), is_now=False)
    times = np.unique(cells[:, 0])
    prices = np.unique([*cells[:, 1], *(row.strike for row in known if row.price)])
    return Grid(
        times=times,
        strikes=prices,
        sides=_placed(cells, times, prices, known),
        spots=_spots_at(times, spots, spot),
        size=size,
        ends_at=expiry.ends_at(),
    )


def _placed(
    cells: Array, times: Array, prices: Array, known: list[Row]
) -> dict[str, dict[str, Array]]:
    """Return the matrices of each side, holding each value until the next."""
    rows = np.searchsorted(times, cells[:, 0]) + 1
    columns = np.searchsorted(prices, cells[:, 1])
    table = np.full((2 * len(KEPT) + 2, times.size + 1, prices.size), np.nan)
    table[:, rows, columns] = cells[:, 2:].T
    for row in known:
        place = np.flatnonzero(prices == row.strike)
        first = 0 if row.is_call else len(KEPT)
        table[first, 0, place] = row.price
        table[first + 1, 0, place] = row.open_interest
    volumes = np.nan_to_num(table[2 * len(KEPT) :, 1:])
    bounds = pairwise((0, len(KEPT), 2 * len(KEPT)))
    return {
        side: _held(table[first:last], times) | {"volume": volume}
        for side, (first, last), volume in zip(SIDES, bounds, volumes, strict=True)
    }


def _held(table: Array, times: Array) -> dict[str, Array]:
    """Return the facts of one side, each unknown value replaced by the one before.

    A volatility is told with its price: where a price is news, its feed is too. A
    price that was held too long is no longer fresh.
    """
    is_news = ~np.isnan(table)
    is_news[2:] |= is_news[0]
    places = np.where(is_news, np.arange(table.shape[1])[:, None], 0)
    places = np.maximum.accumulate(places, axis=1)
    held = np.take_along_axis(table, places, axis=1)[:, 1:]
    heard_at = np.concatenate([[-np.inf], times])[places[0, 1:]]
    is_fresh = times[:, None] - heard_at <= STALE_AFTER.total_seconds()
    fresh_close = np.where(is_fresh, held[0], np.nan)
    return dict(zip(KEPT, held, strict=True)) | {"fresh_close": fresh_close}


def _spots_at(times: Array, spots: Array, before: float | None) -> Array:
    known_at = np.concatenate([[-np.inf], spots[:, 0]])
    known = np.concatenate([[np.nan if before is None else before], spots[:, 1]])
    places: npt.NDArray[np.int64] = np.searchsorted(known_at, times, side="right") - 1
    return known[places]
