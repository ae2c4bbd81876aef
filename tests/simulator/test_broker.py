from pathlib import Path
from typing import Any

import pytest

from marketdata.simulator.http.messages import ApiError
from marketdata.simulator.orders import state
from marketdata.simulator.orders.margins import Leg
from marketdata.simulator.orders.order import (
    CANCELLED,
    COMPLETE,
    OPEN,
    REJECTED,
    WAITING,
)
from marketdata.simulator.quotes import book_of
from marketdata.simulator.simulation import Simulation
from tests.simulator.builders import advance, make_simulation

FUTURE = "NIFTY26NOVFUT"


def asks(**changes: Any):
    return {
        "exchange": "DEMO",
        "tradingsymbol": FUTURE,
        "transaction_type": "BUY",
        "order_type": "MARKET",
        "product": "NRML",
        "quantity": 65,
    } | changes


def place(simulation: Simulation, **changes: Any):
    return simulation.broker.place("alice", asks(**changes))


def book(simulation: Simulation, symbol: str = FUTURE):
    contract = simulation.prices.contract_named("DEMO", symbol)
    return book_of(simulation.prices, contract)


def last_price(simulation: Simulation, symbol: str = FUTURE):
    return simulation.prices.price(simulation.prices.contract_named("DEMO", symbol))


def test_a_market_order_trades_at_the_best_offer(simulation: Simulation):
    best = book(simulation)["sell"][0]["price"]
    order = place(simulation)
    assert (order.status, order.average_price) == (COMPLETE, best)
    position = simulation.broker.account("alice").positions[f"DEMO:{FUTURE}", "NRML"]
    assert (position.quantity, position.open_average) == (65, best)


def test_a_far_limit_order_rests_and_can_be_cancelled(simulation: Simulation):
    price = round(last_price(simulation) - 500, 1)
    order = place(simulation, order_type="LIMIT", price=price)
    assert order.status == OPEN
    simulation.broker.cancel("alice", order.order_id)
    assert (order.status, order.cancelled_quantity) == (CANCELLED, 65)
    with pytest.raises(ApiError, match="already completed"):
        simulation.broker.cancel("alice", order.order_id)


def test_a_limit_order_fills_in_parts_as_books_come(simulation: Simulation):
    offered = sum(level["quantity"] for level in book(simulation)["sell"])
    price = round(last_price(simulation) + 1_000, 1)
    asked = min((offered // 65 + 5) * 65, 1_800 // 65 * 65)
    order = place(simulation, order_type="LIMIT", price=price, quantity=asked)
    fills = [order.filled_quantity]
    while order.is_working:
        advance(simulation, 200)
        fills.append(order.filled_quantity)
    assert order.filled_quantity == asked
    assert fills == sorted(fills)
    assert sum(trade["quantity"] for trade in order.trades) == asked


def test_a_resting_order_fills_when_the_market_comes_to_it(simulation: Simulation):
    bid = book(simulation)["buy"][0]["price"]
    order = place(simulation, order_type="LIMIT", price=bid)
    assert order.status == OPEN
    for _ in range(600):
        advance(simulation, 100)
        if not order.is_working:
            break
    assert order.status == COMPLETE
    assert order.average_price <= bid


def test_a_stop_waits_for_its_trigger(simulation: Simulation):
    trigger = round(last_price(simulation) + 2, 1)
    order = place(simulation, order_type="SL-M", trigger_price=trigger)
    assert order.status == WAITING
    highest = 0.0
    for _ in range(3_000):
        advance(simulation, 50)
        highest = max(highest, last_price(simulation))
        if not order.is_working:
            break
    assert order.status == COMPLETE
    assert highest >= trigger


def test_what_an_ioc_order_cannot_take_is_cancelled(simulation: Simulation):
    order = place(
        simulation,
        order_type="LIMIT",
        price=round(last_price(simulation) - 100, 1),
        validity="IOC",
    )
    assert (order.status, order.filled_quantity) == (CANCELLED, 0)


def test_an_order_beyond_the_funds_is_rejected_as_an_order(simulation: Simulation):
    orders = [place(simulation, quantity=1_755) for _ in range(3)]
    order = orders[-1]
    assert order.status == REJECTED
    assert order.status_message is not None
    assert "Insufficient funds. Required margin is" in order.status_message


def test_a_price_beyond_the_band_is_rejected(simulation: Simulation):
    price = round(last_price(simulation) * 0.5, 1)
    order = place(simulation, order_type="LIMIT", price=price)
    assert order.status == REJECTED
    assert "circuit" in order.status_message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity": 66}, "multiples of the lot size"),
        ({"quantity": 0}, "greater than zero"),
        ({"quantity": 65 * 28}, "freeze limit"),
        ({"quantity": "many"}, "Invalid `quantity`"),
        ({"quantity": 65.5}, "Invalid `quantity`"),
        ({"quantity": True}, "Invalid `quantity`"),
        ({"order_type": "LIMIT", "price": 23_700.03}, "Tick size"),
        ({"order_type": "LIMIT"}, "Missing `price`"),
        ({"order_type": "LIMIT", "price": float("nan")}, "Invalid `price`"),
        ({"order_type": "SL-M", "trigger_price": 1.0}, "should be above"),
        ({"transaction_type": "HOLD"}, "Invalid `transaction_type`"),
        ({"product": "CNC"}, "CNC is not allowed"),
        ({"tradingsymbol": "NOPE"}, "does not exist"),
        ({"tradingsymbol": "NIFTY"}, "index"),
        ({"tag": "x" * 21}, "Invalid `tag`"),
    ],
)
def test_what_is_wrong_is_said_in_words(
    simulation: Simulation,
    changes: dict[str, Any],
    message: str,
):
    with pytest.raises(ApiError, match=message):
        place(simulation, **changes)
    assert simulation.broker.account("alice").orders == {}


