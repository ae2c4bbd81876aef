"""Black's normalized price of an out-of-the-money option, and its inverse.

With ``distance = |ln(F / K)|``, ``spread = volatility * sqrt(years)`` and prices in
units of ``discount * sqrt(F K)``, the out-of-the-money option of a strike costs

    worth = spread * density * S,     density = exp(-(h^2 + t^2) / 2) / sqrt(2 pi)
    h = distance / spread,  t = spread / 2
    S = A_1(h) + t^2 A_3(h) + t^4 A_5(h) + ...

(A_k: :mod:`marketdata.greeks.mills`). No digit is lost on the way, near the money or
far from it. Its logarithm is solved for ``spread`` by Halley steps, from a first
guess that is right up to the order of ``t^2``.

No option costs more than the lesser of forward and strike. One that costs more than
half of it is counted from there downwards: its last digits are in what is missing,

    shortfall = density(t - h) * (A_0(t - h) + A_0(t + h)),     as a part of that bound
"""

from typing import NamedTuple

import numpy as np

from marketdata.greeks.mills import ROOT_2PI, Array, moments, tail

# Beyond these the sum over odd moments gives way to the difference it came from.
_WIDEST_T = 0.5
_WIDEST_DISTANCE = 1.0
# How many terms of the sum reach the last digit, by the largest t^2.
_TERMS = [(1e-5, 3), (3e-4, 4), (2.5e-3, 5), (1e-2, 6), (6.25e-2, 8), (np.inf, 12)]
# Halley triples the digits: a step this small leaves nothing for another.
_SMALL_STEP = 1e-6
_SWEEPS = 4
_MORE_SWEEPS = 60
_LEAST_SPREAD, _MOST_SPREAD = 1e-12, 60.0
# The first guess: its correction by how dear the option is for its distance.
_DEAREST = 6.0
_GUESSES_PER_UNIT = 64
_FARTHEST = 28.0
_LEAST = 1e-300
ROOT_HALF_PI = ROOT_2PI / 2
# Newton steps on the logarithm of the shortfall, quadratic from the second on.
_RICH_SWEEPS = 12
_NOTHING_MISSES = 12.0


class Normalized(NamedTuple):
    """A normalized price by its factors: ``spread * series * density``."""

    h: Array
    t: Array
    series: Array

    @property
    def exponent(self) -> Array:
        return -0.5 * (self.h * self.h + self.t * self.t)

    @property
    def density(self) -> Array:
        """Return the slope of the price along the spread: its normalized vega."""
        return np.exp(self.exponent) / ROOT_2PI

    @property
    def worth(self) -> Array:
        return 2 * self.t * self.series * self.density

    @property
    def log_worth(self) -> Array:
        """Return the logarithm of the price, even of one too small for a float."""
        return np.log(2 * self.t * self.series / ROOT_2PI) + self.exponent


def _odd_sum(h: Array, square: Array) -> Array:
    """Return ``A_1 + t^2 A_3 + t^4 A_5 + ...`` for ``square = t^2``."""
    first, second = moments(h)
    most = square.max(initial=0.0)
    terms = next(count for limit, count in _TERMS if most <= limit)
    third = (first - h * second) / 3
    total = first + square * third
    power, h_square = square, h * h
    for k in range(1, 2 * terms - 3, 2):
        first, third = (
            third,
            ((2 * k + 5 + h_square) * third - first) / ((k + 3) * (k + 4)),
        )
        power = power * square
        total += power * third
    return total


def _difference(h: Array, t: Array) -> Array:
    """Return what ``_odd_sum`` does, for wide spreads, where nothing cancels."""
    upper, lower = t - h, t + h
    mills = tail(np.abs(upper))
    mirrored = ROOT_2PI * np.exp(0.5 * upper * upper) - mills
    return (np.where(upper > 0, mirrored, mills) - tail(lower)) / (2 * t)


def normalized(distance: Array, spread: Array) -> Normalized:
    """Return the normalized price at a spread above 0."""
    h, t = distance / spread, 0.5 * spread
    square = t * t
    wide = (t > _WIDEST_T) | (distance > _WIDEST_DISTANCE)
    if wide.any():
        series = _odd_sum(h, np.where(wide, 0.0, square))
        series[wide] = _difference(h[wide], t[wide])
    else:
        series = _odd_sum(h, square)
    return Normalized(h, t, series)


