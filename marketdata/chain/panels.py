"""The indicators that pages show of a chain: by moneyness over time, by strike now.

Moneyness counts listed strikes from the one nearest to the underlying, and looks at
the side: a call above it and a put below it are out of the money.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import isnan

import numpy as np

from marketdata.chain.grid import Grid
from marketdata.chain.metrics import Array

FARTHEST = 10


class Indicator(StrEnum):
    """What can be asked of a chain."""

    IV = "iv"
    DELTA = "delta"
    GAMMA = "gamma"
    THETA = "theta"
    VEGA = "vega"
    RHO = "rho"
    OI = "oi"
    PCR = "pcr"
    MAX_PAIN = "max_pain"
    PREMIUM = "premium"


class SideAsked(StrEnum):
    """Which side of a strike; both are joined as ``joined`` says."""

    CALL = "call"
    PUT = "put"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Panel:
    """How a page shows an indicator: over time by moneyness, or across strikes."""

    indicator: Indicator
    label: str
    orientation: str
    option_side: SideAsked
    default: bool

    @property
    def id(self) -> str:
        return f"{self.indicator}-{self.orientation}"


_LABELS = {
    Indicator.IV: "Implied volatility",
    Indicator.DELTA: "Delta",
    Indicator.GAMMA: "Gamma",
    Indicator.THETA: "Theta a day",
    Indicator.VEGA: "Vega per 1 %",
    Indicator.OI: "Open interest",
    Indicator.PCR: "Put-call ratio",
    Indicator.MAX_PAIN: "Max pain",
}
_SHOWN_FIRST = {Indicator.IV, Indicator.OI, Indicator.PCR, Indicator.MAX_PAIN}
PANELS = [
    Panel(one, label, orientation, SideAsked.BOTH, one in _SHOWN_FIRST)
    for orientation in ("horizontal", "vertical")
    for one, label in _LABELS.items()
    # Max pain is one number an expiry: there is nothing to spread over strikes.
    if not (one is Indicator.MAX_PAIN and orientation == "vertical")
]


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its moneyness, and a value per interval, None for unknown."""

    bucket: str
    values: list[float | None]


def bucket_of(steps: int, *, is_call: bool) -> str:
    """Return ATM, OTM2, ITM1 and so on; farther ones count as the farthest."""
    if steps == 0:
        return "ATM"
    depth = min(abs(steps), FARTHEST)
    return f"{'OTM' if (steps > 0) == is_call else 'ITM'}{depth}"


def moneyness_series(
    grid: Grid, indicator: Indicator, side: SideAsked, levels: int
) -> Iterator[Series]:
    """Yield a line per moneyness, from the deepest in the money to the farthest out."""
    if indicator is Indicator.MAX_PAIN:
        yield Series("expiry", known(grid.max_pains()))
        return
    middles = _middles(grid)
    # Counted towards out of the money: upwards for calls, downwards for puts.
    for steps in range(-levels, levels + 1):
        call = _along(grid, "call", indicator, middles + steps)
        put = _along(grid, "put", indicator, middles - steps)
        values = known(joined(indicator, side, call, put))
        yield Series(bucket_of(steps, is_call=True), values)


def joined(indicator: Indicator, side: SideAsked, call: Array, put: Array) -> Array:
    """Join two sides: the mean; of open interest the sum, of delta the sum of sizes.

    The put-call ratio needs both sides and is the same whichever is asked for.
    """
    if indicator is Indicator.PCR:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(call > 0, put / call, np.nan))
    if side is not SideAsked.BOTH:
        return call if side is SideAsked.CALL else put
    if indicator is Indicator.OI:
        return call + put
    if indicator is Indicator.DELTA:
        return np.abs(call) + np.abs(put)
    return (call + put) / 2


def known(values: Array) -> list[float | None]:
    return [None if isnan(value) else value for value in values.tolist()]


def fact(grid: Grid, side: str, indicator: Indicator) -> Array:
    """Return the matrix of an indicator's values for one side."""
    if indicator in {Indicator.OI, Indicator.PCR}:
        return grid.sides[side]["open_interest"]
    if indicator is Indicator.PREMIUM:
        return grid.sides[side]["close"]
    return grid.valued(side, indicator.value)


def _middles(grid: Grid) -> Array:
    """Return which strike is nearest to the underlying in each interval."""
    levels = np.where(np.isnan(grid.spots), grid.forwards, grid.spots)
    distances = np.abs(grid.strikes[None, :] - levels[:, None])
    return np.asarray(np.argmin(distances, axis=1), dtype=np.float64)


def _along(grid: Grid, side: str, indicator: Indicator, places: Array) -> Array:
    """Return one value per interval, NaN where no strike is listed so far out."""
    inside = (places >= 0) & (places < grid.strikes.size)
    column = np.where(inside, places, 0).astype(np.int64)
    values = fact(grid, side, indicator)[np.arange(grid.times.size), column]
    return np.where(inside, values, np.nan)
