"""What the tests of account data let a broker say."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts.reported import (
    Portfolio,
    ReportedBalance,
    ReportedHolding,
    ReportedPosition,
)

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
