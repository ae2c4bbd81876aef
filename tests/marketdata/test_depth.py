"""Every rule of the order book, in numbers one can check by hand."""

import json
from dataclasses import astuple

import pytest

from marketdata import depth
from marketdata.depth import Book, Impact, Level, Side, Tier, cost_to_trade, measure
from tests.simulator.builders import shared_data

TICK = shared_data() / "depth" / "kite_full_tick_2024-06-06.json"
# The five prices a side of NIFTY 6 Jun 2024, as Kite sent them: facts.
KITE = Book(
    buy=[
        Level(167.35, 450, 1),
        Level(167.25, 1800, 3),
        Level(167.20, 575, 4),
        Level(167.15, 150, 2),
        Level(167.10, 1375, 7),
    ],
    sell=[
        Level(167.95, 75, 1),
        Level(168.00, 800, 3),
        Level(168.05, 450, 3),
        Level(168.10, 1025, 4),
        Level(168.15, 450, 3),
    ],
)


def book(*levels: tuple[float, int], sell: list[tuple[float, int]]) -> Book:
    return Book(
        buy=[Level(price, quantity, 1) for price, quantity in levels],
        sell=[Level(price, quantity, 1) for price, quantity in sell],
    )


def test_the_spread_of_a_real_book():
    spread = measure(KITE).spread

    assert (spread.best_bid, spread.best_ask) == (167.35, 167.95)
    assert spread.absolute == 0.6
    assert spread.mid == 167.65
    # 0.6 / 167.65, and (167.35 * 75 + 167.95 * 450) / 525.
    assert spread.percent == pytest.approx(0.357888458, abs=1e-9)
    assert spread.weighted_mid == pytest.approx(167.864285714, abs=1e-9)
    assert measure(KITE).microprice == 167.86


def test_what_stands_on_each_side_of_a_real_book():
    found = measure(KITE)

    assert astuple(found.bids)[:4] == (4350, 727332.5, 450, 17)
    assert found.bids.average_order_size == pytest.approx(4350 / 17)
    assert astuple(found.asks) == (2800, 470588.75, 75, 14, 200.0)


def test_the_imbalance_of_a_real_book():
    imbalance = measure(KITE).imbalance

    # 4350 / 2800, 1550 / 7150, 17 / 14.
    assert (imbalance.ratio, imbalance.percent) == (1.554, 21.68)
    assert (imbalance.order_ratio, imbalance.book_pressure) == (1.214, 0.2168)
    assert (imbalance.quantity_difference, imbalance.value_difference) == (
        1550,
        256743.75,
    )


def test_the_liquidity_of_a_real_book():
    liquidity = measure(KITE).liquidity

    # Of 100: 28.42 for the spread, 100 for depth, 31 for orders, 56.64 for balance.
    assert (liquidity.score, liquidity.tier) == (53.23, Tier.LOW)
    assert not liquidity.wide_spread
    assert not liquidity.thin_depth
    assert liquidity.few_orders
    assert liquidity.imbalanced_book
    assert not liquidity.low_best_depth


def test_how_much_of_a_real_book_stands_at_its_best_prices():
    # 525, 525 + 2600 + 1025 of 7150.
    top_1, top_3, top_5 = astuple(measure(KITE).concentration)

    assert top_1 == pytest.approx(7.342657, abs=1e-6)
    assert top_3 == pytest.approx(58.041958, abs=1e-6)
    assert top_5 == 100


def test_the_impact_costs_of_a_real_book():
    found = measure(KITE)

    # 75 at 167.95 and 25 (425) at 168.00, less the mid of 167.65.
    assert found.impact_cost_100 == 0.3125
    assert found.impact_cost_500 == 0.3425
    assert found.effective_spread_100_percent == pytest.approx(0.3728005, abs=1e-7)


@pytest.mark.parametrize(
    ("side", "quantity", "fill", "bps", "cost", "levels", "unfilled"),
    [
        (Side.BUY, 75, 167.95, 17, 22.5, 1, 0),
        (Side.BUY, 100, 167.9625, 18, 31.25, 2, 0),
        (Side.BUY, 2800, 168.0674107, 24, 1168.75, 5, 0),
        # 200 more than the book has, at its last price of 168.15.
        (Side.BUY, 3000, 168.0729167, 25, 1268.75, 5, 200),
        (Side.SELL, 500, 167.34, 18, 155.0, 2, 0),
        (Side.SELL, 4351, 167.2028499, 26, 1945.55, 5, 1),
    ],
)
def test_a_trade_walks_the_other_side_of_a_real_book(
    side: Side,
    quantity: int,
    fill: float,
    bps: int,
    cost: float,
    levels: int,
    unfilled: int,
):
    found = cost_to_trade(KITE, side, quantity)

    assert found.average_price == pytest.approx(fill, abs=1e-7)
    assert found.slippage_bps == bps
    assert found.cost == pytest.approx(cost)
    assert (found.levels, found.unfilled) == (levels, unfilled)
    assert found.can_fill == (unfilled == 0)
    assert found.impact == Impact.MODERATE


