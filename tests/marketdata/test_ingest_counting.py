"""The hot loop and the builder's plain ``add`` must agree on every tick."""

from hypothesis import given
from hypothesis import strategies as st

from marketdata.bars import BarBuilder, Series
from marketdata.ingest.counting import count
from marketdata.sessions import TradingDay
from marketdata.ticks import Tick
from tests.marketdata.ingesting import TEN

DAY = TradingDay(TEN - 10 * 3600, TEN + 14 * 3600, TEN - 2700)

TICKS = st.lists(
    st.builds(
        Tick,
        symbol=st.sampled_from(["ACME", "WILE"]),
        price=st.integers(1, 500).map(float),
        ts=st.integers(0, 300_000).map(lambda ms: TEN + ms / 1000),
        volume=st.none() | st.integers(0, 1000),
        oi=st.none() | st.integers(0, 1000),
    ),
    max_size=60,
)


def make_known() -> dict[int | str, Series]:
    return {
        "ACME": Series(1, "NSE", lambda at: DAY),
        "WILE": Series(2, "NSE", lambda at: DAY, is_option=True),
    }


def unusual(tick: Tick) -> None:
    raise AssertionError(f"nothing is unusual about {tick}")


@given(TICKS)
def test_the_hot_loop_does_what_the_builder_does(ticks: list[Tick]):
    hot, plain = BarBuilder(), BarBuilder()
    hot_series, plain_series = make_known(), make_known()

    count(hot, hot_series, ticks, TEN + 1000, unusual)
    for tick in ticks:
        plain.add(plain_series[tick.symbol], tick)

    by_hot, by_plain = hot.drain(), plain.drain()
    assert by_hot.bars == by_plain.bars
    assert [late.tick for late in by_hot.late] == [late.tick for late in by_plain.late]


def test_what_is_unusual_is_handed_over() -> None:
    found: list[Tick] = []
    odd = [
        Tick(symbol="NOBODY", price=1.0, ts=TEN),
        Tick(symbol="ACME", ts=TEN),
        Tick(symbol="ACME", price=1.0),
        Tick(symbol="ACME", price=1.0, ts=TEN + 50),
        Tick(symbol="ACME", price=1.0, ts=TEN, exchange="BSE"),
        Tick(symbol="ACME", price=1.0, ts=TEN, is_mock=True),
    ]

    count(BarBuilder(), make_known(), odd, TEN + 2, found.append)

    assert found == odd
