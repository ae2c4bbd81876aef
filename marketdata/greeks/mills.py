"""The Mills ratio of the normal distribution and its moments, to the last digits.

Every option price is made of

    A_k(x) = 1/k! * integral over u > 0 of u^k exp(-x u - u^2/2)       (x >= 0)

where ``A_0`` is the Mills ratio, the normal tail beyond ``x`` over its density. The
integrand is positive, so is every moment, and three facts are all that is needed:

    A_(k-1) = (k + 1) A_(k+1) + x A_k,   A_(-1) = 1
    A_k(x - d) = sum over j of C(k + j, j) A_(k+j)(x) d^j
    A_k / A_(k-1) = 1 / (x + (k + 1) A_(k+1) / A_k)          (a continued fraction)

The last one fills a table once; the second reads it between its rows, where eight
terms reach the last digit. Nothing is subtracted from its like on the way, so even
a tail of 1e-300 has all its digits.
"""

from math import comb

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_PER_UNIT = 128
_TOP = 40.0
_COLUMNS = 9
# Below this the continued fraction is slow; the sum above reaches down from here.
_NEAR = 1.0
_NEAR_TERMS = 70
# From which x on how many steps of the fraction are enough, about (20 / x)^2.
_DEPTHS = [(_NEAR, 450), (3.0, 60), (_TOP, 16)]
ROOT_2PI = float(np.sqrt(2 * np.pi))


def _by_fraction(x: Array, count: int, depth: int) -> Array:
    """Return rows ``A_0 .. A_(count-1)`` by the continued fraction, from its end."""
    ratio = np.zeros_like(x)
    ratios = []
    for place in range(depth, -1, -1):
        ratio = 1 / (x + (place + 1) * ratio)
        if place < count:
            ratios.append(ratio)
    rows: Array = np.cumprod(np.array(ratios[::-1]), axis=0, dtype=np.float64)
    return rows


def _by_sum(start: Array, distance: Array, count: int) -> Array:
    """Return rows ``A_0 .. A_(count-1)`` at ``distance`` below ``start``."""
    terms = len(start) - count
    powers = distance ** np.arange(terms)[:, None]
    return np.array(
        [
            np.array([comb(k + j, j) * start[k + j] for j in range(terms)]) @ powers
            for k in range(count)
        ]
    )


def _table() -> Array:
    x = np.arange(int(_TOP * _PER_UNIT) + 2) / _PER_UNIT
    near = x < _NEAR
    start = _by_fraction(np.array([_NEAR]), _NEAR_TERMS + _COLUMNS, _DEPTHS[0][1])
    rows = np.empty((_COLUMNS, x.size))
    rows[:, near] = _by_sum(start[:, 0], _NEAR - x[near], _COLUMNS)
    for least, depth in _DEPTHS:
        rows[:, x >= least] = _by_fraction(x[x >= least], _COLUMNS, depth)
    rows.flags.writeable = False
    return rows


_MOMENTS = _table()
# The coefficients of d^j in A_1(x - d) and in A_2(x - d).
_FIRST = np.array([(j + 1) * _MOMENTS[j + 1] for j in range(_COLUMNS - 1)])
_SECOND = np.array([comb(j + 2, 2) * _MOMENTS[j + 2] for j in range(_COLUMNS - 2)])


def _read(columns: Array, place: npt.NDArray[np.int64], distance: Array) -> Array:
    """Return the sum of the columns times the powers of the distance."""
    total: Array = columns[-1].take(place)
    for column in columns[-2::-1]:
        total *= distance
        total += column.take(place)
    return total


def _row(x: Array) -> tuple[npt.NDArray[np.int64], Array]:
    """Return the nearest row of the table, and how far below it ``x`` is."""
    scaled = x * _PER_UNIT
    place = np.rint(scaled)
    distance = (place - scaled) * (1 / _PER_UNIT)
    return place.astype(np.int64), distance


def tail(x: Array) -> Array:
    """Return ``A_0``, the Mills ratio at ``x >= 0``."""
    inside = np.minimum(x, _TOP)
    total = _read(_MOMENTS[: _COLUMNS - 1], *_row(inside))
    far = x > _TOP
    if far.any():
        total[far] = _by_fraction(x[far], 1, _DEPTHS[-1][1])[0]
    return total


def moments(x: Array) -> tuple[Array, Array]:
    """Return ``A_1`` and ``A_2`` at ``x >= 0``."""
    place, distance = _row(np.minimum(x, _TOP))
    first, second = _read(_FIRST, place, distance), _read(_SECOND, place, distance)
    far = x > _TOP
    if far.any():
        rows = _by_fraction(x[far], 3, _DEPTHS[-1][1])
        first[far], second[far] = rows[1], rows[2]
    return first, second


def normal(x: Array) -> Array:
    """Return the normal distribution up to ``x``, its lower tail to the last digit."""
    beyond = np.exp(-0.5 * x * x) * tail(np.abs(x)) / ROOT_2PI
    return np.where(x > 0, 1 - beyond, beyond)
