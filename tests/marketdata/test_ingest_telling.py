"""What is told between two flushes: what moved, once, and only while there is time."""

import pytest

from marketdata import quotes
from marketdata.bars import Bar, BarBuilder
from marketdata.ingest.telling import Teller

AT = 1_796_000_000.0


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """What was told, by price, each time."""
    found: list[list[float]] = []
    monkeypatch.setattr(
        quotes, "tell", lambda bars: found.append([bar.close for bar in bars])
    )
    return found


def make_bar(price: float, at: float = AT, instrument_id: int = 1) -> Bar:
    return Bar(instrument_id, int(at), price, price, price, price, at, at)


def builder_with(*bars: Bar) -> BarBuilder:
    builder = BarBuilder()
    for bar in bars:
        builder.touch(bar)
    return builder


def test_what_moved_is_told_once(told: list[list[float]]):
    teller, bar = Teller(every_s=0), make_bar(1.0)
    builder = builder_with(bar, make_bar(7.0, instrument_id=2))

    teller.tell([builder], is_behind=False)
    teller.tell([builder], is_behind=False)
    bar.close = 2.0
    teller.tell([builder], is_behind=False)

    assert told == [[1.0, 7.0], [], [2.0]]


def test_a_corrected_older_minute_is_no_news(told: list[list[float]]):
    teller = Teller(every_s=0)
    teller.tell([builder_with(make_bar(2.0, AT + 60))], is_behind=False)

    teller.tell([builder_with(make_bar(1.0, AT))], is_behind=False)

    assert told == [[2.0], []]


def test_the_newest_minute_of_two_is_told(told: list[list[float]]):
    builder = builder_with(make_bar(1.0, AT), make_bar(2.0, AT + 60))

    Teller(every_s=0).tell([builder], is_behind=False)

    assert told == [[2.0]]


def test_nothing_is_told_while_much_waits_to_be_read(told: list[list[float]]):
    Teller(every_s=0).tell([builder_with(make_bar(1.0))], is_behind=True)

    assert told == []


def test_it_is_not_told_more_often_than_that(told: list[list[float]]):
    teller, bar = Teller(every_s=3600), make_bar(1.0)
    builder = builder_with(bar)

    teller.tell([builder], is_behind=False)
    bar.close = 2.0
    teller.tell([builder], is_behind=False)

    assert told == [[1.0]]
