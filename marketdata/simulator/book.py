"""Five bids and five offers around a price, drawn from the moment they are seen."""

from typing import TypedDict

from marketdata.simulator.noise import scrambled
from marketdata.simulator.universe import Contract

LEVELS = 5
_REFRESH_S = 0.5


class Level(TypedDict):
    """What waits at one price."""

    quantity: int
    price: float
    orders: int


class Depth(TypedDict):
    """Both sides of a book, best prices first."""

    buy: list[Level]
    sell: list[Level]


def book_number(time: float) -> int:
    """Return which book of the day stands: it is drawn anew twice a second."""
    return int(time / _REFRESH_S)


def depth(contract: Contract, price: float, time: float) -> Depth:
    """Return the book: the last price is its best bid or its best offer."""
    bits = scrambled(contract.token, book_number(time))
    steps = round(price / contract.tick_size)
    spread = 1 + bits % (2 if contract.kind == "future" else 4)
    bid = steps - (spread if bits & 64 else 0)
    return {
        "buy": _side(contract, bid, -1, bits >> 8),
        "sell": _side(contract, bid + spread, 1, bits >> 33),
    }


def _side(contract: Contract, best: int, way: int, bits: int) -> list[Level]:
    levels: list[Level] = []
    tick, lot = contract.tick_size, contract.lot_size
    scale = 1 if contract.kind != "stock" else 25
    for place in range(LEVELS):
        step = best + way * place
        lots = (1 + (bits >> (place * 5)) % 31) * (place + 1) * scale
        if step <= 0:
            levels.append({"quantity": 0, "price": 0.0, "orders": 0})
            continue
        levels.append(
            {
                "quantity": lots * lot,
                "price": round(step * tick, 2),
                "orders": 1 + lots % 9,
            }
        )
    return levels
