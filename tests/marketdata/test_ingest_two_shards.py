"""Call and put of a strike travel on different shards, and meet in one row."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from marketdata.ingest.ingestor import Ingestor
from marketdata.ingest.streams import shard_of
from marketdata.models import StrikeBar
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tests.marketdata.ingesting import QUICK, TEN, Feed
from tradingsite import redis as ground

# As Kite numbers them: exchange tokens side by side, and 2 for the segment.
CALL, PUT = 50_000 * 256 + 2, 50_001 * 256 + 2
UPDATES = 40


@pytest.fixture
def feeds(transactional_db: None) -> Iterator[list[Feed]]:
    """Two shards, and a strike with its call on the first and its put on the other."""
    make_hours(make_exchange("NSE"))
    contract: Any = {
        "kind": "option",
        "underlying": make_instrument("ACME"),
        "expires_on": "2026-11-24",
        "strike": "100.00",
    }
    make_instrument("ACME100CE", option_type="CE", broker_token=CALL, **contract)
    make_instrument("ACME100PE", option_type="PE", broker_token=PUT, **contract)
    made = [Feed(ground.client(), f"{settings.TICK_STREAM}:{n}") for n in range(2)]
    for feed in made:
        feed.wipe()
        feed.beat(TEN)
    yield made
    for feed in made:
        feed.wipe()


def option_tick(token: int, number: int) -> dict[str, Any]:
    depth = {"buy": [{"quantity": 50, "price": 4.0}], "sell": []}
    return {
        "symbol": "ACME", "token": token, "price": 5.0 + number, "volume": number,
        "oi": token % 1000 + number, "iv": 0.2, "delta": 0.5, "ts": TEN + number / 100,
        "depth": depth,
    }  # fmt: skip


def play(feed: Feed, token: int) -> None:
    """Ingest one shard with an owner of its own, one flush for each tick."""
    ingestor = Ingestor({feed.key: 0}, pace=QUICK, owner=feed.key)
    for number in range(UPDATES):
        feed.send(option_tick(token, number))
        ingestor.step()
    ingestor.run(until_caught_up=True)


def play_and_hang_up(feed: Feed, token: int) -> None:
    try:
        play(feed, token)
    finally:
        connection.close()


def test_the_contracts_of_a_segment_are_spread_over_the_shards():
    tokens = [exchange_token * 256 + 2 for exchange_token in range(50_000, 50_100)]

    assert [shard_of(token, 4) for token in tokens].count(3) == 25
    assert (shard_of(CALL, 2), shard_of(PUT, 2)) == (0, 1)


def test_two_owners_write_the_two_sides_of_one_row(feeds: list[Feed]):
    other = threading.Thread(target=play_and_hang_up, args=(feeds[1], PUT))
    other.start()
    play(feeds[0], CALL)
    other.join(30)

    last = UPDATES - 1
    row = StrikeBar.objects.get()
    assert (row.call_close, row.call_volume, row.call_iv) == (5.0 + last, last, 0.2)
    assert (row.put_close, row.put_volume, row.put_iv) == (5.0 + last, last, 0.2)
    assert row.call_open_interest == CALL % 1000 + last
    assert row.put_open_interest == PUT % 1000 + last
    assert (row.call_bid_quantity, row.put_bid_quantity) == (50, 50)
