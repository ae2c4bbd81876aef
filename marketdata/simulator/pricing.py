"""Black-76: options on a forward, their greeks, and the volatility of a price.

Theta is per calendar day and vega per one percent of volatility, as the ticker
service states them. Years are calendar time over 365 days.
"""

import math
from typing import NamedTuple

_ROOT_2 = math.sqrt(2.0)
_ROOT_2PI = math.sqrt(2.0 * math.pi)
_STEPS = 40
_LEAST_VOLATILITY = 0.001
_MOST_VOLATILITY = 5.0


class Terms(NamedTuple):
    """What an option's price depends on beside its volatility."""

    forward: float
    strike: float
    years: float
    rate: float
    is_call: bool


class Greeks(NamedTuple):
    """How a price moves with the forward, the time (a day) and volatility (1 %)."""

    delta: float
    gamma: float
    theta: float
    vega: float


def normal(value: float) -> float:
    """Return the normal distribution up to ``value``."""
    return 0.5 * math.erfc(-value / _ROOT_2)


def _first(terms: Terms, volatility: float) -> tuple[float, float]:
    spread = volatility * math.sqrt(terms.years)
    first = math.log(terms.forward / terms.strike) / spread + spread / 2
    return first, first - spread


def intrinsic(terms: Terms) -> float:
    """Return the discounted worth of exercising at the forward."""
    gain = terms.forward - terms.strike
    worth = max(gain if terms.is_call else -gain, 0.0)
    return worth * math.exp(-terms.rate * terms.years)


def price(terms: Terms, volatility: float) -> float:
    if terms.years <= 0:
        return intrinsic(terms)
    first, second = _first(terms, volatility)
    discount = math.exp(-terms.rate * terms.years)
    if terms.is_call:
        worth = terms.forward * normal(first) - terms.strike * normal(second)
    else:
        worth = terms.strike * normal(-second) - terms.forward * normal(-first)
    return discount * worth


def greeks(terms: Terms, volatility: float) -> Greeks:
    if terms.years <= 0:
        return _expired(terms)
    first, second = _first(terms, volatility)
    root = math.sqrt(terms.years)
    discount = math.exp(-terms.rate * terms.years)
    density = discount * math.exp(-first * first / 2) / _ROOT_2PI
    cumulative = normal(first) if terms.is_call else normal(first) - 1
    strike_part = normal(second) if terms.is_call else normal(second) - 1
    worth = discount * (terms.forward * cumulative - terms.strike * strike_part)
    decay = -terms.forward * density * volatility / (2 * root) + terms.rate * worth
    return Greeks(
        delta=discount * cumulative,
        gamma=density / (terms.forward * volatility * root),
        theta=decay / 365,
        vega=terms.forward * density * root / 100,
    )


def _expired(terms: Terms) -> Greeks:
    in_the_money = (terms.forward > terms.strike) == terms.is_call
    sign = 1.0 if terms.is_call else -1.0
    return Greeks(sign if in_the_money else 0.0, 0.0, 0.0, 0.0)


def implied_volatility(terms: Terms, worth: float, guess: float = 0.15) -> float | None:
    """Return the volatility that gives ``worth``, or None where there is none."""
    if terms.years <= 0 or worth <= intrinsic(terms):
        return None
    low, high = _LEAST_VOLATILITY, _MOST_VOLATILITY
    if not price(terms, low) < worth < price(terms, high):
        return None
    volatility = guess
    for _ in range(_STEPS):
        miss = price(terms, volatility) - worth
        if abs(miss) < 1e-6 or high - low < 1e-7:
            return volatility
        low, high = (low, volatility) if miss > 0 else (volatility, high)
        volatility = _next_guess(terms, volatility, miss, low, high)
    return None


def _next_guess(
    terms: Terms, volatility: float, miss: float, low: float, high: float
) -> float:
    """Take a Newton step; halve the bracket when the step would leave it."""
    first, _ = _first(terms, volatility)
    discount = math.exp(-terms.rate * terms.years)
    slope = terms.forward * discount * math.exp(-first * first / 2) / _ROOT_2PI
    slope *= math.sqrt(terms.years)
    if slope > 0 and low < volatility - miss / slope < high:
        return volatility - miss / slope
    return (low + high) / 2