@pytest.mark.parametrize(
    ("ask", "bps", "impact"),
    [
        # The mid is 100, so the ask stands (ask - 100) / 100 above it.
        (100.09, 9, Impact.LOW),
        (100.10, 10, Impact.MODERATE),
        (100.29, 29, Impact.MODERATE),
        (100.30, 30, Impact.HIGH),
        (100.49, 49, Impact.HIGH),
        (100.50, 50, Impact.VERY_HIGH),
    ],
)
def test_a_slippage_on_a_limit_is_judged_exactly(ask: float, bps: int, impact: Impact):
    found = cost_to_trade(
        book((200 - ask, 10), sell=[(ask, 10)]), Side.BUY, 10
    )  # in floating point 100.10 - 100 is less than 0.1

    assert (found.slippage_bps, found.impact) == (bps, impact)


def test_an_empty_book_measures_nothing_and_is_illiquid():
    found = measure(Book())

    assert astuple(found.spread) == (None,) * 6
    assert astuple(found.bids) == astuple(found.asks) == (0, 0.0, 0, 0, None)
    assert astuple(found.imbalance) == (1.0, 0.0, 1.0, 0, 0.0)
    assert astuple(found.liquidity) == (
        0.0,
        Tier.ILLIQUID,
        True,
        True,
        True,
        False,
        True,
    )
    assert found.microprice is None
    assert found.impact_cost_100 is None


@pytest.mark.parametrize("side", Side)
def test_nothing_can_be_traded_against_an_empty_book(side: Side):
    found = cost_to_trade(Book(), side, 10)

    assert (found.impact, found.fillable, found.unfilled) == (Impact.VERY_HIGH, 0, 10)
    assert not found.can_fill
    assert found.average_price is None
    assert found.slippage_bps is None


def test_a_book_with_one_side_has_no_mid_and_no_spread_points():
    found = measure(Book(buy=[Level(100.0, 1000, 60)]))

    assert (found.spread.best_bid, found.spread.best_ask) == (100.0, None)
    assert found.spread.mid is None
    assert (found.imbalance.ratio, found.imbalance.percent) == (1.0, 100.0)
    # 0.3 * 100 + 0.2 * 60: nothing for the spread, nothing for the balance.
    assert (found.liquidity.score, found.liquidity.wide_spread) == (42.0, True)
    assert cost_to_trade(Book(buy=[Level(100.0, 9, 1)]), Side.SELL, 5).fillable == 5


@pytest.mark.parametrize(
    ("orders", "score", "tier"),
    [
        # Tight, deep and even: 40 + 30 + 10, and a fifth of the orders.
        (0, 80.0, Tier.HIGH),
        (100, 100.0, Tier.HIGH),
        (900, 100.0, Tier.HIGH),
    ],
)
def test_orders_count_for_a_fifth_of_the_score(orders: int, score: float, tier: Tier):
    half = orders // 2
    found = measure(
        Book(buy=[Level(100.0, 500, half)], sell=[Level(100.0, 500, half)])
    ).liquidity

    assert (found.score, found.tier) == (score, tier)


@pytest.mark.parametrize(
    ("ask", "is_wide"), [(100.25, False), (100.26, True), (99.75, False)]
)
def test_a_spread_is_wide_above_half_a_percent(ask: float, is_wide: bool):
    found = measure(book((99.75, 500), sell=[(ask, 500)])).liquidity

    assert found.wide_spread is is_wide


def test_a_crossed_book_earns_no_more_than_a_tight_one():
    crossed = measure(book((101.0, 500), sell=[(100.0, 500)]))

    assert crossed.spread.absolute == -1.0
    assert crossed.liquidity.score == 40 + 30 + 0.2 * 2 + 10


@pytest.mark.parametrize(
    ("quantity", "is_thin", "is_low"),
    [(249, True, False), (250, False, False), (49, True, True), (50, True, False)],
)
def test_thin_depth_and_low_best_depth(quantity: int, is_thin: bool, is_low: bool):
    found = measure(book((100.0, quantity), sell=[(100.1, quantity)])).liquidity

    assert (found.thin_depth, found.low_best_depth) == (is_thin, is_low)


def test_levels_without_price_or_quantity_are_none():
    found = book((0.0, 0), (99.0, 0), (98.0, 7), sell=[(0.0, 5)])

    assert found.side(Side.BUY) == [Level(98.0, 7, 1)]
    assert found.side(Side.SELL) == []


def test_prices_are_read_as_they_stand_never_divided_by_a_hundred():
    text = json.dumps({"buy": [{"quantity": 5, "price": 16735, "orders": 1}]})
    found = depth.read(text.encode())

    assert found is not None
    assert found.side(Side.BUY)[0].price == 16735


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"buy": 5}',
        b'{"buy": [{"price": "dear"}]}',
        b'{"buy": [{"quantity": 1e400}]}',
        b'{"buy": []}' + b" " * depth.MOST_BYTES,
    ],
)
def test_what_is_no_book_reads_as_none(text: bytes):
    assert depth.read(text) is None


@pytest.mark.parametrize("quantity", [0, -5])
def test_nothing_is_no_quantity(quantity: int):
    with pytest.raises(ValueError, match="at least 1"):
        cost_to_trade(KITE, Side.BUY, quantity)


@pytest.mark.skipif(
    not TICK.exists(), reason="the recorded tick is not here (TRADINGSITE_SHARED_DATA)"
)
def test_the_tick_of_kite_reads_as_the_book_above():
    tick = json.loads(TICK.read_text())
    found = depth.read(json.dumps(tick["depth"]).encode())

    assert found == KITE
