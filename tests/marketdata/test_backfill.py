import datetime

import pytest
from django.utils import timezone

from marketdata.backfill import repair_due
from marketdata.models import BarGap, DirtyBucket, MinuteBar
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


def no_rest(seconds: float) -> None:
    return None


def test_a_gap_is_filled_from_history(gap: BarGap):
    acme = make_instrument("ACME", broker_token=256)
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
    make_instrument("ACME", broker_token=256)
    make_instrument("OTHER", broker_token=257)
    source = FakeTicker()

    repair_due(source, no_rest)

    assert source.asked == [256]


def test_a_repair_twice_changes_nothing(gap: BarGap):
    make_instrument("ACME", broker_token=256)
    repair_due(FakeTicker(), no_rest)
    before = list(MinuteBar.objects.values())

    BarGap.objects.update(status="open")
    repair_due(FakeTicker(), no_rest)

    assert list(MinuteBar.objects.values()) == before


def test_a_service_that_is_away_leaves_the_gap_open_for_later(gap: BarGap):
    make_instrument("ACME", broker_token=256)

    assert repair_due(FakeTicker(is_away=True), no_rest) == 0

    gap.refresh_from_db()
    assert (gap.status, gap.attempts) == ("open", 1)
    assert gap.next_attempt_at > gap.recorded_at
    assert "503" in gap.last_error


def test_a_gap_whose_minute_still_runs_waits(gap: BarGap):
    make_instrument("ACME", broker_token=256)
    later = timezone.now() + datetime.timedelta(minutes=5)
    BarGap.objects.update(to_at=later)
    source = FakeTicker()

    assert repair_due(source, no_rest) == 0
    assert source.asked == []
