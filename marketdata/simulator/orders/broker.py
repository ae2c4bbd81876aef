"""The broker: takes orders, matches them against the simulated book, tells of it.

A market order trades at once through the five levels that stand; a limit order
rests until the book crosses it; a stop waits for its trigger. What a book offers is
taken once: an order left with a remainder waits for the next book.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from marketdata.simulator.book import book_number
from marketdata.simulator.contracts import day_number, day_opened
from marketdata.simulator.http.messages import ApiError
from marketdata.simulator.orders import checks
from marketdata.simulator.orders.account import Account
from marketdata.simulator.orders.carried import carried
from marketdata.simulator.orders.margins import Leg, Margin, MarginRules
from marketdata.simulator.orders.order import OPEN, WAITING, Ask, Order
from marketdata.simulator.prices import Prices
from marketdata.simulator.quotes import book_of, stamp
from marketdata.simulator.ticks import Tick
from marketdata.simulator.universe import Contract

Listener = Callable[[Order], None]
_CHANGEABLE = ("quantity", "price", "trigger_price", "order_type", "validity")


class Broker:
    """All accounts of a prices."""

    def __init__(self, prices: Prices) -> None:
        self.is_changed = False
        self.accounts: dict[str, Account] = {}
        self._prices = prices
        self._working: dict[int, list[Order]] = defaultdict(list)
        self._listeners: list[Listener] = []
        self._day = day_number(prices.now())
        # By the second of the day: what starts again gives no number twice.
        self._next_id = int(prices.now() - day_opened(self._day)) * 1000 + 1

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def account(self, account_id: str) -> Account:
        """Return the account; one that was never seen opens with cash, or more."""
        if not 0 < len(account_id) <= 64:
            raise ApiError("Invalid `account_id`.")
        if account_id not in self.accounts:
            account = Account(account_id)
            for position in carried(account_id, self._prices):
                account.positions[position.contract.key, position.product] = position
            self.accounts[account_id] = account
        return self.accounts[account_id]

    def adopt(self, account: Account) -> None:
        """Take over an account as it was kept, with its working orders."""
        self.accounts[account.account_id] = account
        for order in account.orders.values():
            self._next_id = max(self._next_id, int(order.order_id[-9:]) + 1)
            if order.is_working:
                self._working[order.contract.token].append(order)

    def order(self, account_id: str, order_id: str) -> Order:
        order = self.account(account_id).orders.get(order_id)
        if order is None:
            raise ApiError(
                "Couldn't find that `order_id`.",
                status=404,
                error_type="OrderException",
            )
        return order

    def place(self, account_id: str, fields: dict[str, Any]) -> Order:
        """Accept an order, or refuse it; a risk reject is an order too."""
        ask = checks.asked(fields)
        account = self.account(account_id)
        contract = self._tradable(ask)
        last_price = self._prices.price(contract)
        if math.isnan(last_price):
            raise ApiError("There is no price for this instrument yet.")
        checks.refuse_misfit(ask, contract, last_price)
        order = self._made(account, contract, ask)
        reason = checks.circuit_message(ask, contract, last_price)
        reason = reason or self._funds_message(account, order, last_price)
        if reason:
            order.reject(reason)
            self._tell(order)
            return order
        self._working[contract.token].append(order)
        self._tell(order)
        self._work(order, last_price)
        return order

    def modify(self, account_id: str, order_id: str, changes: dict[str, Any]) -> Order:
        """Change a working order; its new terms are checked as new ones are."""
        order = self._working_order(account_id, order_id)
        old = order.ask
        fields = {name: getattr(old, name) for name in Ask.__dataclass_fields__}
        fields |= {
            name: changes[name] for name in _CHANGEABLE if changes.get(name) is not None
        }
        ask = checks.asked(fields)
        last_price = self._prices.price(order.contract)
        checks.refuse_misfit(ask, order.contract, last_price)
        if ask.quantity <= order.filled_quantity:
            raise ApiError("Quantity cannot be less than what is traded already.")
        order.ask, order.is_modified = ask, True
        order.status = WAITING if ask.order_type in ("SL", "SL-M") else OPEN
        order.updated_at = self._stamp()
        self._tell(order)
        self._work(order, last_price)
        return order

    def cancel(self, account_id: str, order_id: str) -> Order:
        order = self._working_order(account_id, order_id)
        order.cancel(self._stamp())
        self._tell(order)
        return order

    def on_tick(self, tick: Tick) -> None:
        """Try the working orders of a contract on each of its ticks."""
        if day_number(tick.at) != self._day:
            self._begin_day(day_number(tick.at))
        working = self._working.get(tick.contract.token)
        if not working:
            return
        for order in working:
            self._work(order, tick.price)
        self._working[tick.contract.token] = [o for o in working if o.is_working]

    def last_price(self, contract: Contract) -> float:
        return self._prices.price(contract)

    def rules(self) -> MarginRules:
        prices = self._prices
        return MarginRules(self._spot, prices.now())

    def held(self, account: Account) -> list[Leg]:
        return [
            Leg(
                position.contract,
                position.quantity,
                self._prices.price(position.contract),
                position.product,
            )
            for position in account.positions.values()
            if position.quantity
        ]

    def used(self, account: Account) -> Margin:
        return self.rules().required(self.held(account))

    def available(self, account: Account) -> float:
        """Return the cash that is left: trades paid, and derivatives margined."""
        paid = sum(
            position.paid_today
            for position in account.positions.values()
            if position.contract.kind != "future"
        )
        pnl = sum(
            position.day_pnl(self._prices.price(position.contract))
            for position in account.positions.values()
            if position.contract.kind == "future"
        )
        used = self.used(account)
        return account.opening_balance + paid + pnl - used.span - used.exposure

    def _begin_day(self, day: int) -> None:
        """Begin an empty book: it is of one day, and what worked ended with it."""
        self._day = day
        self._working.clear()
        for account in self.accounts.values():
            account.orders.clear()
        self.is_changed = True

    def _spot(self, symbol: str) -> float:
        prices = self._prices
        owner = prices.contract_named(prices.exchange, symbol)
        return prices.price(owner)

    def _tradable(self, ask: Ask) -> Contract:
        key = f"{ask.exchange}:{ask.tradingsymbol}"
        contract = self._prices.universe().by_key.get(key)
        if contract is None:
            raise ApiError(
                "The instrument you are placing an order for has either expired or"
                " does not exist. Please check the contract name.",
            )
        return contract

    def _made(self, account: Account, contract: Contract, ask: Ask) -> Order:
        now = self._stamp()
        order = Order(
            order_id=f"{now[2:10].replace('-', '')}{self._next_id:09d}",
            account_id=account.account_id,
            contract=contract,
            ask=ask,
            placed_at=now,
            updated_at=now,
            placed_s=self._prices.now(),
            status=WAITING if ask.order_type in ("SL", "SL-M") else OPEN,
        )
        self._next_id += 1
        account.orders[order.order_id] = order
        return order

    def _funds_message(
        self, account: Account, order: Order, last_price: float
    ) -> str | None:
        """Return why the account cannot pay for this order, if it cannot."""
        ask = order.ask
        price = ask.price or last_price
        leg = Leg(order.contract, ask.signed_quantity, price, ask.product)
        held, rules = self.held(account), self.rules()
        needed = rules.required([*held, leg]).total - rules.required(held).total
        available = self.available(account)
        if needed <= max(available, 0.0) or needed <= 0:
            return None
        return (
            f"Insufficient funds. Required margin is {needed:.2f} but available"
            f" margin is {available:.2f}."
        )

    def _working_order(self, account_id: str, order_id: str) -> Order:
        order = self.order(account_id, order_id)
        if not order.is_working:
            raise ApiError(
                "Order cannot be modified or cancelled as it is being processed"
                " or was already completed.",
                error_type="OrderException",
            )
        return order

    def _work(self, order: Order, last_price: float) -> None:
        if order.status == WAITING and order.is_triggered(last_price):
            order.status = OPEN
            self._tell(order)
        if order.status != OPEN:
            return
        if self._trade(order):
            self._tell(order)
        if order.is_working and order.ask.validity == "IOC":
            order.cancel(self._stamp(), "The remainder of an IOC order is cancelled.")
            self._tell(order)

    def _trade(self, order: Order) -> bool:
        """Take from the book what the order may; say whether it traded."""
        number = book_number(self._prices.now())
        if order.book_seen == number:
            return False
        account, before = self.account(order.account_id), order.filled_quantity
        depth = book_of(self._prices, order.contract)
        for level in depth["sell" if order.ask.is_buy else "buy"]:
            quantity = min(level["quantity"], order.remaining)
            if quantity <= 0 or not order.accepts(level["price"]):
                break
            order.fill(quantity, level["price"], self._stamp())
            signed = quantity if order.ask.is_buy else -quantity
            account.book(order, signed, level["price"])
        if order.filled_quantity == before:
            return False
        order.book_seen = number
        return True

    def _tell(self, order: Order) -> None:
        self.is_changed = True
        for listener in self._listeners:
            listener(order)

    def _stamp(self) -> str:
        return stamp(self._prices.now())
