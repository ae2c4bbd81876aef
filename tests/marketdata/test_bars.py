import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.bars import BarBuilder, Series, minute_of, rebuild
from marketdata.sessions import TradingDay
from marketdata.ticks import Tick
from tests.marketdata.ingesting import TEN
from tests.marketdata.truth import true_bars

DAY = TradingDay(TEN - 10 * 3600, TEN + 14 * 3600, TEN - 2700)


def make_series() -> Series:
    return Series(1, "NSE", lambda at: DAY)


def tick(at: float, price: float, volume: int | None = 0, oi: int | None = None):
    return Tick(symbol="ACME", ts=at, price=price, volume=volume, oi=oi)


def build(*ticks: Tick) -> BarBuilder:
    builder, series = BarBuilder(), make_series()
    for each in ticks:
        builder.add(series, each)
    return builder


def test_a_bar_holds_open_high_low_and_close_of_its_minute():
    (bar,) = (
        build(
            tick(TEN, 100.0),
            tick(TEN + 1, 103.0),
            tick(TEN + 2, 99.0),
            tick(TEN + 59.9, 101.0),
        )
        .drain()
        .bars
    )

    assert (bar.open, bar.high, bar.low, bar.close) == (100.0, 103.0, 99.0, 101.0)
    assert bar.opened_at == TEN


def test_volume_is_the_difference_of_the_day_cumulative_volume():
    _, second = build(tick(TEN, 100.0, 500), tick(TEN + 60, 100.0, 750)).drain().bars

    assert second.volume == 250


def test_counting_begins_at_the_first_tick_when_the_day_began_out_of_sight():
    (bar,) = build(tick(TEN, 100.0, 5_000), tick(TEN + 9, 100.0, 5_200)).drain().bars

    assert bar.volume == 200


def test_counting_begins_at_zero_in_the_minute_in_which_the_market_opens():
    opened_at = DAY.opens_at
    assert opened_at is not None

    (bar,) = build(tick(opened_at + 1, 100.0, 300)).drain().bars

    assert bar.volume == 300


def test_a_counter_that_began_anew_gives_no_negative_volume():
    _, second = build(tick(TEN, 100.0, 9_000), tick(TEN + 60, 100.0, 40)).drain().bars

    assert second.volume == 40


def test_a_tick_out_of_order_corrects_open_but_not_close():
    (bar,) = build(tick(TEN + 5, 100.0, 10), tick(TEN + 1, 98.0, 4)).drain().bars

    assert (bar.open, bar.close, bar.first_volume, bar.last_volume) == (
        98.0,
        100.0,
        4,
        10,
    )


def test_open_interest_is_the_last_value():
    (bar,) = build(tick(TEN, 1.0, oi=10), tick(TEN + 1, 1.0, oi=30)).drain().bars

    assert bar.open_interest == 30


def test_a_bar_closes_by_the_clock_and_is_told_once():
    builder = build(tick(TEN, 100.0))

    assert builder.close(TEN + 61.9) == []
    assert [bar.opened_at for bar in builder.close(TEN + 62)] == [TEN]
    assert builder.close(TEN + 63) == []


def test_a_bar_left_behind_by_a_newer_minute_is_told_too():
    builder = build(tick(TEN, 100.0), tick(TEN + 60, 101.0))

    assert [bar.opened_at for bar in builder.close(TEN + 60)] == [TEN]


def test_a_tick_of_an_older_minute_is_handed_out_as_late():
    drained = build(tick(TEN + 60, 100.0), tick(TEN + 1, 98.0)).drain()

    assert [late.opened_at for late in drained.late] == [TEN]


def test_draining_hands_over_each_change_once():
    builder = build(tick(TEN, 100.0))

    assert len(builder.drain().bars) == 1
    assert builder.drain().bars == []


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_ticks_does_not_matter(seed: int):
    chance = random.Random(seed)
    ticks = [
        tick(TEN + second * 0.7, chance.uniform(90, 110), second * 3, second)
        for second in range(400)
    ]
    shuffled = chance.sample(ticks, len(ticks))

    assert rebuild(make_series(), shuffled) == rebuild(make_series(), ticks)


@given(st.data())
def test_a_rebuild_equals_the_plainest_one(data: st.DataObject):
    moments = data.draw(st.lists(st.integers(0, 600_000), unique=True, min_size=1))
    volume = 0
    ticks = []
    for moment in sorted(moments):
        volume += data.draw(st.integers(0, 50))
        price = data.draw(st.integers(1, 10_000)) / 100
        ticks.append(tick(TEN + moment / 1000, price, volume, volume * 2))

    bars = rebuild(make_series(), data.draw(st.permutations(ticks)))

    plain = true_bars(
        [
            {
                "symbol": "ACME",
                "price": t.price,
                "volume": t.volume,
                "ts": t.ts,
                "oi": t.oi,
            }
            for t in ticks
        ]
    )
    assert {
        ("ACME", bar.opened_at): (
            bar.open, bar.high, bar.low, bar.close, bar.volume, bar.open_interest,
        )
        for bar in bars
    } == plain  # fmt: skip


def test_a_minute_begins_on_the_minute():
    assert minute_of(TEN + 59.999) == TEN
    assert minute_of(TEN + 60) == TEN + 60
