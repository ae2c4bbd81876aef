"""Orders over HTTP: place, modify, cancel, list, batches and margins."""

import datetime as dt
import time
import uuid
from typing import Any

from marketdata.simulator.http.messages import ApiError, Request, Response, answer
from marketdata.simulator.orders import checks
from marketdata.simulator.orders.broker import Broker
from marketdata.simulator.orders.margins import Leg, Margin
from marketdata.simulator.orders.order import Order
from marketdata.simulator.orders.tasks import Task, key_of_request
from marketdata.simulator.simulation import Simulation

_MOST_IN_A_BATCH = 20
_PRIMARY = "primary"


async def orders(simulation: Simulation, request: Request) -> Response:
    account = simulation.broker.account(request.text("account_id", _PRIMARY))
    return answer([order.payload() for order in account.orders.values()])


async def place(simulation: Simulation, request: Request) -> Response:
    fields = request.fields()
    task = _placed(simulation, _account_id(fields), fields)
    body = {"order_id": task.result["order_id"], "task_id": task.task_id}
    return answer({**body, "status": task.status}, 201)


async def task(simulation: Simulation, request: Request) -> Response:
    return answer(simulation.tasks.task(request.parts["task_id"]).payload())


async def modify(simulation: Simulation, request: Request) -> Response:
    fields = request.fields()
    order_id = str(fields.get("order_id") or "")
    order = simulation.broker.modify(_account_id(fields), order_id, fields)
    return answer({"order_id": order.order_id, "status": order.status})


async def cancel(simulation: Simulation, request: Request) -> Response:
    fields = request.fields()
    order_id = str(fields.get("order_id") or "")
    order = simulation.broker.cancel(_account_id(fields), order_id)
    return answer({"order_id": order.order_id, "status": order.status})


async def trades(simulation: Simulation, request: Request) -> Response:
    account_id = request.text("account_id", _PRIMARY)
    order = simulation.broker.order(account_id, request.parts["order_id"])
    ask = order.ask
    shared = {
        "order_id": order.order_id,
        "exchange": ask.exchange,
        "tradingsymbol": ask.tradingsymbol,
        "instrument_token": order.contract.token,
        "product": ask.product,
        "transaction_type": ask.transaction_type,
    }
    return answer([{**shared, **trade} for trade in order.trades])


async def batch(simulation: Simulation, request: Request) -> Response:
    """Place up to twenty orders; on a failure take the others back, if asked."""
    began_at, body, rows = time.time(), request.fields(), request.rows()
    if not 0 < len(rows) <= _MOST_IN_A_BATCH:
        raise ApiError(f"A batch holds 1 to {_MOST_IN_A_BATCH} orders")
    account_id, broker = _account_id(body), simulation.broker
    placed: list[Order] = []
    error: str | None = None
    for row in rows:
        try:
            placed.append(_accepted(broker.place(account_id, row)))
        except ApiError as refused:
            error = error or refused.message
    if error and body.get("rollback_on_failure"):
        placed = [order for order in placed if not _taken_back(broker, order)]
    return answer(_batch_answer(began_at, len(rows), placed, error))


def _batch_answer(
    began_at: float, total: int, placed: list[Order], error: str | None
) -> dict[str, Any]:
    return {
        "batch_id": str(uuid.uuid4()),
        "success": error is None,
        "total_orders": total,
        "succeeded": len(placed),
        "failed": total - len(placed),
        "order_ids": [order.order_id for order in placed],
        "created_at": dt.datetime.fromtimestamp(began_at, dt.UTC).isoformat(),
        "completed_at": dt.datetime.fromtimestamp(time.time(), dt.UTC).isoformat(),
        "error": error,
    }


def _accepted(order: Order) -> Order:
    if order.status == "REJECTED":
        raise ApiError(order.status_message or "rejected")
    return order


def _taken_back(broker: Broker, order: Order) -> bool:
    """Cancel what still works; what has traded stays."""
    if order.is_working:
        broker.cancel(order.account_id, order.order_id)
    return order.filled_quantity == 0


async def margins(simulation: Simulation, request: Request) -> Response:
    rules = simulation.broker.rules()
    return answer(
        [_margin_row(rules.required([leg]), leg) for leg in _legs(simulation, request)]
    )


async def basket_margins(simulation: Simulation, request: Request) -> Response:
    """Answer what the orders need one by one, and what they need together."""
    rules, legs = simulation.broker.rules(), _legs(simulation, request)
    singles = [rules.required([leg]) for leg in legs]
    together = rules.required(legs)
    premium = sum(
        leg.quantity * leg.price for leg in legs if leg.contract.kind == "option"
    )
    initial = Margin(
        sum(single.span for single in singles),
        sum(single.exposure for single in singles),
        sum(single.option_premium for single in singles),
        sum(single.var for single in singles),
    )
    final = Margin(together.span, together.exposure, premium, together.var)
    rows = [_margin_row(one, leg) for one, leg in zip(singles, legs, strict=True)]
    return answer(
        {"initial": initial.payload(), "final": final.payload(), "orders": rows}
    )


def _legs(simulation: Simulation, request: Request) -> list[Leg]:
    return [_leg(simulation, row) for row in request.rows()]


def _leg(simulation: Simulation, row: dict[str, Any]) -> Leg:
    ask = checks.asked(row)
    contract = simulation.prices.contract_named(ask.exchange, ask.tradingsymbol)
    price = ask.price or simulation.prices.price(contract)
    return Leg(contract, ask.signed_quantity, price, ask.product)


def _margin_row(margin: Margin, leg: Leg) -> dict[str, Any]:
    return margin.payload(leg.contract.symbol, leg.contract.exchange)


def _placed(simulation: Simulation, account_id: str, fields: dict[str, Any]) -> Task:
    key = key_of_request(account_id, fields)
    known = simulation.tasks.known(key)
    if known is not None:
        return known
    return simulation.tasks.add(key, simulation.broker.place(account_id, fields))


def _account_id(fields: dict[str, Any]) -> str:
    return str(fields.get("account_id") or _PRIMARY)
