"""What the prices of one expiry say together: forward, volatility, skew, move.

Arrays run over the strikes, lowest first; what is unknown is NaN. Volatilities are
fractions a year, prices and moves rupees.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

# How many strikes around the money vouch for the forward, and how far the best of
# them may be from the middle one: so many times what is usual, in parts of itself.
_VOUCHERS = 5
_OUT_OF_LINE = 5.0
_LEAST_SPREAD = 5e-4
_WING_DELTA = 0.25


class Parity(NamedTuple):
    """The forward that calls and puts agree on, and the strike nearest to it."""

    forward: float
    strike: float
    straddle: float


def parity(
    strikes: Array, calls: Array, puts: Array, *, discount: float = 1.0
) -> Parity | None:
    """Return forward and straddle where call and put cost most nearly the same.

    Each strike has a forward of its own, ``K + (C - P) / discount``. That of the
    strike where ``|C - P|`` is least is taken, unless its neighbors contradict it (a
    stale price): then their median. None without a strike that has both prices.
    """
    both = np.flatnonzero((calls > 0) & (puts > 0))
    if not both.size:
        return None
    gaps = calls[both] - puts[both]
    order = np.argsort(np.abs(gaps), kind="stable")[:_VOUCHERS]
    forwards = strikes[both][order] + gaps[order] / discount
    middle = float(np.median(forwards))
    usual = float(np.median(np.abs(forwards - middle)))
    tolerance = max(_OUT_OF_LINE * usual, _LEAST_SPREAD * middle)
    at_money = float(forwards[0])
    forward = at_money if abs(at_money - middle) <= tolerance else middle
    nearest = both[np.argmin(np.abs(strikes[both] - forward))]
    straddle = float(calls[nearest] + puts[nearest])
    return Parity(forward, float(strikes[nearest]), straddle)


def strike_volatility(call: Array, put: Array) -> Array:
    """Return the volatility of each strike: the mean of what its sides imply."""
    known = np.isfinite(call).astype(np.float64) + np.isfinite(put)
    total = np.nan_to_num(call) + np.nan_to_num(put)
    return np.divide(total, known, out=np.full_like(total, np.nan), where=known > 0)


def at_the_money(strikes: Array, volatility: Array, forward: float) -> float | None:
    """Return the volatility at the forward, between the strikes on both its sides."""
    known = np.isfinite(volatility)
    if not known.any() or not strikes[known][0] <= forward <= strikes[known][-1]:
        return None
    return float(np.interp(forward, strikes[known], volatility[known]))


def skew(
    call_delta: Array, call_volatility: Array, put_delta: Array, put_volatility: Array
) -> float | None:
    """Return the 25-delta put's volatility less the 25-delta call's."""
    put = _at_delta(-put_delta, put_volatility)
    call = _at_delta(call_delta, call_volatility)
    return None if put is None or call is None else put - call


def expected_move(forward: float, volatility: float, years: float) -> float | None:
    """Return one standard deviation of the underlying until the expiry, in rupees."""
    return float(forward * volatility * np.sqrt(years)) if years > 0 else None


def _at_delta(delta: Array, volatility: Array) -> float | None:
    known = np.isfinite(delta) & np.isfinite(volatility)
    # The wing only: in the money the other side has the better price.
    known &= (delta > 0) & (delta <= 0.55)
    order = np.argsort(delta[known], kind="stable")
    deltas = delta[known][order]
    if deltas.size < 2 or not deltas[0] <= _WING_DELTA <= deltas[-1]:
        return None
    return float(np.interp(_WING_DELTA, deltas, volatility[known][order]))
