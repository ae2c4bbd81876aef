"""What the tests of orders let a broker say."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.models import TradingAccount
from accounts.reported import ReportedOrder
from orders import book
from orders.models import Order, OrderChange
from tests.accounts.broker_server import BrokerServer
from tests.accounts.portfolios import TEN


def reported(order_id: str = "1", status: str = "OPEN", **facts: Any) -> ReportedOrder:
    """Return a limit order to buy 100 ACME at 50, placed at ten on a Monday."""
    defaults: dict[str, Any] = {
        "exchange": "NSE",
        "symbol": "ACME",
        "product": "NRML",
        "side": "BUY",
        "order_type": "LIMIT",
        "validity": "DAY",
        "quantity": 100,
        "price": Decimal(50),
        "placed_at": TEN,
        "changed_at": TEN,
    }
    return ReportedOrder(order_id=order_id, status=status, **(defaults | facts))


def report(
    account: TradingAccount,
    *orders: ReportedOrder,
    at: datetime = TEN,
    is_complete: bool = True,
) -> book.Applied:
    return book.apply(account, orders, as_of=at, is_complete=is_complete, source="test")


def statuses(account: TradingAccount) -> dict[str, str]:
    rows = Order.objects.of(account)
    return dict(rows.values_list("broker_order_id", "status"))


def steps(account: TradingAccount) -> list[tuple[str, str, str, int, int]]:
    """Return what became of the orders of ``account``, oldest first."""
    rows = OrderChange.objects.filter(order__account=account).order_by("pk")
    return list(
        rows.values_list(
            *("order__broker_order_id", "status_before", "status_after"),
            *("filled_before", "filled_after"),
        )
    )


def wire_order(order_id: str, status: str = "OPEN", **facts: Any) -> dict[str, Any]:
    """Return an order as the ticker service and Kite write it."""
    defaults: dict[str, Any] = {
        "order_id": order_id,
        "exchange": "NSE",
        "tradingsymbol": "ACME",
        "product": "NRML",
        "transaction_type": "BUY",
        "order_type": "LIMIT",
        "validity": "DAY",
        "status": status,
        "quantity": 100,
        "filled_quantity": 0,
        "price": 50,
        "order_timestamp": "2026-01-05 10:00:00",
        "exchange_update_timestamp": "2026-01-05 10:00:00",
    }
    return defaults | facts


def book_says(server: BrokerServer, *orders: dict[str, Any]) -> None:
    server.says("/orders", json.dumps(orders))
