"""Who joins a stream of values while they move is told nothing older after newer."""

import asyncio
import json
import threading
from collections.abc import Callable, Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tradingsite.streaming.conflated import ConflatedFollowing, ConflatedTopic, Feed
from tradingsite.streaming.frames import Frame
from tradingsite.streaming.hub import Hub, Topic
from tradingsite.streaming.identity import Caller
from tradingsite.streaming.publishing import channel_of
from tradingsite.streaming.seat import Seat
from tradingsite.streaming.sender import Sender


class DeafHub(Hub):
    """A hub that hears nothing: the test tells its topics."""

    async def open(self, *topics: Topic) -> None:
        for topic in topics:
            self.keep(topic)


class SlowWire:
    """A connection whose client takes what it was sent when the test says so."""

    def __init__(self) -> None:
        self.is_clear = False
        self.on_clear: Callable[[], None] | None = None
        self.said: list[dict[str, Any]] = []

    def write(self, frame: Frame) -> None:
        self.said.append(json.loads(frame.text))

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(reason)

    def clear(self) -> None:
        self.is_clear = True
        if self.on_clear:
            self.on_clear()


def prices(wire: SlowWire) -> list[int | None]:
    """Return what the client took the price of ACME to be, message by message."""
    return [
        one["data"]["ACME"] if one["type"] == "snapshot" else one["data"]
        for one in wire.said
        if one["type"] in {"snapshot", "update"}
    ]


@pytest.mark.parametrize("batched", [False, True])
async def test_a_price_that_moves_while_a_slow_client_joins_does_not_go_back(
    batched: bool,
):
    asked, may_answer = threading.Event(), threading.Event()

    def newest(keys: Collection[str]) -> dict[str, int]:
        asked.set()
        assert may_answer.wait(10)
        return dict.fromkeys(keys, 1)

    feed = Feed("prices", "read", lambda words: {w: (w, w) for w in words}, newest)
    hub, wire = DeafHub(), SlowWire()
    sender = Sender(wire)
    if batched:
        hub.hold(sender, 1)
    seat = Seat(hub, sender, cast("Caller", SimpleNamespace()))
    joining = asyncio.create_task(
        ConflatedFollowing(feed, seat).join({"ACME": ("ACME", "ACME")})
    )
    assert await asyncio.to_thread(asked.wait, 10)
    topic = cast("ConflatedTopic", hub.topic("prices"))
    topic.heard(b'{"ACME":2}')
    may_answer.set()
    await joining
    topic.heard(b'{"ACME":3}')
    if batched:
        sender.batch(None)

    wire.clear()

    assert prices(wire) == [2, 3]


async def test_endless_spellings_of_one_key_are_not_all_remembered():
    acme = ("1", "ACME")
    feed = Feed(
        "prices", "read", lambda words: dict.fromkeys(words, acme), lambda _: {}
    )
    hub = DeafHub()
    seat = Seat(hub, Sender(SlowWire()), cast("Caller", SimpleNamespace()))
    following = ConflatedFollowing(feed, seat)
    for number in range(1000):
        await following.join(await following.find([f"acme{number}"]))

    assert len(cast("ConflatedTopic", hub.topic("prices"))._known) < 10
    following.names = {"1": "ACME"}
    following.leave()
    assert cast("ConflatedTopic", hub.topic("prices"))._known == {}


async def test_stale_that_is_over_is_not_told_after_live():
    feed = Feed(
        "prices", "read", lambda words: {w: (w, w) for w in words}, lambda _: {}
    )
    hub, wire = DeafHub(), SlowWire()
    seat = Seat(hub, Sender(wire), cast("Caller", SimpleNamespace()))
    following = ConflatedFollowing(feed, seat)
    await following.join({"ACME": ("ACME", "ACME")})
    topic = cast("ConflatedTopic", hub.topic("prices"))
    topic.lost()
    await following.join({"BRIGHT": ("BRIGHT", "BRIGHT")})
    topic.heard(b'{"ACME":2}')

    wire.clear()

    states = [one["type"] for one in wire.said if one["type"] in {"stale", "live"}]
    assert states == ["live"]


async def test_who_came_before_anything_could_be_heard_is_told_when_it_is():
    feed = Feed(
        "prices", "read", lambda words: {w: (w, w) for w in words}, lambda _: {}
    )
    hub, wire = DeafHub(), SlowWire()
    wire.is_clear = True
    seat = Seat(hub, Sender(wire), cast("Caller", SimpleNamespace()))
    assert not hub.is_connected
    await ConflatedFollowing(feed, seat).join({"ACME": ("ACME", "ACME")})

    cast("ConflatedTopic", hub.topic("prices")).heard(b'{"ACME":2}')

    assert [one["type"] for one in wire.said] == ["snapshot", "stale", "live", "update"]


@pytest.mark.parametrize(
    "odd",
    [b'{"\xff":1}', b'{"ACME":' + b"[" * 100_000, b"[]"],
    ids=["no text", "too deep", "no object"],
)
async def test_what_no_publisher_of_ours_wrote_is_passed_over(odd: bytes):
    feed = Feed(
        "prices", "read", lambda words: {w: (w, w) for w in words}, lambda _: {}
    )
    hub, wire = DeafHub(), SlowWire()
    seat = Seat(hub, Sender(wire), cast("Caller", SimpleNamespace()))
    await ConflatedFollowing(feed, seat).join({"ACME": ("ACME", "ACME")})

    hub.heard(channel_of("prices"), odd)
    hub.heard(channel_of("prices"), b'{"ACME":2}')

    wire.clear()
    assert prices(wire) == [None, 2]
