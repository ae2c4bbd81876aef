"""What the tests of account data let a broker say."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts.reported import (
    Portfolio,
    ReportedBalance,
    ReportedHolding,
    ReportedPosition,
)
from tests.accounts.broker_server import BrokerServer

TEN = datetime(2026, 1, 5, 4, 30, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """Return so many seconds after ten o'clock (IST) of a Monday."""
    return TEN + timedelta(seconds=seconds)


def position(symbol: str = "ACME", quantity: int = 0, **facts: Any) -> ReportedPosition:
    defaults: dict[str, Any] = {
        "exchange": "NSE",
        "product": "NRML",
        "average_price": Decimal(100 if quantity else 0),
        "value": Decimal(-100 * quantity),
        "day_value": Decimal(-100 * quantity),
        "last_price": Decimal(100),
    }
    return ReportedPosition(symbol=symbol, quantity=quantity, **(defaults | facts))


def holding(symbol: str = "ACME", quantity: int = 10, **facts: Any) -> ReportedHolding:
    defaults: dict[str, Any] = {
        "exchange": "NSE",
        "average_price": Decimal(90),
        "last_price": Decimal(100),
        "close_price": Decimal(98),
    }
    return ReportedHolding(symbol=symbol, quantity=quantity, **(defaults | facts))


def balance(segment: str = "equity", cash: str = "1000", **facts: Any):
    money = Decimal(cash)
    defaults: dict[str, Any] = {"net": money, "cash": money, "opening_balance": money}
    return ReportedBalance(segment=segment, **(defaults | facts))


def portfolio(at: datetime = TEN, **parts: Any) -> Portfolio:
    return Portfolio(positions_at=at, holdings_at=at, balances_at=at, **parts)


def paper_broker(server: BrokerServer, client_id: str, **parts: Any) -> None:
    """Let ``server`` answer as the ticker service does for a paper account.

    ``positions``, ``holdings`` and ``margins`` replace what it says otherwise:
    nothing held, and 1,000 rupees.
    """
    money = {"cash": 1000, "opening_balance": 1000}
    equity = {"enabled": True, "net": 1000, "available": money, "utilised": {}}
    answers = {
        "/account/profile": {"user_id": client_id},
        "/portfolio/positions": {"net": parts.get("positions", [])},
        "/portfolio/holdings": parts.get("holdings", []),
        "/account/margins": parts.get("margins", {"equity": equity}),
    }
    for path, body in answers.items():
        server.says(path, json.dumps(body))


def wire_position(symbol: str, quantity: int, price: float = 100, **facts: Any):
    """Return a position bought at 100 today, as the ticker service writes it."""
    paid = -100 * quantity
    defaults = {
        "tradingsymbol": symbol,
        "exchange": "NSE",
        "product": "NRML",
        "quantity": quantity,
        "average_price": 100,
        "value": paid,
        "sell_m2m": 0,
        "buy_m2m": -paid,
        "last_price": price,
    }
    return defaults | facts


def wire_holding(symbol: str, quantity: int, price: float = 100, **facts: Any):
    defaults = {
        "tradingsymbol": symbol,
        "exchange": "NSE",
        "quantity": quantity,
        "average_price": 90,
        "last_price": price,
        "close_price": 98,
    }
    return defaults | facts
