"""What a socket may follow of orders: the feed behind ``/ws/orders/…``."""

from collections.abc import Collection
from typing import Any

from accounts.consumers import feed_of_accounts
from orders.models import Order


def orders_of(account_id: int) -> Collection[Any]:
    """Return the orders that are in the broker's newest book, oldest first."""
    return [row.document for row in Order.objects.told(account_id)]


ORDERS = feed_of_accounts("orders", orders_of)
