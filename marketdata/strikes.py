"""Call and put side by side per strike and minute: what an option chain is made of.

A side is what the last tick of the minute said (IV, greeks), the close, volume and
open interest of its bar, and the best prices and total quantities of the last book
that was seen in the minute. What is unknown is absent: an IV that has no solution
is None, never 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from marketdata.bars import Bar
from marketdata.ticks import UNREADABLE, Tick


@dataclass(frozen=True, slots=True)
class Contract:
    """Which strike an option belongs to, and on which side it stands."""

    underlying_id: int
    expires_on: str
    strike: float
    is_call: bool


class Level(msgspec.Struct, gc=False):
    """One price of a book and what is offered there."""

    price: float = 0.0
    quantity: int = 0


class Book(msgspec.Struct, gc=False):
    """The best prices on both sides, best first."""

    buy: list[Level] = []
    sell: list[Level] = []


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
ABSENT = Side()
_books = msgspec.json.Decoder(Book)


def book_of(tick: Tick | None) -> Book | None:
    """Return the book that came with ``tick``; None without a readable one."""
    if tick is None:
        return None
    try:
        return _books.decode(tick.depth)
    except UNREADABLE:
        return None


def best(levels: list[Level]) -> float | None:
    return levels[0].price if levels and levels[0].quantity else None


def side_of(bar: Bar) -> Side:
    """Return one side of a strike from the bar of its option."""
    book = book_of(bar.depth_tick)
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
        bid=best(book.buy) if book else None,
        ask=best(book.sell) if book else None,
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