def shortfall(h: Array, t: Array) -> tuple[Array, Array]:
    """Return by which part of its bound a price with ``t >= h`` misses it.

    Beside it its slope along the spread, without the sign: it only falls.
    """
    upper = t - h
    density = np.exp(-0.5 * upper * upper) / ROOT_2PI
    return density * (tail(np.maximum(upper, 0.0)) + tail(t + h)), density


def rich_spread_of(distance: Array, missing: Array) -> Array:
    """Return the spread at which the price misses ``missing``, below 0.5, of its bound.

    The logarithm of what is missing bends downwards: the first step may go too far,
    those after it come back and never pass the answer again.
    """
    spread = np.maximum(np.sqrt(2 * distance), 1e-3)
    # Where ``t - h`` is so much, less is missing than a float can tell.
    most = _NOTHING_MISSES + np.sqrt(_NOTHING_MISSES**2 + 2 * distance)
    for _ in range(_RICH_SWEEPS):
        found, slope = shortfall(distance / spread, 0.5 * spread)
        spread = np.minimum(spread + np.log(found / missing) * found / slope, most)
    return spread


def _guesses() -> Array:
    """Return the correction of the first guess, in even steps of sqrt(dearness)."""
    h = np.geomspace(1e-6, 36.0, 60_000)
    log_ratio = np.log(moments(h)[0] / h) - 0.5 * h * h - np.log(ROOT_2PI)
    simple = ROOT_2PI * np.exp(log_ratio) + ROOT_HALF_PI
    root = np.sqrt(np.maximum(_DEAREST - log_ratio, 0.0))
    grid = np.arange(int(_FARTHEST * _GUESSES_PER_UNIT)) / _GUESSES_PER_UNIT
    table: Array = np.interp(grid, root, 1 / (h * simple))
    table.flags.writeable = False
    return table


_CORRECTION = _guesses()


def _first_guess(distance: Array, worth: Array) -> Array:
    """Return the spread of a normal (not lognormal) price, found in a table.

    There the price over the distance tells ``h``, and nothing else does.
    """
    log_ratio = np.log(worth) - np.log(np.maximum(distance, _LEAST))
    root = np.sqrt(_DEAREST - np.minimum(log_ratio, _DEAREST)) * _GUESSES_PER_UNIT
    place = np.minimum(root, _CORRECTION.size - 2).astype(np.int64)
    below = _CORRECTION.take(place)
    correction = below + (root - place) * (_CORRECTION.take(place + 1) - below)
    guess: Array = (ROOT_2PI * worth + ROOT_HALF_PI * distance) * correction
    return guess


def _step(found: Normalized, log_miss: Array) -> Array:
    """Return by which part of itself Halley's rule changes the spread."""
    newton = log_miss * found.series
    bend = found.h * found.h - found.t * found.t - 1 / found.series
    return newton / np.maximum(1 + 0.5 * newton * bend, 0.5)


def spread_of(distance: Array, worth: Array) -> Array:
    """Return the spread that gives ``worth``, above 0; NaN where none is found."""
    spread = _first_guess(distance, worth)
    step = spread
    for _ in range(_SWEEPS):
        found = normalized(distance, spread)
        # A price over a price is 1 when done, and exact then; its logarithm too.
        step = _step(found, np.log(worth / np.maximum(found.worth, _LEAST)))
        spread = spread + spread * step
        if np.abs(step).max(initial=0.0) < _SMALL_STEP:
            return spread
    slow = np.flatnonzero(~(np.abs(step) < _SMALL_STEP))
    spread[slow] = _patiently(distance[slow], worth[slow])
    return spread


def _patiently(distance: Array, worth: Array) -> Array:
    """Return the same by steps that a shrinking bracket holds in; for odd prices."""
    low, high = np.full_like(worth, _LEAST_SPREAD), np.full_like(worth, _MOST_SPREAD)
    log_worth = np.log(worth)
    spread = np.clip(np.sqrt(2 * distance), 1e-3, 10.0)
    step = spread
    for _ in range(_MORE_SWEEPS):
        found = normalized(distance, spread)
        miss = log_worth - found.log_worth
        low, high = np.where(miss > 0, spread, low), np.where(miss > 0, high, spread)
        step = _step(found, miss)
        aim = spread + spread * step
        # Where nothing is left to step, the aim is a side of the bracket itself.
        spread = np.where((aim >= low) & (aim <= high), aim, np.sqrt(low * high))
    return np.where(np.abs(step) < _SMALL_STEP, spread, np.nan)
