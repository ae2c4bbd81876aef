"""Orders, what became of each, and how far we have read the broker's book."""

from orders.models.books import OrderBook
from orders.models.changes import OrderChange
from orders.models.orders import Order

__all__ = ["Order", "OrderBook", "OrderChange"]
