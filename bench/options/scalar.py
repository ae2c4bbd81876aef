"""The peer: volatility and five greeks of one option in plain Python floats.

Newton's method on Black's price from ``math.erfc``, as libraries for one option at a
time have it; its steps stop at an accuracy of 1e-9, a thousand times coarser than the
product's.
"""

import math
from collections.abc import Sequence

_STEPS = 50
_ACCURACY = 1e-9


def normal(value: float) -> float:
    return 0.5 * math.erfc(-value / math.sqrt(2))


def density(value: float) -> float:
    return math.exp(-value * value / 2) / math.sqrt(2 * math.pi)


def black(
    forward: float, strike: float, years: float, volatility: float, *, is_call: bool
) -> tuple[float, float, float]:
    """Return price, first argument and its density."""
    spread = volatility * math.sqrt(years)
    first = math.log(forward / strike) / spread + spread / 2
    sign = 1 if is_call else -1
    price = sign * (
        forward * normal(sign * first) - strike * normal(sign * (first - spread))
    )
    return price, first, density(first)


def implied(
    price: float, forward: float, strike: float, years: float, *, is_call: bool
) -> tuple[float, ...]:
    """Return volatility, delta, gamma, theta, vega and rho."""
    # Where the price bends: from there Newton's method cannot leave the road.
    volatility = max(math.sqrt(2 * abs(math.log(forward / strike)) / years), 0.05)
    root = math.sqrt(years)
    first, slope = 0.0, 0.0
    for _ in range(_STEPS):
        found, first, slope = black(forward, strike, years, volatility, is_call=is_call)
        step = (found - price) / (forward * slope * root)
        volatility -= step
        if abs(step) < _ACCURACY:
            break
    return (
        volatility,
        normal(first) if is_call else normal(first) - 1,
        slope / (forward * volatility * root),
        -forward * slope * volatility / (2 * root) / 365,
        forward * slope * root / 100,
        -years * price / 100,
    )


def chain(
    prices: Sequence[float],
    forward: float,
    strikes: Sequence[float],
    years: float,
    sides: Sequence[bool],
) -> list[tuple[float, ...]]:
    return [
        implied(price, forward, strike, years, is_call=is_call)
        for price, strike, is_call in zip(prices, strikes, sides, strict=True)
    ]
