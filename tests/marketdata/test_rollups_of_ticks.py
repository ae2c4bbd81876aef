"""From ticks to larger bars: what is still counted is not rolled up, the rest is."""

import random
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from marketdata.models import DirtyBucket, Instrument
from marketdata.rollups import roll_up
from marketdata.rollups.verifying import Span, verify_all
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tests.marketdata.ingesting import TEN, Feed, ingest, ingesting, make_tick
from tradingsite import redis as ground

pytestmark = pytest.mark.django_db


@pytest.fixture
def feed() -> Iterator[Feed]:
    client: redis.Redis = ground.client()
    feed = Feed(client, f"{settings.TICK_STREAM}:0")
    feed.wipe()
    yield feed
    feed.wipe()


def marks():
    """Return minute and openness of each mark."""
    rows = DirtyBucket.objects.order_by("opened_at")
    return [(int(row.opened_at.timestamp()), row.is_open) for row in rows]


def assert_right(*instruments: Instrument):
    found = list(verify_all(instruments, Span()))
    assert [one for compared in found for one in compared.differences] == []


def test_a_minute_is_marked_when_it_begins_and_given_free_when_it_is_over(
    feed: Feed, acme: Instrument
):
    with ingesting(feed) as ingestor:
        feed.beat(TEN)
        feed.send(make_tick("ACME", TEN, 100.0, 10))
        ingestor.step()
        assert marks() == [(TEN, True)]
        assert roll_up().minutes == 0

        feed.beat(TEN + 62.5)
        ingestor.step()

    assert marks() == [(TEN, False)]
    assert roll_up().minutes == 1
    assert_right(acme)


def test_the_next_tick_closes_a_minute_too(feed: Feed, acme: Instrument):
    feed.beat(TEN + 61)
    feed.send(make_tick("ACME", TEN, 100.0, 10), make_tick("ACME", TEN + 61, 101.0, 11))

    ingest(feed)

    assert marks() == [(TEN, False), (TEN + 60, True)]


def test_a_late_tick_marks_what_was_rolled_up(feed: Feed, acme: Instrument):
    feed.beat(TEN + 120)
    feed.send(make_tick("ACME", TEN, 100.0, 10))
    feed.send(make_tick("ACME", TEN + 61, 101.0, 50))
    with ingesting(feed) as ingestor:
        ingestor.step()
        roll_up()
        feed.send(make_tick("ACME", TEN + 59, 120.0, 30))
        ingestor.step()

        # The bar after it is still counted, though its volume changed.
        assert marks() == [(TEN, False), (TEN + 60, True)]
        roll_up()
        feed.send(make_tick("ACME", TEN + 62, 102.0, 60))
        feed.beat(TEN + 123)
        ingestor.step()

    roll_up()
    assert marks() == []
    assert_right(acme)


def test_a_tick_for_a_minute_that_the_clock_closed_marks_it_again(
    feed: Feed, acme: Instrument
):
    with ingesting(feed) as ingestor:
        feed.beat(TEN + 63)
        feed.send(make_tick("ACME", TEN, 100.0, 10))
        ingestor.step()
        roll_up()
        assert marks() == []
        feed.send(make_tick("ACME", TEN + 30, 130.0, 20))
        ingestor.step()

    assert marks() == [(TEN, False)]
    roll_up()
    assert_right(acme)


def test_a_bar_that_goes_on_after_a_restart_is_marked_again(
    feed: Feed, acme: Instrument
):
    feed.beat(TEN + 10)
    feed.send(make_tick("ACME", TEN, 100.0, 10))
    ingest(feed)
    DirtyBucket.objects.update(is_open=False)
    roll_up()
    feed.send(make_tick("ACME", TEN + 5, 90.0, 15))

    ingest(feed)

    assert marks() == [(TEN, True)]


def test_a_late_tick_right_after_a_restart_is_marked_as_over(
    feed: Feed, acme: Instrument
):
    feed.beat(TEN + 70)
    feed.send(make_tick("ACME", TEN, 100.0, 10))
    ingest(feed)
    roll_up()
    feed.send(make_tick("ACME", TEN + 5, 90.0, 15))

    ingest(feed)

    assert marks() == [(TEN, False)]
    roll_up()
    assert_right(acme)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_rollups_between_ticks_of_any_order_end_right(feed: Feed, seed: int):
    chance = random.Random(seed)
    make_hours(make_exchange("NSE"))
    stocks = [make_instrument(f"ACME{number}") for number in range(3)]
    now, volume = float(TEN), 0
    with ingesting(feed) as ingestor:
        for _ in range(150):
            now += chance.uniform(0, 25)
            volume += chance.randrange(10)
            at = now - chance.choice([0, 0, 0, chance.uniform(0, 200)])
            stock = chance.choice(stocks)
            price = round(chance.uniform(90, 110), 2)
            feed.beat(now)
            feed.send(make_tick(stock.symbol, max(at, TEN), price, volume))
            if chance.random() < 0.6:
                ingestor.step()
            if chance.random() < 0.3:
                roll_up(batch=chance.randrange(1, 9))
        feed.beat(now + 200)
        ingestor.step()

    roll_up()
    assert marks() == []
    assert_right(*stocks)
