"""What an order book says: spread, imbalance, liquidity, and what a trade costs."""

from marketdata.depth.book import MOST_BYTES, Book, Level, Side, read
from marketdata.depth.impact import Cost, Impact, cost_to_trade
from marketdata.depth.liquidity import Depth, Tier, measure, spread_of

__all__ = [
    "MOST_BYTES",
    "Book",
    "Cost",
    "Depth",
    "Impact",
    "Level",
    "Side",
    "Tier",
    "cost_to_trade",
    "measure",
    "read",
    "spread_of",
]
