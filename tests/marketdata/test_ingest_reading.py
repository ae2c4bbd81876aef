"""Reading shards of a real server, ahead of what is being counted."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from redis.exceptions import ConnectionError as RedisConnectionError

from marketdata.ingest.streams import BEGINNING, Streams
from marketdata.models import BarGap
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tests.marketdata.ingesting import TEN, Feed, counters, ingesting, make_tick
from tradingsite import redis as ground

BLOCK_MS = 20


@pytest.fixture
def feed() -> Iterator[Feed]:
    feed = Feed(ground.client(), f"{settings.TICK_STREAM}:ahead")
    feed.wipe()
    yield feed
    feed.wipe()


@pytest.fixture
def streams() -> Iterator[Streams]:
    streams = Streams(ground.blocking_client(BLOCK_MS / 1000))
    yield streams
    streams.close()


def read(streams: Streams, feed: Feed, after: bytes, count: int = 2) -> list[bytes]:
    found = streams.read({feed.key: after}, count=count, block_ms=BLOCK_MS)
    return [fields[1] for _, fields in found[feed.key].entries]


def end_of(feed: Feed) -> bytes:
    return bytes(feed.client.xinfo_stream(feed.key)["last-generated-id"])


def test_what_was_asked_ahead_is_the_next_answer(feed: Feed, streams: Streams):
    for body in (b"1", b"2"):
        feed.send_raw(body)
    second = end_of(feed)
    for body in (b"3", b"4", b"5"):
        feed.send_raw(body)

    assert read(streams, feed, BEGINNING) == [b"1", b"2"]
    streams.read_ahead({feed.key: second}, count=2)

    assert read(streams, feed, second, count=1) == [b"3", b"4"]


def test_an_answer_to_another_question_is_dropped(feed: Feed, streams: Streams):
    for body in (b"1", b"2"):
        feed.send_raw(body)
    streams.read_ahead({feed.key: end_of(feed)}, count=2)

    assert read(streams, feed, BEGINNING) == [b"1", b"2"]


def test_nothing_ahead_is_asked_again(feed: Feed, streams: Streams):
    feed.send_raw(b"1")
    first = end_of(feed)
    streams.read_ahead({feed.key: first}, count=2)
    feed.client.ping()
    feed.send_raw(b"2")

    assert read(streams, feed, first) == [b"2"]


def test_a_stream_that_is_not_there_holds_nothing(feed: Feed, streams: Streams):
    found = streams.read({feed.key: BEGINNING}, count=2, block_ms=BLOCK_MS)

    part = found[feed.key]
    assert (part.entries, part.look.added, bool(part.look.epoch)) == ([], 0, True)


def test_an_answer_that_breaks_off_leaves_nothing_behind(feed: Feed, streams: Streams):
    # More than the sockets hold: whatever has arrived by now, it is not all.
    body = b"1" * 16_000_000
    feed.send_raw(body)
    streams.read_ahead({feed.key: BEGINNING}, count=2)
    streams._connection._sock.shutdown(2)

    with pytest.raises(RedisConnectionError):
        read(streams, feed, BEGINNING)

    assert read(streams, feed, BEGINNING) == [body]


def test_more_than_a_read_holds_is_counted_once_and_whole(db: None, feed: Feed):
    make_hours(make_exchange("NSE"))
    make_instrument("ACME")
    feed.beat(TEN)
    feed.send(*(make_tick("ACME", TEN + n / 1000, 100.0, n) for n in range(900)))

    with ingesting(feed) as ingestor:
        ingestor.run(until_caught_up=True)

    assert counters(feed)["ticks"] == 900
    assert ingestor.totals.entries == 901


def test_a_wipe_behind_what_was_asked_ahead_is_a_gap(db: None, feed: Feed):
    make_hours(make_exchange("NSE"))
    make_instrument("ACME")
    feed.beat(TEN)
    feed.send(*(make_tick("ACME", TEN, 100.0, n) for n in range(199)))

    with ingesting(feed) as ingestor:
        ingestor.step()
        feed.wipe()
        feed.beat(TEN + 30)
        feed.send(make_tick("ACME", TEN + 30, 101.0, 500))
        ingestor.run(until_caught_up=True)

    assert BarGap.objects.get().reason == "wiped"
    assert counters(feed)["ticks"] == 200
