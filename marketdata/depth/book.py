"""An order book as it comes over the wire: up to five prices on each side.

A level without a price or a quantity is no level. Prices are counted in whole
ten-thousandths, so that a cost that lies exactly on a limit is judged exactly.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from marketdata.ticks import UNREADABLE

SCALE = 10_000
# Five levels a side take a tenth of it; a larger text is no book.
MOST_BYTES = 8192


class Side(StrEnum):
    """Which way an order goes."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class Level(msgspec.Struct, frozen=True, gc=False):
    """One price of a book and what is offered there."""

    price: float = 0.0
    quantity: int = 0
    orders: int = 0

    @property
    def is_real(self) -> bool:
        return self.price > 0 and self.quantity > 0

    @property
    def units(self) -> int:
        """Return the price in whole ten-thousandths."""
        return round(self.price * SCALE)


class Book(msgspec.Struct, frozen=True, gc=False):
    """The best prices on both sides, best first."""

    buy: Sequence[Level] = ()
    sell: Sequence[Level] = ()

    def side(self, side: Side) -> list[Level]:
        """Return the real levels of those who want to buy, or to sell."""
        levels = self.buy if side is Side.BUY else self.sell
        return [level for level in levels if level.is_real]

    @property
    def best_bid(self) -> float | None:
        return _best(self.buy)

    @property
    def best_ask(self) -> float | None:
        return _best(self.sell)


def _best(levels: Sequence[Level]) -> float | None:
    return levels[0].price if levels and levels[0].is_real else None


_decode = msgspec.json.Decoder(Book).decode


def read(text: bytes | msgspec.Raw) -> Book | None:
    """Return the book that ``text`` holds; None when it holds no readable one."""
    if len(text) > MOST_BYTES:
        return None
    try:
        return _decode(text)
    except UNREADABLE:
        return None
