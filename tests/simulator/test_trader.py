"""The demo's client: a few orders that live and end as the exchange has it."""

from marketdata.simulator.orders.order import COMPLETE, OPEN, REJECTED, WAITING
from marketdata.simulator.orders.trader import Trader
from marketdata.simulator.simulation import Simulation
from tests.simulator.builders import MONDAY, advance, make_simulation, taken

ACCOUNT = "DEMO01"
MIDNIGHT = MONDAY + 14 * 3600


def play(simulation: Simulation, seconds: float, step_s: float = 1.0) -> None:
    """Let the stream's time pass, a few ticks at each step of it."""
    trader = Trader(simulation.broker, simulation.prices, ACCOUNT)
    feed = simulation.prices.feed
    began_at = simulation.prices.now()
    at = began_at
    while at < began_at + seconds:
        at += step_s
        feed.skip(at)
        for tick in taken(feed, 60):
            simulation.publisher.progress.stream_at = tick.at
            simulation.prices.candles.add(tick)
            simulation.broker.on_tick(tick)
            trader.on_tick(tick)


def book(simulation: Simulation):
    return list(simulation.broker.account(ACCOUNT).orders.values())


def test_its_first_orders_end_in_every_way(simulation: Simulation):
    play(simulation, 15)
    statuses = [order.status for order in book(simulation)]
    assert len(statuses) == 6
    assert statuses[0] == COMPLETE
    assert statuses[1] == WAITING
    assert statuses[4] == REJECTED
    assert statuses[5] == OPEN
    assert "circuit limits" in (book(simulation)[4].status_message or "")


def test_it_goes_on_takes_back_what_rests_and_holds_little(simulation: Simulation):
    play(simulation, 3 * 3600, step_s=5)
    orders = book(simulation)
    assert 50 < len(orders) < 80
    found = {order.status for order in orders}
    assert {"COMPLETE", "CANCELLED", "REJECTED"} <= found
    assert sum(order.is_working for order in orders) <= 8
    for position in simulation.broker.account(ACCOUNT).positions.values():
        if position.contract.symbol == "RELIANCE":
            assert abs(position.quantity) <= 1000


def test_a_book_is_of_one_day():
    simulation = make_simulation(start=MIDNIGHT - 10, rate=60.0)
    play(simulation, 8)
    before = {order.order_id for order in book(simulation)}
    assert before
    play(simulation, 8)
    after = {order.order_id for order in book(simulation)}
    assert after
    assert not before & after
    assert {order.placed_at[:10] for order in book(simulation)} == {"2026-11-24"}


def test_who_starts_again_gives_no_number_twice():
    first, again = (
        make_simulation(start=MONDAY + seconds, rate=60.0) for seconds in (0, 30)
    )
    for simulation in (first, again):
        advance(simulation, 20)
        play(simulation, 10)
    numbers = [{order.order_id for order in book(one)} for one in (first, again)]
    assert not numbers[0] & numbers[1]


def test_only_who_is_named_trades_by_itself():
    simulation = make_simulation()
    assert len(simulation.publisher._listeners) == 2
    named = make_simulation(trader=ACCOUNT)
    assert len(named.publisher._listeners) == 3
