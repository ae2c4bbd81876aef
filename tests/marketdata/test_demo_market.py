"""The demo's first hours, and how they join what the ingestor counts."""

import datetime
import io
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.management import call_command

from marketdata import demo
from marketdata.imports.instruments.kite import COLUMNS
from marketdata.management.commands import load_demo_market
from marketdata.models import DirtyBucket, Instrument, MinuteBar
from marketdata.ticker import Candle, TickerRefused, TickerUnavailable
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tests.marketdata.ingesting import TEN, Feed, ingest, make_tick
from tradingsite import redis as ground

MINUTES = 6 * 60
ACME = "256,1,ACME,ACME,0,,0,0.05,1,EQ,DEMO,DEMO\n"


def at(second: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(second, datetime.UTC)


class FakeTicker:
    """A ticker service whose every minute is known, seven shares each."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[int] = []
        self._error = error

    def instruments(self) -> str:
        return ",".join(COLUMNS) + "\n" + ACME

    def history(self, token: int, start: float, end: float) -> list[Candle]:
        self.asked.append(token)
        if self._error:
            raise self._error
        first = -int(-start // 60) * 60
        return [
            Candle(at(minute), 100.0, 102.0, 99.0, 101.0, 7)
            for minute in range(first, int(end) + 1, 60)
        ]


@pytest.fixture
def acme(db: None) -> Instrument:
    make_hours(make_exchange("NSE"))
    return make_instrument("ACME", broker_token=256)


@pytest.fixture
def feed(db: None) -> Iterator[Feed]:
    feed = Feed(ground.client(), f"{settings.TICK_STREAM}:0")
    feed.wipe()
    yield feed
    feed.wipe()


def minutes_and_volumes(instrument: Instrument) -> list[tuple[int, int]]:
    bars = MinuteBar.objects.for_instrument(instrument.id).order_by("opened_at")
    return [(int(bar.opened_at.timestamp()), bar.volume) for bar in bars]


def test_the_last_hours_are_there_before_the_first_tick(acme: Instrument):
    filled = demo.fill(FakeTicker(), ["NSE"], at(TEN + 20))

    opened = [minute for minute, _ in minutes_and_volumes(acme)]
    assert filled == demo.Filled(MINUTES - 1)
    assert opened == list(range(TEN - 60 * (MINUTES - 1), TEN, 60))
    assert {bar.source for bar in MinuteBar.objects.all()} == {"history"}
    assert DirtyBucket.objects.count() == MINUTES - 1


def test_live_bars_follow_without_a_hole(acme: Instrument, feed: Feed):
    demo.fill(FakeTicker(), ["NSE"], at(TEN + 20))
    feed.beat(TEN + 61)
    feed.send(make_tick("ACME", TEN + 15, 101.0, 5_000))
    feed.send(make_tick("ACME", TEN + 50, 103.0, 5_040))
    feed.send(make_tick("ACME", TEN + 61, 103.0, 5_050))

    ingest(feed)

    assert minutes_and_volumes(acme)[-3:] == [(TEN - 60, 7), (TEN, 40), (TEN + 60, 10)]


def sleep_ten_minutes(feed: Feed, *, is_filled: bool) -> None:
    """Let ticks come, then none for ten minutes, in which 70 shares are traded."""
    feed.beat(TEN)
    feed.send(
        make_tick("ACME", TEN, 100.0, 1_000), make_tick("ACME", TEN, 100.0, 1_010)
    )
    ingest(feed)
    if is_filled:
        demo.fill(FakeTicker(), ["NSE"], at(TEN + 600))
    feed.beat(TEN + 610)
    feed.send(make_tick("ACME", TEN + 601, 100.0, 1_080))
    feed.send(make_tick("ACME", TEN + 609, 100.0, 1_085))
    ingest(feed)


def test_what_history_filled_is_not_counted_again(acme: Instrument, feed: Feed):
    sleep_ten_minutes(feed, is_filled=True)

    bars = minutes_and_volumes(acme)
    assert [opened for opened, _ in bars] == list(range(TEN, TEN + 601, 60))
    assert [volume for _, volume in bars] == [10, *[7] * 9, 5]


def test_without_history_the_next_bar_holds_what_was_slept_through(
    acme: Instrument, feed: Feed
):
    sleep_ten_minutes(feed, is_filled=False)

    assert minutes_and_volumes(acme) == [(TEN, 10), (TEN + 600, 75)]


def test_a_bar_that_was_open_goes_on_although_history_followed(
    acme: Instrument, feed: Feed
):
    feed.beat(TEN)
    feed.send(make_tick("ACME", TEN, 100.0, 1_000), make_tick("ACME", TEN, 90.0, 1_010))
    ingest(feed)
    demo.fill(FakeTicker(), ["NSE"], at(TEN + 600))
    feed.send(make_tick("ACME", TEN + 1, 95.0, 1_020))

    ingest(feed)

    first = MinuteBar.objects.for_instrument(acme.id).earliest("opened_at")
    assert (first.low, first.close, first.volume) == (90.0, 95.0, 20)


def test_a_second_start_asks_for_nothing(acme: Instrument):
    demo.fill(FakeTicker(), ["NSE"], at(TEN + 20))
    before = list(MinuteBar.objects.values())
    source = FakeTicker()

    filled = demo.fill(source, ["NSE"], at(TEN + 100))

    assert (filled, source.asked) == (demo.Filled(), [])
    assert list(MinuteBar.objects.values()) == before


def test_another_exchange_is_left_alone(acme: Instrument):
    source = FakeTicker()

    demo.fill(source, ["DEMO"], at(TEN))

    assert source.asked == []


def test_time_that_ran_out_leaves_the_rest(acme: Instrument):
    filled = demo.fill(FakeTicker(), ["NSE"], at(TEN), within_s=0)

    assert filled == demo.Filled(left=1)


def test_an_instrument_without_history_is_passed_over(acme: Instrument):
    assert (
        demo.fill(FakeTicker(TickerRefused("unknown")), ["NSE"], at(TEN))
        == demo.Filled()
    )


def test_history_that_fails_is_a_warning(db: None, monkeypatch: pytest.MonkeyPatch):
    source = FakeTicker(TickerUnavailable("/history: HTTP 503"))
    monkeypatch.setattr(load_demo_market, "ticker", lambda: source)
    warnings = io.StringIO()

    call_command("load_demo_market", stdout=io.StringIO(), stderr=warnings)

    assert "HTTP 503" in warnings.getvalue()
    assert Instrument.objects.get().symbol == "ACME"