def test_a_modified_order_is_worked_by_its_new_terms(simulation: Simulation):
    low = round(last_price(simulation) - 500, 1)
    order = place(simulation, order_type="LIMIT", price=low)
    advance(simulation, 100)
    high = round(last_price(simulation) + 500, 1)
    simulation.broker.modify("alice", order.order_id, {"price": high})
    assert order.is_modified
    assert order.status == COMPLETE


def test_a_round_trip_leaves_its_gain_and_no_quantity(simulation: Simulation):
    bought = place(simulation)
    advance(simulation, 500)
    sold = place(simulation, transaction_type="SELL")
    row = simulation.broker.account("alice").positions[f"DEMO:{FUTURE}", "NRML"]
    payload = row.payload(last_price(simulation))
    gain = 65 * (sold.average_price - bought.average_price)
    assert payload["quantity"] == 0
    assert payload["pnl"] == pytest.approx(gain, abs=0.01)
    assert simulation.broker.used(simulation.broker.account("alice")).total == 0


def test_a_hedged_option_needs_less_than_a_naked_one(simulation: Simulation):
    rules = simulation.broker.rules()
    legs = []
    for symbol, side in (("NIFTY26D0124000CE", -65), ("NIFTY26D0124500CE", 65)):
        contract = simulation.prices.contract_named("DEMO", symbol)
        price = simulation.prices.price(contract)
        legs.append(Leg(contract, side, price, "NRML"))
    naked, hedged = rules.required(legs[:1]), rules.required(legs)
    assert hedged.span < naked.span / 2
    assert hedged.exposure == naked.exposure


def test_accounts_are_kept_apart(simulation: Simulation):
    place(simulation)
    assert simulation.broker.account("bob").orders == {}
    with pytest.raises(ApiError, match="order_id"):
        simulation.broker.order("bob", "1")


def test_a_restart_remembers_orders_and_positions(
    simulation: Simulation,
    tmp_path: Path,
):
    place(simulation)
    low = round(last_price(simulation) - 500, 1)
    resting = place(simulation, order_type="LIMIT", price=low)
    path = tmp_path / "state.json"
    state.save(simulation.broker, path)
    restarted = make_simulation(rate=100.0)
    state.load(restarted.broker, path)
    assert restarted.broker.accounts == simulation.broker.accounts
    restarted.broker.cancel("alice", resting.order_id)
    again = restarted.broker.place("alice", asks())
    assert again.order_id not in simulation.broker.account("alice").orders
