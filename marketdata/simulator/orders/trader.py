"""The demo's client at work: a few real orders of the simulated exchange at a time.

Some trade at once; some rest until the market comes to them, or until they are taken
back; one waits for its trigger; one is beyond the circuit limits and refused. What it
holds of a contract it sells, else it buys: so it never holds more than one order's
worth. It places orders as any caller does, and the exchange treats them as any other.
"""

import logging
from dataclasses import dataclass

from marketdata.simulator.contracts import day_number
from marketdata.simulator.http.messages import ApiError
from marketdata.simulator.orders.broker import Broker
from marketdata.simulator.orders.order import Order
from marketdata.simulator.prices import Prices
from marketdata.simulator.ticks import Tick
from marketdata.simulator.universe import Contract

logger = logging.getLogger(__name__)

# One of each soon, so that there is something to see; then a few an hour.
_FIRST_EVERY_S = 2.0
_EVERY_S = 180.0
# What has not traded by then is taken back; a stop is given longer.
_PATIENCE_S = {"LIMIT": 600.0, "SL": 1500.0}
_TAG = "demo"


@dataclass(frozen=True, slots=True)
class _Idea:
    """An order to come; ``better`` is by how much of its price it undercuts."""

    kind: str
    order_type: str
    units: int
    product: str
    better: float = 0.0


_IDEAS = (
    _Idea("stock", "MARKET", 25, "MIS"),
    _Idea("stock", "SL", 25, "MIS", 0.004),
    _Idea("future", "LIMIT", 1, "NRML", 0.0004),
    _Idea("stock", "LIMIT", 1000, "CNC", 0.0002),
    _Idea("future", "LIMIT", 1, "NRML", 0.13),
    _Idea("future", "LIMIT", 1, "NRML", 0.003),
)
_STOCK, _UNDERLYING = "RELIANCE", "BANKNIFTY"


class Trader:
    """One client of the broker, who looks at every tick and acts now and then."""

    def __init__(self, broker: Broker, prices: Prices, account_id: str) -> None:
        self._broker, self._prices, self._account_id = broker, prices, account_id
        self._placed = 0
        self._day = -1
        self._next_at = 0.0

    def on_tick(self, tick: Tick) -> None:
        now = tick.at
        if now < self._next_at:
            return
        is_new_day, self._day = self._day != day_number(now), day_number(now)
        if is_new_day:
            self._placed = 0
        self._take_back(now)
        self._place(_IDEAS[self._placed % len(_IDEAS)])
        self._placed += 1
        is_first = self._placed < len(_IDEAS)
        self._next_at = now + (_FIRST_EVERY_S if is_first else _EVERY_S)

    def _place(self, idea: _Idea) -> None:
        contract = self._chosen(idea)
        try:
            self._broker.place(self._account_id, self._fields(idea, contract))
        except ApiError as refused:
            # Such as a trigger that the market has passed meanwhile.
            logger.info("The demo's order was refused: %s", refused.message)

    def _chosen(self, idea: _Idea) -> Contract:
        contracts = self._prices.universe().contracts
        if idea.kind == "stock":
            return next(one for one in contracts if one.symbol == _STOCK)
        listed = [one for one in contracts if one.kind == "future"]
        # The second expiry: the first may be over in an hour.
        return [one for one in listed if one.underlying == _UNDERLYING][1]

    def _fields(self, idea: _Idea, contract: Contract) -> dict[str, object]:
        is_stop = idea.order_type == "SL"
        # A stop protects what is held: a step further against us than a limit.
        side = -1 if self._held(contract, idea.product) > 0 else 1
        way = side if is_stop else -side
        price = contract.rounded(self._prices.price(contract) * (1 + way * idea.better))
        is_priced = idea.order_type != "MARKET"
        return {
            "exchange": contract.exchange,
            "tradingsymbol": contract.symbol,
            "transaction_type": "BUY" if side > 0 else "SELL",
            "order_type": idea.order_type,
            "product": idea.product,
            "quantity": idea.units * contract.lot_size,
            "price": price if is_priced else 0,
            "trigger_price": price if is_stop else 0,
            "tag": _TAG,
        }

    def _held(self, contract: Contract, product: str) -> int:
        positions = self._broker.account(self._account_id).positions
        position = positions.get((contract.key, product))
        return position.quantity if position else 0

    def _take_back(self, now: float) -> None:
        for order in list(self._broker.account(self._account_id).orders.values()):
            if self._is_old(order, now):
                self._broker.cancel(self._account_id, order.order_id)

    def _is_old(self, order: Order, now: float) -> bool:
        patience_s = _PATIENCE_S.get(order.ask.order_type)
        if not order.is_working or order.ask.tag != _TAG or patience_s is None:
            return False
        return now - order.placed_s >= patience_s
