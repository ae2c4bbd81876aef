"""What an account holds after its fills, in Kite's position and holding fields."""

from dataclasses import dataclass
from typing import Any

from marketdata.simulator.universe import Contract


@dataclass(slots=True, kw_only=True)
class Position:
    """What stood overnight and the day's trades of one contract and product.

    ``overnight_value`` is what the former brought in (negative when bought); it is in
    the values of its side already, as at Kite.
    """

    contract: Contract
    product: str
    buy_quantity: int = 0
    buy_value: float = 0.0
    sell_quantity: int = 0
    sell_value: float = 0.0
    open_average: float = 0.0
    overnight_quantity: int = 0
    overnight_value: float = 0.0
    close_price: float = 0.0

    @property
    def quantity(self) -> int:
        return self.buy_quantity - self.sell_quantity

    def apply(self, signed_quantity: int, price: float) -> None:
        before = self.quantity
        if signed_quantity > 0:
            self.buy_quantity += signed_quantity
            self.buy_value += signed_quantity * price
        else:
            self.sell_quantity -= signed_quantity
            self.sell_value -= signed_quantity * price
        self.open_average = self._average(before, signed_quantity, price)

    def _average(self, before: int, change: int, price: float) -> float:
        after = before + change
        if after == 0:
            return 0.0
        if before * change >= 0:
            return (abs(before) * self.open_average + abs(change) * price) / abs(after)
        return price if before * after < 0 else self.open_average

    @property
    def paid_today(self) -> float:
        """What the day's own trades brought in, negative when they cost."""
        return self.sell_value - self.buy_value - self.overnight_value

    @property
    def carried(self) -> float:
        """What stood overnight at yesterday's close, as if it were bought then."""
        return self.overnight_quantity * self.close_price

    def pnl(self, last_price: float) -> float:
        return self.sell_value - self.buy_value + self.quantity * last_price

    def day_pnl(self, last_price: float) -> float:
        return self.paid_today - self.carried + self.quantity * last_price

    def payload(self, last_price: float) -> dict[str, Any]:
        pnl = round(self.pnl(last_price), 2)
        buy = _side(self.buy_quantity, self.buy_value)
        sell = _side(self.sell_quantity, self.sell_value)
        bought, sold = max(self.overnight_quantity, 0), max(-self.overnight_quantity, 0)
        was_paid, was_had = max(-self.overnight_value, 0), max(self.overnight_value, 0)
        day_buy = _side(self.buy_quantity - bought, self.buy_value - was_paid)
        day_sell = _side(self.sell_quantity - sold, self.sell_value - was_had)
        return {
            "tradingsymbol": self.contract.symbol,
            "exchange": self.contract.exchange,
            "instrument_token": self.contract.token,
            "product": self.product,
            "quantity": self.quantity,
            "overnight_quantity": self.overnight_quantity,
            "multiplier": 1,
            "average_price": round(self.open_average, 4),
            "close_price": self.close_price,
            "last_price": last_price,
            "value": round(self.sell_value - self.buy_value, 2),
            "pnl": pnl,
            "m2m": round(self.day_pnl(last_price), 2),
            "unrealised": pnl,
            "realised": 0,
            **{f"buy_{name}": value for name, value in buy.items()},
            "buy_m2m": round(day_buy["value"] + max(self.carried, 0), 2),
            **{f"sell_{name}": value for name, value in sell.items()},
            "sell_m2m": round(day_sell["value"] + max(-self.carried, 0), 2),
            **{f"day_buy_{name}": value for name, value in day_buy.items()},
            **{f"day_sell_{name}": value for name, value in day_sell.items()},
        }


def _side(quantity: int, value: float) -> dict[str, float]:
    price = round(value / quantity, 4) if quantity else 0
    return {"quantity": quantity, "price": price, "value": round(value, 2)}


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares that an account has in its depository account."""

    symbol: str
    isin: str
    quantity: int
    average_price: float

    def payload(
        self, contract: Contract, last_price: float, close_price: float
    ) -> dict[str, Any]:
        change = last_price - close_price
        return {
            "tradingsymbol": self.symbol,
            "exchange": contract.exchange,
            "instrument_token": contract.token,
            "isin": self.isin,
            "product": "CNC",
            "price": 0,
            "quantity": self.quantity,
            "used_quantity": 0,
            "t1_quantity": 0,
            "realised_quantity": self.quantity,
            "authorised_quantity": 0,
            "authorised_date": "",
            "authorisation": {},
            "opening_quantity": self.quantity,
            "short_quantity": 0,
            "collateral_quantity": 0,
            "collateral_type": "",
            "discrepancy": False,
            "average_price": self.average_price,
            "last_price": last_price,
            "close_price": close_price,
            "pnl": round((last_price - self.average_price) * self.quantity, 2),
            "day_change": round(change, 2),
            "day_change_percentage": round(100 * change / close_price, 4),
        }


HOLDINGS = (
    Holding("RELIANCE", "INE002A01018", 120, 1_310.5),
    Holding("INFY", "INE009A01021", 200, 1_486.25),
    Holding("ITC", "INE154A01025", 900, 402.1),
)
