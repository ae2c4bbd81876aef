"""Call and put side by side per strike and minute: what an option chain is made of.

A side is what the last tick of the minute said (IV, greeks), the close, volume and
open interest of its bar, and the best prices and total quantities of the last book
that was seen in the minute. What is unknown is absent: an IV that has no solution
is None, never 0.

Of a whole chain: the put-call ratio, and the strike of max pain.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marketdata import depth
from marketdata.bars import Bar


@dataclass(frozen=True, slots=True)
class Contract:
    """Which strike an option belongs to, and on which side it stands."""

    underlying_id: int
    expires_on: str
    strike: float
    is_call: bool


@dataclass(frozen=True, slots=True)
class Side:
    """The call or the put of a strike in one minute."""

    last_tick_at: float | None = None
    close: float | None = None
    volume: int | None = None
    open_interest: int | None = None
    iv: float | None = None
    delta: float | None = None
    gamma: float | None = None
    theta: float | None = None
    vega: float | None = None
    bid: float | None = None
    ask: float | None = None
    bid_quantity: int | None = None
    ask_quantity: int | None = None


Key = tuple[int, str, int, float]
Array = npt.NDArray[np.float64]
ABSENT = Side()


def side_of(bar: Bar) -> Side:
    """Return one side of a strike from the bar of its option."""
    book = depth.read(bar.depth_tick.depth) if bar.depth_tick else None
    tick = bar.option_tick
    return Side(
        last_tick_at=bar.last_at if tick else None,
        close=bar.close,
        volume=bar.volume,
        open_interest=bar.open_interest,
        iv=(tick.iv or None) if tick else None,
        delta=tick.delta if tick else None,
        gamma=tick.gamma if tick else None,
        theta=tick.theta if tick else None,
        vega=tick.vega if tick else None,
        bid=book.best_bid if book else None,
        ask=book.best_ask if book else None,
        bid_quantity=sum(level.quantity for level in book.buy) if book else None,
        ask_quantity=sum(level.quantity for level in book.sell) if book else None,
    )


def side_by_side(
    options: Iterable[tuple[Contract, Bar]],
) -> list[tuple[Key, Side, Side]]:
    """Return key, call and put of each strike and minute, in order of the keys.

    Two owners may write the two sides of one strike: in the same order, so that
    they wait for one another and never in a ring.
    """
    sides: dict[Key, list[Side]] = {}
    for contract, bar in options:
        key = (
            contract.underlying_id,
            contract.expires_on,
            bar.opened_at,
            contract.strike,
        )
        pair = sides.setdefault(key, [ABSENT, ABSENT])
        pair[0 if contract.is_call else 1] = side_of(bar)
    return [(key, call, put) for key, (call, put) in sorted(sides.items())]


def put_call_ratio(calls: float, puts: float) -> float | None:
    """Return puts over calls, of open interest or of volume; None without calls."""
    return float(puts / calls) if calls else None


def max_pain(strikes: Array, call_interest: Array, put_interest: Array) -> Array:
    """Return the strike at which the holders of all open options are paid least.

    Settled at S, calls below S are paid S - K and puts above S are paid K - S. The
    interests may have leading axes, one chain each; a chain without open interest
    has no such strike (NaN), of equals the lowest is taken.
    """
    paid_to_calls = np.maximum(strikes[None, :] - strikes[:, None], 0.0)
    pain = call_interest @ paid_to_calls + put_interest @ paid_to_calls.T
    lowest = strikes[np.argmin(pain, axis=-1)]
    is_open = (call_interest + put_interest).sum(axis=-1) > 0
    return np.where(is_open, lowest, np.nan)
