"""Price, implied volatility and greeks of European options, a whole chain at a time.

    quotes = Terms(forward, strikes, years, is_call, rate)
    implied(prices, quotes).volatility

The model is Black's: an option on a forward (Black-76), or, where a dividend yield is
given, on a spot price that grows to its forward (Black-Scholes-Merton).

Units: prices and strikes in rupees; volatility and rates as fractions a year (0.12);
``years`` of 365 calendar days. Of the greeks, ``delta`` is per rupee of the
underlying, ``gamma`` the change of delta per rupee, ``theta`` per calendar day,
``vega`` and ``rho`` per one percent. ``rho`` of an option on a forward holds the
forward still.

What cannot be known is NaN, never 0: a price at or below intrinsic value or at its
upper bound, no time left, a price whose last digit moves the volatility more than a
part in a thousand, or one so small (1e-307) that a float does not hold its digits.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from marketdata.greeks.mills import Array, normal
from marketdata.greeks.volatility import (
    Normalized,
    normalized,
    rich_spread_of,
    shortfall,
    spread_of,
)

DAYS_A_YEAR = 365.0
_EPSILON = float(np.finfo(np.float64).eps)
_TINY = float(np.finfo(np.float64).tiny)
# A time value of so many last digits of the price, or less, is rounding.
_ROUNDING = 4
_LOST = 1e-3


class Terms(NamedTuple):
    """What a price depends on beside volatility; arrays of one length, or numbers."""

    underlying: Array | float
    strike: Array | float
    years: Array | float
    is_call: npt.NDArray[np.bool_] | bool
    rate: Array | float = 0.0
    # None: the underlying is a forward.
    dividend_yield: Array | float | None = None


class Valuation(NamedTuple):
    """An option by its volatility, in the units of this module."""

    volatility: Array
    price: Array
    delta: Array
    gamma: Array
    theta: Array
    vega: Array
    rho: Array


class _Contract(NamedTuple):
    """The terms as the formulas want them: whole arrays, the forward made."""

    forward: Array
    strike: Array
    years: Array
    side: Array
    rate: Array
    carry: Array
    # By which factor the underlying grows to its forward.
    growth: Array
    is_on_forward: bool
    is_sound: npt.NDArray[np.bool_]
    discount: Array
    # |ln(F / K)|, exact near the money and far from it.
    distance: Array
    # What normalized prices are counted in.
    unit: Array
    intrinsic: Array
    # What no time value reaches.
    bound: Array


def _contract(terms: Terms) -> _Contract:
    """Make every array whole; where terms make no sense, harmless ones stand in."""
    on_forward = terms.dividend_yield is None
    numbers = (
        terms.underlying,
        terms.strike,
        terms.years,
        terms.rate,
        terms.rate if terms.dividend_yield is None else terms.dividend_yield,
    )
    spot, strike, years, rate, carry, is_call = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(number, dtype=np.float64)) for number in numbers),
        np.atleast_1d(np.asarray(terms.is_call, dtype=np.bool_)),
    )
    growth = np.exp((rate - carry) * years)
    forward = spot * growth
    sane = (forward > 0) & (strike > 0) & np.isfinite(forward * strike + years)
    has_time = sane & (years > 0)
    forward, strike = np.where(sane, forward, 1.0), np.where(sane, strike, 1.0)
    years, rate = np.where(has_time, years, 1.0), np.where(has_time, rate, 0.0)
    gap, bound = forward - strike, np.minimum(forward, strike)
    side = np.where(is_call, 1.0, -1.0)
    return _Contract(
        forward=forward,
        strike=strike,
        years=years,
        side=side,
        rate=rate,
        carry=carry,
        growth=growth,
        is_on_forward=on_forward,
        is_sound=has_time,
        discount=np.exp(-rate * years),
        distance=np.log1p(np.abs(gap) / bound),
        unit=np.sqrt(forward) * np.sqrt(strike),
        intrinsic=np.maximum(side * gap, 0.0),
        bound=bound,
    )


@np.errstate(all="ignore")
def price(volatility: Array | float, terms: Terms) -> Array:
    """Return the price; its intrinsic value where no volatility or no time is left."""
    contract = _contract(terms)
    asked = np.asarray(volatility, dtype=np.float64)
    spread = asked * np.sqrt(contract.years)
    moves = contract.is_sound & (spread > 0) & np.isfinite(spread)
    found = normalized(contract.distance, np.where(moves, spread, 1.0))
    time_value = np.where(moves, _time_value(contract, found), 0.0)
    whole = contract.discount * (contract.intrinsic + time_value)
    return np.where(np.isfinite(asked) & (asked >= 0), whole, np.nan)


@np.errstate(all="ignore")
def value(volatility: Array | float, terms: Terms) -> Valuation:
    """Return price and greeks at a volatility above 0, all NaN elsewhere."""
    contract = _contract(terms)
    spread = np.asarray(volatility, dtype=np.float64) * np.sqrt(contract.years)
    is_sound = contract.is_sound & (spread > 0) & np.isfinite(spread)
    found = normalized(contract.distance, np.where(is_sound, spread, 1.0))
    worth = contract.intrinsic + _time_value(contract, found)
    return _valuation(contract, found, contract.discount * worth, is_sound)


@np.errstate(all="ignore")
def implied(prices: Array | float, terms: Terms) -> Valuation:
    """Return the volatility that each price implies, with the greeks at it."""
    contract = _contract(terms)
    asked = np.asarray(prices, dtype=np.float64)
    worth, intrinsic = asked / contract.discount, contract.intrinsic
    time_value = worth - intrinsic
    rounding = np.where(intrinsic > 0, _ROUNDING * _EPSILON * worth, 0.0)
    is_sound = contract.is_sound & (time_value > rounding)
    # Of smaller numbers a float keeps but some of the digits.
    is_sound &= time_value > _TINY * np.maximum(contract.unit, 1.0)
    is_sound &= time_value < contract.bound
    is_rich = is_sound & (time_value > 0.5 * contract.bound)
    spread = _spread(contract, time_value, is_sound & ~is_rich, is_rich)
    is_sound &= np.isfinite(spread)
    found = normalized(
        np.where(is_sound, contract.distance, 0.1), np.where(is_sound, spread, 1.0)
    )
    # By how much of itself one last digit of the price moves the volatility.
    doubt = _EPSILON * worth / (contract.unit * found.density * 2 * found.t)
    return _valuation(contract, found, asked, is_sound & (doubt < _LOST))


def _spread(
    contract: _Contract,
    time_value: Array,
    is_plain: npt.NDArray[np.bool_],
    is_rich: npt.NDArray[np.bool_],
) -> Array:
    """Return the spread of each time value; where it is neither, of a harmless one."""
    distance = contract.distance
    spread = spread_of(
        np.where(is_plain, distance, 0.1),
        np.where(is_plain, time_value / contract.unit, 0.1),
    )
    if is_rich.any():
        bound = contract.bound[is_rich]
        missing = (bound - time_value[is_rich]) / bound
        spread[is_rich] = rich_spread_of(distance[is_rich], missing)
    return spread


def _time_value(contract: _Contract, found: Normalized) -> Array:
    """Return the undiscounted time value, counted from its bound where it is near."""
    worth = contract.unit * found.worth
    is_rich = found.t > np.maximum(found.h, 1.0)
    if is_rich.any():
        missing, _ = shortfall(found.h[is_rich], found.t[is_rich])
        worth[is_rich] = contract.bound[is_rich] * (1 - missing)
    return worth


def _valuation(
    contract: _Contract,
    found: Normalized,
    prices: Array,
    is_sound: npt.NDArray[np.bool_],
) -> Valuation:
    forward, side, years = contract.forward, contract.side, contract.years
    root, spread = np.sqrt(years), 2 * found.t
    toward = np.where(forward >= contract.strike, found.h, -found.h)
    delta = side * contract.discount * normal(side * (toward + found.t))
    slope = contract.discount * contract.unit * found.density
    held = delta * forward
    strike_part = held - prices
    decay = (
        -0.5 * slope * spread / years
        - contract.rate * strike_part
        + contract.carry * held
    )
    columns = (
        spread / root,
        prices,
        delta * contract.growth,
        slope * (contract.growth / forward) ** 2 / spread,
        decay / DAYS_A_YEAR,
        slope * root / 100,
        years * (-prices if contract.is_on_forward else strike_part) / 100,
    )
    return Valuation(*(np.where(is_sound, column, np.nan) for column in columns))
