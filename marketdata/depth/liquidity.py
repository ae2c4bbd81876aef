"""What a book says of itself: spread, imbalance, concentration, and liquidity.

What needs both sides is absent when one of them is empty, never 0. Percentages of
prices are of the mid price.
"""

from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, islice

from marketdata.depth.book import SCALE, Book, Side
from marketdata.depth.impact import cost_to_trade

# What the liquidity score is made of: shares of a hundred points.
_SPREAD_SHARE, _QUANTITY_SHARE, _ORDERS_SHARE, _BALANCE_SHARE = 0.4, 0.3, 0.2, 0.1
# A spread of half a percent, or a side five times the other, leaves no points.
_POINTS_A_SPREAD_PERCENT, _POINTS_AN_IMBALANCE_PERCENT = 200, 2
_QUANTITY_A_POINT = 10

WIDE_SPREAD_PERCENT = 0.5
THIN_QUANTITY = 500
FEW_ORDERS = 50
IMBALANCED_PERCENT = 20
LOW_BEST_QUANTITY = 50


class Tier(StrEnum):
    """How well an instrument can be traded, by its score."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    ILLIQUID = "ILLIQUID"


_TIERS = ((80, Tier.HIGH), (60, Tier.MEDIUM), (40, Tier.LOW))


@dataclass(frozen=True, slots=True)
class Spread:
    """The gap between the best prices; ``weighted_mid`` leans to the thinner side."""

    best_bid: float | None = None
    best_ask: float | None = None
    absolute: float | None = None
    percent: float | None = None
    mid: float | None = None
    weighted_mid: float | None = None


@dataclass(frozen=True, slots=True)
class Offered:
    """What stands on one side of a book."""

    quantity: int
    value: float
    quantity_at_best: int
    orders: int
    average_order_size: float | None


@dataclass(frozen=True, slots=True)
class Imbalance:
    """How much more is wanted than offered; all of it positive when buyers lead."""

    ratio: float
    percent: float
    order_ratio: float
    quantity_difference: int
    value_difference: float

    @property
    def book_pressure(self) -> float:
        """Return the imbalance from -1 (sellers only) to 1 (buyers only)."""
        return round(self.percent / 100, 4)


@dataclass(frozen=True, slots=True)
class Liquidity:
    """How well it can be traded: points of a hundred, a tier, and what is wrong."""

    score: float
    tier: Tier
    wide_spread: bool
    thin_depth: bool
    few_orders: bool
    imbalanced_book: bool
    low_best_depth: bool


@dataclass(frozen=True, slots=True)
class Concentration:
    """The share of all quantity, in percent, that stands at the best prices."""

    top_1: float | None
    top_3: float | None
    top_5: float | None


@dataclass(frozen=True, slots=True)
class Depth:
    """All that is measured of one book."""

    spread: Spread
    bids: Offered
    asks: Offered
    imbalance: Imbalance
    liquidity: Liquidity
    concentration: Concentration
    microprice: float | None
    impact_cost_100: float | None
    impact_cost_500: float | None
    effective_spread_100_percent: float | None


def measure(book: Book) -> Depth:
    """Return everything that ``book`` tells."""
    spread, (bids, asks) = spread_of(book), (_offered(book, side) for side in Side)
    imbalance = _imbalance(bids, asks)
    hundred = cost_to_trade(book, Side.BUY, 100)
    relative = _ratio(2 * (hundred.slippage or 0), spread.mid or 0)
    return Depth(
        spread=spread,
        bids=bids,
        asks=asks,
        imbalance=imbalance,
        liquidity=_liquidity(spread, bids, asks, imbalance),
        concentration=Concentration(*(_share(book, count) for count in (1, 3, 5))),
        microprice=_rounded(spread.weighted_mid, 2),
        impact_cost_100=hundred.slippage,
        impact_cost_500=cost_to_trade(book, Side.BUY, 500).slippage,
        effective_spread_100_percent=None if relative is None else 100 * relative,
    )


def spread_of(book: Book) -> Spread:
    """Return the best prices and what lies between them."""
    bids, asks = book.side(Side.BUY), book.side(Side.SELL)
    if not bids or not asks:
        return Spread(
            best_bid=bids[0].price if bids else None,
            best_ask=asks[0].price if asks else None,
        )
    bid, ask = bids[0], asks[0]
    crosswise = bid.units * ask.quantity + ask.units * bid.quantity
    return Spread(
        best_bid=bid.price,
        best_ask=ask.price,
        absolute=(ask.units - bid.units) / SCALE,
        percent=200 * (ask.units - bid.units) / (ask.units + bid.units),
        mid=(ask.units + bid.units) / (2 * SCALE),
        weighted_mid=crosswise / ((bid.quantity + ask.quantity) * SCALE),
    )


def _offered(book: Book, side: Side) -> Offered:
    levels = book.side(side)
    quantity = sum(level.quantity for level in levels)
    orders = sum(level.orders for level in levels)
    return Offered(
        quantity=quantity,
        value=sum(level.units * level.quantity for level in levels) / SCALE,
        quantity_at_best=levels[0].quantity if levels else 0,
        orders=orders,
        average_order_size=_ratio(quantity, orders),
    )


def _imbalance(bids: Offered, asks: Offered) -> Imbalance:
    difference, total = bids.quantity - asks.quantity, bids.quantity + asks.quantity
    orders = _ratio(bids.orders, asks.orders)
    ratio = _ratio(bids.quantity, asks.quantity)
    return Imbalance(
        ratio=1.0 if ratio is None else round(ratio, 3),
        percent=round(100 * difference / total, 2) if total else 0.0,
        order_ratio=1.0 if orders is None else round(orders, 3),
        quantity_difference=difference,
        value_difference=bids.value - asks.value,
    )


def _liquidity(
    spread: Spread, bids: Offered, asks: Offered, imbalance: Imbalance
) -> Liquidity:
    quantity, orders = bids.quantity + asks.quantity, bids.orders + asks.orders
    score = _score(spread, quantity, orders, imbalance) if quantity else 0.0
    least = min(bids.quantity_at_best, asks.quantity_at_best)
    return Liquidity(
        score=score,
        tier=next((tier for limit, tier in _TIERS if score >= limit), Tier.ILLIQUID),
        wide_spread=spread.percent is None or spread.percent > WIDE_SPREAD_PERCENT,
        thin_depth=quantity < THIN_QUANTITY,
        few_orders=orders < FEW_ORDERS,
        imbalanced_book=abs(imbalance.percent) > IMBALANCED_PERCENT,
        low_best_depth=least < LOW_BEST_QUANTITY,
    )


def _score(spread: Spread, quantity: int, orders: int, imbalance: Imbalance) -> float:
    """Return the points of a hundred; a book with one side earns none for spread."""
    width = 100.0 if spread.percent is None else spread.percent
    tight = max(0.0, 100 - _POINTS_A_SPREAD_PERCENT * max(width, 0.0))
    even = max(0.0, 100 - _POINTS_AN_IMBALANCE_PERCENT * abs(imbalance.percent))
    points = (
        _SPREAD_SHARE * tight
        + _QUANTITY_SHARE * min(quantity / _QUANTITY_A_POINT, 100)
        + _ORDERS_SHARE * min(orders, 100)
        + _BALANCE_SHARE * even
    )
    return round(points, 2)


def _share(book: Book, count: int) -> float | None:
    sides = [[level.quantity for level in book.side(side)] for side in Side]
    best = chain.from_iterable(islice(side, count) for side in sides)
    share = _ratio(sum(best), sum(map(sum, sides)))
    return None if share is None else 100 * share


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None


def _rounded(value: float | None, decimals: int) -> float | None:
    return None if value is None else round(value, decimals)
