"""What a set of legs is worth: at expiry, and on any day before it.

Quantities are signed units (never lots): positive bought, negative sold. Profits are
rupees against the prices the legs were entered at. At the nearest expiry of the set,
legs that end then pay their intrinsic value, longer ones are priced by Black's model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from marketdata import greeks

Array = npt.NDArray[np.float64]

_SCAN_POINTS = 401
# How far from the spot a curved profile is looked at, in parts of the spot.
_REACH = 0.5
_HALVINGS = 60
_DUST = 1e-9


class Kind(StrEnum):
    """What a leg is."""

    CALL = "CE"
    PUT = "PE"
    FUTURE = "FUT"


@dataclass(frozen=True, slots=True)
class Leg:
    """One position of a strategy.

    ``forward`` is the price at which the underlying is now traded for the day the leg
    ends; a volatility is needed of options that live longer than the nearest expiry,
    and for every value before expiry.
    """

    kind: Kind
    quantity: int
    entry_price: float
    years: float
    forward: float
    strike: float = 0.0
    volatility: float | None = None
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of legs at its nearest expiry; a bound of None has no limit.

    ``slope`` is what the set gains per rupee above every strike.
    """

    spots: Array
    profits: Array
    break_evens: list[float]
    max_profit: float | None
    max_loss: float | None
    slope: int
    # False: a longer leg bends the profile, and its bounds are those of the range.
    is_exact: bool

    @property
    def risk_reward(self) -> float | None:
        """Return the most to win over the most to lose."""
        if self.max_profit is None or not self.max_loss or self.max_loss >= 0:
            return None
        return self.max_profit / -self.max_loss


def profits(
    legs: Sequence[Leg],
    spots: Array,
    *,
    spot: float,
    years_on: float = 0.0,
    volatility_shift: float = 0.0,
) -> Array:
    """Return the profit at each of ``spots`` when ``years_on`` have passed.

    Forwards keep their ratio to the spot. A leg that has ended was settled at the
    spot; a value that needs an unknown volatility is NaN.
    """
    total = np.zeros_like(spots)
    for leg in legs:
        worth = _worth(leg, spots, spot, years_on, volatility_shift)
        total += leg.quantity * (worth - leg.entry_price)
    return total


def _worth(
    leg: Leg, spots: Array, spot: float, years_on: float, volatility_shift: float
) -> Array:
    left = max(leg.years - years_on, 0.0)
    # The premium of the forward melts with the time that is left.
    share = left / leg.years if leg.years > 0 else 0.0
    forwards: Array = spots * (leg.forward / spot) ** share
    if leg.kind is Kind.FUTURE:
        return forwards
    sign = 1.0 if leg.kind is Kind.CALL else -1.0
    if left <= 0:
        return np.asarray(np.maximum(sign * (forwards - leg.strike), 0.0))
    if leg.volatility is None:
        return np.full_like(spots, np.nan)
    volatility = max(leg.volatility + volatility_shift, 0.0)
    # A price of 0 has no logarithm; its option has its intrinsic value.
    terms = greeks.Terms(
        np.maximum(forwards, _DUST),
        leg.strike,
        left,
        leg.kind is Kind.CALL,
        leg.rate,
    )
    return greeks.price(volatility, terms)


def at_expiry(legs: Sequence[Leg], *, spot: float, spots: Array) -> Profile:
    """Return the profile of ``legs`` at their nearest expiry over ``spots``."""
    horizon = min(leg.years for leg in legs)

    def profit(prices: Array) -> Array:
        return profits(legs, prices, spot=spot, years_on=horizon)

    is_exact = all(leg.years - horizon <= _DUST for leg in legs)
    kinks = _kinks(legs, spot, is_exact=is_exact)
    slope = _last_slope(legs)
    return Profile(
        spots=spots,
        profits=profit(spots),
        break_evens=_break_evens(profit, kinks, slope=slope),
        slope=slope,
        is_exact=is_exact,
        **_bounds(profit(kinks), slope),
    )


def _kinks(legs: Sequence[Leg], spot: float, *, is_exact: bool) -> Array:
    """Return where the profile bends, or a close row of prices where it curves."""
    strikes = [leg.strike for leg in legs if leg.kind is not Kind.FUTURE]
    far = 2 * max([spot, *strikes])
    if is_exact:
        return np.array(sorted({0.0, *strikes, far}))
    low, high = spot * (1 - _REACH), spot * (1 + _REACH)
    return np.unique([*np.linspace(low, high, _SCAN_POINTS), *strikes])


def _last_slope(legs: Sequence[Leg]) -> int:
    """Return what the set gains per rupee above every strike."""
    return sum(leg.quantity for leg in legs if leg.kind is not Kind.PUT)


def _bounds(worths: Array, slope: int) -> dict[str, float | None]:
    if not np.isfinite(worths).all():
        return {"max_profit": None, "max_loss": None}
    return {
        "max_profit": None if slope > 0 else float(worths.max()),
        "max_loss": None if slope < 0 else float(worths.min()),
    }


def _break_evens(
    profit: Callable[[Array], Array], kinks: Array, *, slope: int
) -> list[float]:
    """Return the prices at which the profile goes through 0, lowest first."""
    worths = profit(kinks)
    found = [float(kinks[place]) for place in np.flatnonzero(worths == 0)]
    changes = np.flatnonzero(worths[:-1] * worths[1:] < 0)
    if changes.size:
        found += _crossings(profit, kinks[changes], kinks[changes + 1]).tolist()
    # Beyond the last kink the profile goes straight on.
    if slope and worths[-1] / slope < 0:
        found.append(float(kinks[-1] - worths[-1] / slope))
    return sorted(round(price, 4) for price in found)


def _crossings(profit: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return where the profit changes its sign between ``low`` and ``high``."""
    rises = profit(low) < 0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_below = (profit(middle) < 0) == rises
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return (low + high) / 2
