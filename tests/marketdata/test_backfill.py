import datetime
from decimal import Decimal

import pytest
from django.utils import timezone

from marketdata import partitions
from marketdata.backfill.candles import write
from marketdata.backfill.gaps import repair_due
from marketdata.models import BarGap, DirtyBucket, Instrument, MinuteBar, StrikeBar
from marketdata.ticker import Candle, TickerUnavailable
from tests.marketdata.builders import ist, make_instrument, make_minutes

GONE = ist("2026-11-20 10:00")


class FakeTicker:
    """A ticker service that remembers every minute, or does not answer."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.asked: list[int] = []
        self._is_away = is_away

    def history(self, token: int, start: float, end: float) -> list[Candle]:
        self.asked.append(token)
        if self._is_away:
            raise TickerUnavailable("/history: HTTP 503")
        return [
            Candle(
                datetime.datetime.fromtimestamp(at, datetime.UTC), 1.0, 3.0, 0.5, 2.0, 9
            )
            for at in range(int(start), int(end) + 1, 60)
        ]


@pytest.fixture
def gap(db: None) -> BarGap:
    return BarGap.objects.create(
        stream="ticks:0",
        shard=0,
        from_at=GONE,
        to_at=GONE + datetime.timedelta(minutes=2),
        reason="trimmed",
    )


def no_rest() -> None:
    return None


def test_a_gap_is_filled_from_history(gap: BarGap):
    acme = make_instrument("ACME", broker_token=512)
    make_minutes(acme, "2026-11-20 10:00", 1)

    assert repair_due(FakeTicker(), no_rest) == 1

    bars = MinuteBar.objects.for_instrument(acme.id)
    assert [(bar.close, bar.volume, bar.source) for bar in bars] == [
        (2.0, 9, "history")
    ] * 3
    gap.refresh_from_db()
    assert gap.status == "repaired"
    assert DirtyBucket.objects.count() == 3


def test_only_the_instruments_of_the_shard_are_asked_for(gap: BarGap):
    make_instrument("ACME", broker_token=512)
    make_instrument("OTHER", broker_token=258)
    source = FakeTicker()

    repair_due(source, no_rest)

    assert source.asked == [512]


def test_a_repair_twice_changes_nothing(gap: BarGap):
    make_instrument("ACME", broker_token=512)
    repair_due(FakeTicker(), no_rest)
    before = list(MinuteBar.objects.values())

    BarGap.objects.update(status="open")
    repair_due(FakeTicker(), no_rest)

    assert list(MinuteBar.objects.values()) == before


def test_a_service_that_is_away_leaves_the_gap_open_for_later(gap: BarGap):
    make_instrument("ACME", broker_token=512)

    assert repair_due(FakeTicker(is_away=True), no_rest) == 0

    gap.refresh_from_db()
    assert (gap.status, gap.attempts) == ("open", 1)
    assert gap.next_attempt_at > gap.recorded_at
    assert "503" in gap.last_error


def test_a_gap_whose_minute_still_runs_waits(gap: BarGap):
    make_instrument("ACME", broker_token=512)
    later = timezone.now() + datetime.timedelta(minutes=5)
    BarGap.objects.update(to_at=later)
    source = FakeTicker()

    assert repair_due(source, no_rest) == 0
    assert source.asked == []


@pytest.fixture
def call(db: None) -> Instrument:
    return make_instrument(
        "ACME100CE", kind="option", underlying=make_instrument("ACME"),
        expires_on=datetime.date(2026, 11, 24), strike=Decimal(100), option_type="CE",
    )  # fmt: skip


def make_side(call: Instrument) -> StrikeBar:
    """A strike as ticks left it: both sides, the call's with its book."""
    assert call.underlying is not None
    assert call.expires_on is not None
    assert call.strike is not None
    partitions.ensure("fo_option_strike_bars", [partitions.month_of(GONE)])
    return StrikeBar.objects.create(
        underlying=call.underlying, expires_on=call.expires_on, strike=call.strike,
        opened_at=GONE, call_last_tick_at=GONE, call_close=1.0, call_iv=0.1,
        call_delta=0.4, call_bid=0.9, call_bid_quantity=50, put_close=7.0, put_iv=0.3,
    )  # fmt: skip


def test_an_option_fills_its_side_of_the_strike(call: Instrument):
    make_side(call)

    write(call, [Candle(GONE, 5.0, 6.0, 4.0, 5.5, 70, 900, 0.2, 0.5, 0.01, -3.0, 4.0)])

    row = StrikeBar.objects.get()
    assert (row.call_close, row.call_volume, row.call_open_interest) == (5.5, 70, 900)
    assert (row.call_iv, row.call_delta, row.call_vega) == (0.2, 0.5, 4.0)
    assert (row.call_bid, row.call_bid_quantity) == (0.9, 50)
    assert (row.put_close, row.put_iv) == (7.0, 0.3)
    assert MinuteBar.objects.get().close == 5.5


def test_a_history_without_volatility_leaves_ours(call: Instrument):
    make_side(call)

    write(call, [Candle(GONE, 5.0, 6.0, 4.0, 5.5, 70)])

    row = StrikeBar.objects.get()
    assert (row.call_close, row.call_iv, row.call_delta) == (5.5, 0.1, 0.4)
