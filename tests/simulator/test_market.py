import datetime as dt
import math
from typing import Any

import numpy as np
import pytest

from marketdata.simulator import contracts, noise, pricing
from marketdata.simulator.market import RATE, Market
from tests.simulator.builders import MONDAY

YEAR = 365.0


@pytest.fixture(scope="module")
def market():
    return Market(7, "DEMO")


def test_a_path_is_the_same_asked_singly_or_at_once():
    path = noise.Path(noise.key_of(3, "NIFTY"), 0.16)
    times = np.arange(MONDAY, MONDAY + 100, 0.25)
    assert [path.at(time) for time in times.tolist()] == path.along(times).tolist()


def test_a_path_moves_like_its_volatility():
    path = noise.Path(noise.key_of(3, "NIFTY"), 0.16)
    for step_s in (60, 3_600):
        values = path.along(MONDAY + step_s * np.arange(2_000.0))
        moved = float(np.diff(values).std() * math.sqrt(noise.YEAR_S / step_s))
        assert 0.11 < moved < 0.23, (step_s, moved)


def test_the_universe_holds_what_a_desk_trades(market: Market):
    listed = market.universe(MONDAY).contracts
    counts: dict[tuple[str, str], int] = {}
    for contract in listed:
        mark = (contract.kind, contract.underlying if contract.expires_on else "")
        counts[mark] = counts.get(mark, 0) + 1
    assert counts == {
        ("index", ""): 2,
        ("stock", ""): 10,
        ("future", "NIFTY"): 3,
        ("future", "BANKNIFTY"): 3,
        ("option", "NIFTY"): 246,
        ("option", "BANKNIFTY"): 246,
    }
    assert len({contract.token for contract in listed}) == len(listed)
    assert all(0 < contract.token < 2**31 for contract in listed)


def test_call_and_put_of_a_strike_share_a_shard(market: Market):
    lanes: dict[tuple[Any, ...], set[int]] = {}
    for contract in market.universe(MONDAY).contracts:
        if contract.kind == "option":
            mark = (contract.underlying, contract.expires_on, contract.strike)
            lanes.setdefault(mark, set()).add(contract.token // 256 % 2)
    assert {len(shards) for shards in lanes.values()} == {1}
    assert {shard for shards in lanes.values() for shard in shards} == {0, 1}


def test_an_expired_week_is_replaced_by_the_next(market: Market):
    tuesday_close = contracts.expiry_instant(contracts.ist_date(MONDAY + 86_400))
    before = market.universe(tuesday_close - 1).by_key
    after = market.universe(tuesday_close).by_key
    assert "DEMO:NIFTY26NOVFUT" in before
    assert "DEMO:NIFTY26NOVFUT" not in after
    assert "DEMO:NIFTY27FEBFUT" in after


def test_put_call_parity_holds_within_a_tick(market: Market):
    options = [c for c in market.universe(MONDAY).contracts if c.kind == "option"]
    for call, put in zip(options[::2], options[1::2], strict=True):
        terms = market.terms(call, MONDAY)
        discount = math.exp(-RATE * terms.years)
        gap = market.price(call, MONDAY) - market.price(put, MONDAY)
        miss = abs(gap - discount * (terms.forward - terms.strike))
        # Each side is rounded by half a tick; none is quoted below one.
        is_least = min(market.price(c, MONDAY) for c in (call, put)) <= 0.05
        allowed = call.tick_size * (1.5 if is_least else 1.0)
        assert miss <= allowed + 1e-9, (call.symbol, miss)


def test_futures_carry_the_spot_further_the_later_they_expire(market: Market):
    futures = [
        c
        for c in market.universe(MONDAY).contracts
        if c.kind == "future" and c.underlying == "NIFTY"
    ]
    prices = [market.price(future, MONDAY) for future in futures]
    assert market.spot("NIFTY", MONDAY) < prices[0] < prices[1] < prices[2]


def test_every_price_stands_on_its_grid(market: Market):
    for contract in market.universe(MONDAY).contracts:
        steps = market.price(contract, MONDAY) / contract.tick_size
        assert abs(steps - round(steps)) < 1e-6, contract.symbol


def test_volume_grows_through_the_day_and_starts_anew_at_midnight(market: Market):
    opened_at = contracts.day_opened(contracts.day_number(MONDAY))
    for contract in market.universe(MONDAY).contracts[:60]:
        times = [opened_at + 7.3 * place for place in range(400)]
        volumes = [market.volume(contract, time) for time in times]
        assert volumes == sorted(volumes)
        last = market.volume(contract, opened_at + 86_399)
        assert market.volume(contract, opened_at + 86_400) <= last // 100


def test_a_volatility_gives_back_its_price():
    terms = pricing.Terms(24_000.0, 24_500.0, 30 / YEAR, RATE, is_call=True)
    for volatility in (0.05, 0.12, 0.45, 2.0):
        worth = pricing.price(terms, volatility)
        assert pricing.implied_volatility(terms, worth) == pytest.approx(
            volatility, abs=1e-5
        )


def test_a_price_below_intrinsic_has_no_volatility():
    terms = pricing.Terms(24_000.0, 23_000.0, 7 / YEAR, RATE, is_call=True)
    assert pricing.implied_volatility(terms, pricing.intrinsic(terms)) is None
    assert pricing.implied_volatility(terms, 900.0) is None


def test_prices_and_greeks_agree_with_a_published_example():
    # Hull: S 42, K 40, r 10 %, volatility 20 %, half a year; delta there is of spot.
    growth = math.exp(0.10 * 0.5)
    call = pricing.Terms(42 * growth, 40.0, 0.5, 0.10, is_call=True)
    put = call._replace(is_call=False)
    assert pricing.price(call, 0.2) == pytest.approx(4.759422, abs=1e-6)
    assert pricing.price(put, 0.2) == pytest.approx(0.808599, abs=1e-6)
    greeks = pricing.greeks(call, 0.2)
    assert greeks.delta * growth == pytest.approx(0.779131, abs=1e-6)
    assert greeks.vega * 100 == pytest.approx(8.813415, abs=1e-6)


def test_theta_is_what_a_day_takes_away():
    terms = pricing.Terms(24_000.0, 24_000.0, 30 / YEAR, RATE, is_call=False)
    step = 0.01 / YEAR
    fallen = pricing.price(terms._replace(years=terms.years - step), 0.15)
    slope = (fallen - pricing.price(terms, 0.15)) / 0.01
    assert pricing.greeks(terms, 0.15).theta == pytest.approx(slope, rel=1e-3)


def test_contracts_are_named_as_the_exchange_names_them():
    weekly, monthly = dt.date(2026, 9, 15), dt.date(2026, 9, 29)
    assert [
        contracts.option_symbol("NIFTY", weekly, 23500, "PE"),
        contracts.option_symbol("NIFTY", monthly, 23500, "PE"),
        contracts.future_symbol("NIFTY", monthly),
    ] == ["NIFTY2691523500PE", "NIFTY26SEP23500PE", "NIFTY26SEPFUT"]


@pytest.mark.parametrize(
    ("expires_on", "lot"), [("2025-12-30", 75), ("2026-01-06", 65), ("2024-05-30", 25)]
)
def test_lots_are_dated(expires_on: str, lot: int):
    day = dt.date.fromisoformat(expires_on)
    assert contracts.lot_rule("NIFTY", day).lot_size == lot
