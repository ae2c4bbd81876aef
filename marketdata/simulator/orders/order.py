"""One order: what was asked for, how far it came, and how Kite writes it."""

from dataclasses import dataclass, field
from typing import Any

from marketdata.simulator.universe import Contract

OPEN = "OPEN"
WAITING = "TRIGGER PENDING"
COMPLETE = "COMPLETE"
CANCELLED = "CANCELLED"
REJECTED = "REJECTED"


@dataclass(slots=True, kw_only=True)
class Ask:
    """What a caller wants: checked, with every field in its type."""

    variety: str
    exchange: str
    tradingsymbol: str
    transaction_type: str
    order_type: str
    product: str
    quantity: int
    price: float = 0.0
    trigger_price: float = 0.0
    validity: str = "DAY"
    disclosed_quantity: int = 0
    tag: str | None = None

    @property
    def is_buy(self) -> bool:
        return self.transaction_type == "BUY"

    @property
    def signed_quantity(self) -> int:
        return self.quantity if self.is_buy else -self.quantity


@dataclass(slots=True, kw_only=True)
class Order:
    """An order of one account on its way through the exchange."""

    order_id: str
    account_id: str
    contract: Contract
    ask: Ask
    placed_at: str
    updated_at: str
    # By the stream's clock, in seconds.
    placed_s: float = 0.0
    status: str = OPEN
    status_message: str | None = None
    filled_quantity: int = 0
    filled_value: float = 0.0
    cancelled_quantity: int = 0
    is_modified: bool = False
    book_seen: int = -1
    trades: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_working(self) -> bool:
        return self.status in (OPEN, WAITING)

    @property
    def remaining(self) -> int:
        return self.ask.quantity - self.filled_quantity - self.cancelled_quantity

    @property
    def average_price(self) -> float:
        if not self.filled_quantity:
            return 0.0
        return round(self.filled_value / self.filled_quantity, 4)

    def accepts(self, price: float) -> bool:
        """Say whether the limit allows a trade at this price."""
        if self.ask.order_type in ("MARKET", "SL-M"):
            return True
        return price <= self.ask.price if self.ask.is_buy else price >= self.ask.price

    def is_triggered(self, last_price: float) -> bool:
        if self.ask.is_buy:
            return last_price >= self.ask.trigger_price
        return last_price <= self.ask.trigger_price

    def fill(self, quantity: int, price: float, at: str) -> None:
        self.filled_quantity += quantity
        self.filled_value += quantity * price
        self.updated_at = at
        self.trades.append(
            {
                "trade_id": f"{self.order_id}{len(self.trades) + 1:02d}",
                "quantity": quantity,
                "average_price": price,
                "fill_timestamp": at,
            }
        )
        if not self.remaining:
            self.status = COMPLETE

    def cancel(self, at: str, message: str | None = None) -> None:
        self.cancelled_quantity = self.remaining
        self.status, self.status_message, self.updated_at = CANCELLED, message, at

    def reject(self, message: str) -> None:
        self.status, self.status_message = REJECTED, message

    def payload(self) -> dict[str, Any]:
        """Return the order in Kite's fields."""
        ask = self.ask
        return {
            "account_id": self.account_id,
            "placed_by": self.account_id,
            "order_id": self.order_id,
            "exchange_order_id": None if self.status == REJECTED else self.order_id,
            "parent_order_id": None,
            "status": self.status,
            "status_message": self.status_message,
            "status_message_raw": self.status_message,
            "order_timestamp": self.placed_at,
            "exchange_update_timestamp": self.updated_at,
            "exchange_timestamp": self.placed_at,
            "variety": ask.variety,
            "modified": self.is_modified,
            "exchange": ask.exchange,
            "tradingsymbol": ask.tradingsymbol,
            "instrument_token": self.contract.token,
            "order_type": ask.order_type,
            "transaction_type": ask.transaction_type,
            "validity": ask.validity,
            "product": ask.product,
            "quantity": ask.quantity,
            "disclosed_quantity": ask.disclosed_quantity,
            "price": ask.price,
            "trigger_price": ask.trigger_price,
            "average_price": self.average_price,
            "filled_quantity": self.filled_quantity,
            "pending_quantity": self.remaining if self.is_working else 0,
            "cancelled_quantity": self.cancelled_quantity,
            "market_protection": 0,
            "meta": {},
            "tag": ask.tag,
            "guid": f"SIM{self.order_id}",
        }
