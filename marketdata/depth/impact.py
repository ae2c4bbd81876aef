"""What a trade would cost that takes what the book offers, at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from marketdata.depth.book import SCALE, Book, Level, Side

BASIS_POINTS = 10_000


class Impact(StrEnum):
    """How far a trade moves away from the mid price, by its basis points."""

    LOW = "LOW"
    MODERATE = "MODERATE"
    HIGH = "HIGH"
    VERY_HIGH = "VERY_HIGH"


_LIMITS = ((10, Impact.LOW), (30, Impact.MODERATE), (50, Impact.HIGH))


@dataclass(frozen=True, slots=True)
class Cost:
    """What it costs to trade a quantity at once, against the mid price.

    What lies beyond the book is taken to cost the last price in it. Prices and
    slippage are per unit, ``cost`` is for all of the quantity.
    """

    side: Side
    quantity: int
    fillable: int
    levels: int
    impact: Impact
    mid: float | None = None
    average_price: float | None = None
    slippage: float | None = None
    slippage_bps: int | None = None
    cost: float | None = None

    @property
    def unfilled(self) -> int:
        return self.quantity - self.fillable

    @property
    def can_fill(self) -> bool:
        return self.unfilled == 0


def cost_to_trade(book: Book, side: Side, quantity: int) -> Cost:
    """Walk the other side of ``book`` for ``quantity`` units (not lots)."""
    if quantity < 1:
        raise ValueError("A quantity to trade is at least 1.")
    ours, levels = book.side(side), book.side(side.opposite)
    fills = list(_walk(levels, quantity))
    fillable = sum(taken for _, taken in fills)
    if not fills or not ours:
        return Cost(side, quantity, fillable, len(fills), Impact.VERY_HIGH)
    beyond = (quantity - fillable) * fills[-1][0].units
    paid = sum(level.units * taken for level, taken in fills) + beyond
    # Twice the mid, so that all of it stays whole.
    mid = ours[0].units + levels[0].units
    slipped = abs(2 * paid - quantity * mid)
    bps = slipped * BASIS_POINTS // (quantity * mid)
    return Cost(
        side=side,
        quantity=quantity,
        fillable=fillable,
        levels=len(fills),
        impact=_impact(bps),
        mid=mid / (2 * SCALE),
        average_price=paid / (quantity * SCALE),
        slippage=slipped / (2 * quantity * SCALE),
        slippage_bps=bps,
        cost=slipped / (2 * SCALE),
    )


def _walk(levels: Sequence[Level], quantity: int) -> Iterator[tuple[Level, int]]:
    """Yield each level that is needed with what is taken there."""
    for level in levels:
        taken = min(level.quantity, quantity)
        if not taken:
            return
        quantity -= taken
        yield level, taken


def _impact(bps: int) -> Impact:
    return next((name for limit, name in _LIMITS if bps < limit), Impact.VERY_HIGH)
