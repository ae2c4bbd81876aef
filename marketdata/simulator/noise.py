"""Random paths that can be asked for at any moment, in any order.

A path is a sum of octaves of value noise: each octave holds one random number per
period and glides between them. Long periods weigh more, as in a random walk, but
the sum stays near zero, so that a demo of months does not wander off. Because the
value depends on seed and time alone, live prices, past bars and a restarted
process all lie on the same line.
"""

import math

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_ROOT_12 = math.sqrt(12.0)
_SHARE = 0.2  # of the variance of a random walk; measured, see the tests
YEAR_S = 365.0 * 86_400

Floats = NDArray[np.float64]


def scrambled(key: int, index: int = 0) -> int:
    """Return 64 random bits that depend on ``key`` and ``index`` alone."""
    value = (key + (index + 1) * _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return value ^ (value >> 31)


def key_of(seed: int, name: str) -> int:
    """Return the key of the random numbers that ``name`` draws under ``seed``."""
    key = scrambled(seed & _MASK)
    for letter in name.encode():
        key = scrambled(key, letter)
    return key


def unit(key: int, index: int) -> float:
    """Return a random number from 0 up to, not including, 1."""
    return (scrambled(key, index) >> 11) * 2.0**-53


def _units(key: int, indexes: NDArray[np.int64]) -> Floats:
    value = np.uint64(key) + (indexes + 1).astype(np.uint64) * np.uint64(_GOLDEN)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(_FIRST)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(_SECOND)
    value = value ^ (value >> np.uint64(31))
    return (value >> np.uint64(11)).astype(np.float64) * 2.0**-53


class _Octave:
    """One wavelength of a path."""

    def __init__(self, key: int, period: float, size: float) -> None:
        self.key, self.period, self.size = key, period, size
        self._index = -1
        self._left = self._right = 0.0

    def at(self, time: float) -> float:
        place = time / self.period
        index = int(place)
        if index != self._index:
            self._index = index
            self._left = (unit(self.key, index) - 0.5) * self.size
            self._right = (unit(self.key, index + 1) - 0.5) * self.size
        part = place - index
        return self._left + (self._right - self._left) * part * part * (3 - 2 * part)

    def along(self, times: Floats) -> Floats:
        places = times / self.period
        indexes = places.astype(np.int64)
        left = (_units(self.key, indexes) - 0.5) * self.size
        right = (_units(self.key, indexes + 1) - 0.5) * self.size
        parts = places - indexes
        result: Floats = left + (right - left) * parts * parts * (3 - 2 * parts)
        return result


class Path:
    """A logarithm of a price over time: moves like one of ``volatility`` a year."""

    def __init__(
        self, key: int, volatility: float, *, shortest_s: float = 1.0, octaves: int = 23
    ) -> None:
        periods = [shortest_s * 2**number for number in range(octaves)]
        self._octaves = [
            _Octave(
                scrambled(key, number),
                period,
                volatility * math.sqrt(_SHARE * period / YEAR_S) * _ROOT_12,
            )
            for number, period in enumerate(periods)
        ]

    def at(self, time: float) -> float:
        return sum(octave.at(time) for octave in self._octaves)

    def along(self, times: Floats) -> Floats:
        total = np.zeros_like(times)
        for octave in self._octaves:
            total += octave.along(times)
        return total
