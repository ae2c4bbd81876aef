"""One trading account: its orders, positions and money."""

from dataclasses import dataclass, field
from typing import Any

from marketdata.simulator.orders.order import Order
from marketdata.simulator.orders.positions import Position

OPENING_CASH = 5_000_000.0


@dataclass(slots=True)
class Account:
    """What one account id has done today."""

    account_id: str
    opening_balance: float = OPENING_CASH
    orders: dict[str, Order] = field(default_factory=dict)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)

    def book(self, order: Order, signed_quantity: int, price: float) -> None:
        """Take a fill into the position of its contract and product."""
        mark = (order.contract.key, order.ask.product)
        if mark not in self.positions:
            self.positions[mark] = Position(
                contract=order.contract, product=order.ask.product
            )
        self.positions[mark].apply(signed_quantity, price)

    def profile(self, exchanges: list[str]) -> dict[str, Any]:
        return {
            "user_id": self.account_id,
            "user_type": "individual",
            "email": f"{self.account_id}@example.com",
            "user_name": f"Asha Example ({self.account_id})",
            "user_shortname": "Asha",
            "broker": "SIMULATOR",
            "exchanges": exchanges,
            "products": ["CNC", "NRML", "MIS"],
            "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
            "avatar_url": None,
            "meta": {"demat_consent": "physical"},
        }
