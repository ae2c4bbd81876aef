"""What a chart does to live: it asks for its last two bars again and again.

The client asks from ten periods ago until now with ``countback=2``, shows the last
bar, and first the one before it when a new bar has begun.
"""

import datetime
from dataclasses import dataclass, field

import pytest
from django.test import Client

from marketdata.models import Instrument
from tests.marketdata.builders import ist, make_bar, save_bars

PERIODS = 10
START = ist("2026-11-23 09:15")


@dataclass
class Poller:
    """A chart that has seen nothing yet."""

    asha: Client
    resolution: str
    seconds: int
    shown: list[tuple[int, float]] = field(default_factory=list)

    def poll(self, now: datetime.datetime) -> None:
        at = int(now.timestamp())
        query: dict[str, str | int] = {
            "symbol": "NSE:ACME",
            "resolution": self.resolution,
            "from": at - PERIODS * self.seconds,
            "to": at,
            "countback": 2,
        }
        answer = self.asha.get("/udf/history", query).json()
        if answer["s"] == "ok":
            self.show(list(zip(answer["t"], answer["c"], strict=True)))

    def show(self, bars: list[tuple[int, float]]) -> None:
        last_seen = self.shown[-1][0] if self.shown else bars[-1][0]
        if bars[-1][0] < last_seen:
            return
        if bars[-1][0] > last_seen:
            assert len(bars) == 2, "a new bar without the one it finishes"
            self.shown.append(bars[0])
        self.shown.append(bars[-1])


def trade_at(acme: Instrument, second: int, price: float) -> datetime.datetime:
    """Let a trade at ``second`` after the open close its minute; return its time."""
    minute = START + datetime.timedelta(minutes=second // 60)
    save_bars([make_bar(acme, minute, price)])
    return START + datetime.timedelta(seconds=second)


@pytest.mark.parametrize(("resolution", "seconds"), [("1", 60), ("3", 180), ("5", 300)])
def test_a_poller_sees_every_bar_finished_and_in_order(
    asha: Client, acme: Instrument, resolution: str, seconds: int
):
    poller = Poller(asha, resolution, seconds)
    last_price_of = {}
    for second in range(1, 1200, 20):
        price = 100.0 + second
        now = trade_at(acme, second, price)
        last_price_of[int(START.timestamp()) + second // seconds * seconds] = price

        poller.poll(now)

    times = [time for time, _ in poller.shown]
    assert times == sorted(times)
    assert dict(poller.shown) == last_price_of


def test_a_poller_of_a_silent_market_is_told_the_same_again(
    asha: Client, acme: Instrument
):
    poller = Poller(asha, "1", 60)
    trade_at(acme, 30, 101.0)

    for minutes in (1, 60, 60 * 24 * 5):
        poller.poll(START + datetime.timedelta(minutes=minutes))

    assert poller.shown == [(int(START.timestamp()), 101.0)] * 3


def test_a_poller_that_came_too_early_gets_no_bars(asha: Client, acme: Instrument):
    poller = Poller(asha, "1", 60)
    trade_at(acme, 30, 101.0)

    poller.poll(START)

    assert poller.shown == []
