import math
from itertools import pairwise

import orjson
import pytest

from marketdata.simulator import history
from marketdata.simulator.candles import CandleBook
from marketdata.simulator.simulation import Simulation
from tests.simulator.builders import MONDAY, advance, make_simulation, taken

MINUTE = 60


@pytest.fixture(scope="module")
def simulation():
    """Give a market whose stream has run for four minutes."""
    made = make_simulation(rate=50.0)
    advance(made, 50 * 4 * MINUTE)
    return made


def named(simulation: Simulation, symbol: str):
    return simulation.prices.contract_named("DEMO", symbol)


def test_past_minutes_are_what_was_streamed():
    simulation = make_simulation(rate=50.0)
    seen: dict[int, list[float]] = {}
    for tick in taken(simulation.prices.feed, 50 * 3 * MINUTE):
        simulation.publisher.progress.stream_at = tick.at
        simulation.prices.candles.add(tick)
        body = orjson.loads(tick.body)
        if body.get("instrument_token") == 256265:
            minute = int(body["timestamp"] // MINUTE) * MINUTE
            seen.setdefault(minute, []).append(body["last_price"])
    second = sorted(seen)[1]
    nifty = named(simulation, "NIFTY")
    candle = history.between(simulation.prices, nifty, second, second)[0]
    prices = seen[second]
    assert candle[:5] == (second, prices[0], max(prices), min(prices), prices[-1])


def test_the_past_joins_the_stream_without_a_jump(simulation: Simulation):
    nifty = named(simulation, "NIFTY")
    candles = history.between(simulation.prices, nifty, MONDAY - 3_600, MONDAY + 3_600)
    assert [c.opened_at for c in candles] == list(
        range(int(MONDAY) - 3_600, candles[-1].opened_at + 1, MINUTE)
    )
    assert candles[-1].opened_at >= MONDAY + MINUTE
    for before, after in pairwise(candles):
        assert abs(before.close - after.open) < 8


def test_the_same_past_is_told_twice(simulation: Simulation):
    option = next(
        c for c in simulation.prices.universe().contracts if c.kind == "option"
    )
    first, second = (
        history.between(simulation.prices, option, MONDAY - 600, MONDAY)
        for _ in range(2)
    )
    assert first == second
    assert len(first) == 11


def test_an_option_is_valued_at_its_close(simulation: Simulation):
    atm = named(simulation, "NIFTY26D0124000CE")
    candle = history.between(simulation.prices, atm, MONDAY - 120, MONDAY - 60)[0]
    solved = history.valuation(simulation.prices.market, atm, candle)
    assert solved is not None
    volatility, greeks = solved
    assert 0.05 < volatility < 0.5
    assert 0 < greeks.delta < 1
    assert greeks.theta < 0 < greeks.vega


def test_the_forming_minute_is_left_out(simulation: Simulation):
    nifty = named(simulation, "NIFTY")
    now = simulation.prices.now()
    candles = history.between(simulation.prices, nifty, now - 600, now + 600)
    assert candles[-1].opened_at + MINUTE <= now


def test_volumes_of_the_minutes_sum_to_the_day(simulation: Simulation):
    future = named(simulation, "NIFTY26NOVFUT")
    market = simulation.prices.market
    start = int(MONDAY) - 3_600
    minutes = list(range(start, int(MONDAY), MINUTE))
    traded = sum(c.volume for c in history.synthetic(market, future, minutes))
    by_clock = market.volume(future, MONDAY - 0.001) - market.volume(
        future, start - 0.001
    )
    assert traded == by_clock > 0


def test_old_minutes_make_room_for_new_ones():
    book, simulation = CandleBook(most_minutes=2), make_simulation(rate=10.0)
    for tick in taken(simulation.prices.feed, 10 * 6 * MINUTE):
        if tick.contract.symbol == "NIFTY":
            book.add(tick)
    kept = list(book.between(256265, 0, math.inf))
    assert len(kept) == 3  # two closed and the one that is open
    assert not book.was_streamed(MONDAY + 30)
