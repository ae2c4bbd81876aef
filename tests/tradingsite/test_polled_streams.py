"""Computed streams: once for all who follow, never for nobody, only what differs."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import DatabaseError

from tests.tradingsite.test_stream_sender import FakeWire
from tradingsite.streaming import polled
from tradingsite.streaming.commands import Subscribe
from tradingsite.streaming.families import Family
from tradingsite.streaming.frames import MOST_BYTES_OUT
from tradingsite.streaming.hub import Hub
from tradingsite.streaming.identity import Caller
from tradingsite.streaming.polled import PolledFeed, PolledFollowing
from tradingsite.streaming.seat import Seat
from tradingsite.streaming.sender import Sender

SOON_S = 10.0


class Weather:
    """A feed whose values are what the test says they are."""

    def __init__(self) -> None:
        self.parts: dict[str, Any] = {"rain": 1, "wind": 2}
        self.as_of: float | None = None
        self.error: Exception | None = None
        self.computed: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        # Whoever computes waits for it.
        self.gate = threading.Event()
        self.gate.set()

    def find(self, words: Collection[str]) -> dict[str, tuple[str, str]]:
        return {word: (word.lower(), word.title()) for word in words if word != "no"}

    def compute(self, key: str, before: Family | None) -> Family:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            assert self.gate.wait(SOON_S)
            self.computed.append(key)
            if self.error:
                raise self.error
            return Family(dict(self.parts), self.as_of or time.time())
        finally:
            self.at_once -= 1


class Reader:
    """A client whose other end the test holds."""

    def __init__(self, hub: Hub, feed: PolledFeed) -> None:
        self.wire = FakeWire()
        self.sender = Sender(self.wire)
        caller = cast("Caller", SimpleNamespace())
        self.following = PolledFollowing(feed, Seat(hub, self.sender, caller))

    async def follow(self, *words: str) -> None:
        await self.following.subscribe(Subscribe(keys=list(words)))

    @property
    def said(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.wire.said()]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [each for each in self.said if each["type"] in kinds]

    @property
    def known(self) -> dict[str, Any]:
        """What a client that merges what it is told knows in the end."""
        known: dict[str, Any] = {}
        for message in self.of("snapshot", "update"):
            known |= message["data"]
        return known


@pytest.fixture
def weather() -> Weather:
    return Weather()


@pytest.fixture
def feed(weather: Weather, monkeypatch: pytest.MonkeyPatch) -> PolledFeed:
    monkeypatch.setattr(polled, "EVERY_S", 0.01)
    return PolledFeed("weather", "read:weather", weather.find, weather.compute)


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()
    yield hub
    await hub.stop()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(SOON_S):
        while not condition():  # noqa: ASYNC110 - any condition, of any object
            await asyncio.sleep(0.001)


async def rounds(weather: Weather, count: int = 2) -> None:
    """Wait until so many more rounds were begun and ended."""
    enough = len(weather.computed) + count + 1
    await until(lambda: len(weather.computed) >= enough)


async def test_a_snapshot_and_then_only_what_differs(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    reader = Reader(hub, feed)
    await reader.follow("PUNE", "no")
    await until(lambda: reader.of("snapshot"))
    await rounds(weather)
    weather.parts["rain"] = 5
    await until(lambda: reader.of("update"))
    await rounds(weather)

    subscribed, snapshot, *updates = reader.said
    assert (subscribed["keys"], subscribed["unknown"]) == (["Pune"], ["no"])
    assert snapshot == {
        "type": "snapshot",
        "stream": "weather",
        "key": "Pune",
        "is_last": True,
        "data": {"rain": 1, "wind": 2},
    }
    assert [(one["key"], one["data"]) for one in updates] == [("Pune", {"rain": 5})]


async def test_what_is_gone_is_told_as_null(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    reader = Reader(hub, feed)
    await reader.follow("pune")
    await until(lambda: reader.of("snapshot"))
    del weather.parts["wind"]
    await until(lambda: reader.of("update"))

    assert reader.of("update")[0]["data"] == {"wind": None}
    late = Reader(hub, feed)
    await late.follow("pune")
    await until(lambda: late.of("snapshot"))
    assert late.known == {"rain": 1}


async def test_one_computation_serves_all_who_follow(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    readers = [Reader(hub, feed) for _ in range(50)]
    for reader in readers:
        await reader.follow("pune")
    await until(lambda: all(reader.of("snapshot") for reader in readers))
    before = len(weather.computed)
    weather.parts["rain"] = 9
    await until(lambda: all(reader.of("update") for reader in readers))

    assert len(weather.computed) - before <= 3
    # They share the bytes, too.
    assert len({id(reader.wire.written[-1]) for reader in readers}) == 1


async def test_two_feeds_by_the_same_rounds_would_be_computed_twice(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    """The control: followers of a topic each would be counted."""
    other = PolledFeed("other", "read:weather", weather.find, weather.compute)
    readers = [Reader(hub, feed), Reader(hub, other)]
    weather.gate.clear()
    for reader in readers:
        await reader.follow("pune")
    await until(lambda: weather.at_once == 2)
    weather.gate.set()


@pytest.mark.parametrize("way", ["unsubscribe", "leave"])
async def test_for_nobody_nothing_is_computed(
    hub: Hub, weather: Weather, feed: PolledFeed, way: str
):
    reader = Reader(hub, feed)
    await reader.follow("pune")
    await until(lambda: reader.of("snapshot"))
    if way == "unsubscribe":
        await reader.following.unsubscribe(["pune"])
        assert reader.of("unsubscribed")[0]["keys"] == ["Pune"]
    else:
        reader.following.leave()
    await until(lambda: not hub._running)

    topic = hub.topic("weather")
    assert topic is not None
    assert not topic.is_wanted
    # And again for the next one.
    again = Reader(hub, feed)
    await again.follow("pune")
    await until(lambda: again.of("snapshot"))


async def test_who_leaves_before_the_first_values_is_forgotten(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    reader = Reader(hub, feed)
    weather.gate.clear()
    await reader.follow("pune")
    await until(lambda: weather.at_once)
    reader.following.leave()
    weather.gate.set()
    await until(lambda: not hub._running)

    assert reader.of("snapshot", "update") == []


async def test_one_of_two_keys_goes_on(hub: Hub, weather: Weather, feed: PolledFeed):
    reader = Reader(hub, feed)
    await reader.follow("pune", "delhi")
    await until(lambda: len(reader.of("snapshot")) == 2)
    await reader.following.unsubscribe(["delhi"])
    weather.computed.clear()
    weather.parts["rain"] = 3
    await until(lambda: reader.of("update"))
    await rounds(weather)

    assert {one["key"] for one in reader.of("update")} == {"Pune"}
    assert set(weather.computed[1:]) == {"pune"}
    assert reader.following.seat.taken == 1


async def test_a_slow_computation_makes_the_next_late_and_no_queue(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    reader = Reader(hub, feed)
    await reader.follow("pune", "delhi")
    await until(lambda: len(reader.of("snapshot")) == 2)
    weather.gate.clear()
    await until(lambda: weather.at_once)
    # Ten rounds long.
    await asyncio.sleep(10 * polled.EVERY_S)
    assert weather.at_once == 1
    weather.gate.set()
    weather.parts["rain"] = 4
    await until(lambda: len(reader.of("update")) == 2)

    assert weather.most_at_once == 1


async def test_half_of_the_time_belongs_to_the_others(
    hub: Hub, weather: Weather, feed: PolledFeed, monkeypatch: pytest.MonkeyPatch
):
    took: list[float] = []
    real = weather.compute

    def slow(key: str, before: Family | None) -> Family:
        began = time.monotonic()
        threading.Event().wait(0.02)
        took.append(time.monotonic() - began)
        return real(key, before)

    slow_feed = PolledFeed("weather", "read:weather", weather.find, slow)
    reader = Reader(hub, slow_feed)
    began = time.monotonic()
    await reader.follow("pune")
    await until(lambda: len(took) >= 10)

    assert sum(took[:9]) <= 0.55 * (time.monotonic() - began)


@pytest.mark.parametrize("error", [DatabaseError("away"), ZeroDivisionError()])
async def test_an_error_makes_it_stale_and_the_next_round_live(
    hub: Hub, weather: Weather, feed: PolledFeed, error: Exception
):
    reader = Reader(hub, feed)
    weather.as_of = time.time()
    await reader.follow("pune")
    await until(lambda: reader.of("snapshot"))
    weather.error = error
    await until(lambda: reader.of("stale"))
    weather.error = None
    await until(lambda: reader.of("live"))

    (stale,) = reader.of("stale")
    assert (stale["key"], stale["since"]) == ("Pune", round(weather.as_of, 3))
    assert [one["type"] for one in reader.said[-2:]] == ["stale", "live"]


async def test_without_an_error_nothing_is_stale(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    """The control."""
    reader = Reader(hub, feed)
    await reader.follow("pune")
    await until(lambda: reader.of("snapshot"))
    await rounds(weather, 5)

    assert reader.of("stale", "live") == []


async def test_one_that_cannot_be_computed_does_not_stop_the_others(
    hub: Hub, weather: Weather, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(polled, "EVERY_S", 0.01)

    def compute(key: str, before: Family | None) -> Family:
        if key == "delhi":
            raise LookupError(key)
        return weather.compute(key, before)

    feed = PolledFeed("weather", "read:weather", weather.find, compute)
    reader = Reader(hub, feed)
    await reader.follow("delhi", "pune")
    await until(lambda: len(reader.of("snapshot")) == 2 and reader.of("stale"))
    weather.parts["rain"] = 8
    await until(lambda: reader.of("update"))

    assert {one["key"]: one["data"] for one in reader.of("snapshot")} == {
        "Delhi": {},
        "Pune": {"rain": 1, "wind": 2},
    }
    assert {one["key"] for one in reader.of("stale")} == {"Delhi"}


async def test_what_is_old_is_told_since_when_also_to_who_comes_later(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    weather.as_of = time.time() - 60
    first, second = Reader(hub, feed), Reader(hub, feed)
    for reader in (first, second):
        await reader.follow("pune")
        await until(partial(reader.of, "stale"))
        assert reader.of("stale")[0]["since"] == round(weather.as_of, 3)
    weather.as_of = None
    await until(lambda: first.of("live") and second.of("live"))


async def test_a_feed_that_says_nothing_has_changed_sends_nothing(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(polled, "EVERY_S", 0.01)
    given: list[Family | None] = []

    def compute(key: str, before: Family | None) -> Family:
        given.append(before)
        return before or Family({"rain": 1}, time.time(), basis="b")

    feed = PolledFeed("weather", "read:weather", Weather().find, compute)
    reader = Reader(hub, feed)
    await reader.follow("pune")
    await until(lambda: len(given) >= 4)

    assert given[0] is None
    assert {id(each) for each in given[1:]} == {id(given[1])}
    assert reader.of("update") == []


async def test_many_parts_come_in_frames_that_may_be_sent(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    weather.parts = {f"{number}": "x" * 1000 for number in range(220)}
    reader = Reader(hub, feed)
    await reader.follow("pune")
    await until(lambda: any(one["is_last"] for one in reader.of("snapshot")))
    weather.parts = {f"{number}": "y" * 1000 for number in range(220)}
    await until(lambda: len({*reader.known.values()}) == 1 and reader.of("update"))

    frames = reader.of("snapshot")
    assert [one["is_last"] for one in frames] == [False] * (len(frames) - 1) + [True]
    assert max(len(frame.text) for frame in reader.wire.written) <= MOST_BYTES_OUT
    assert reader.known == weather.parts


async def test_one_part_that_is_too_large_keeps_the_others_from_nobody(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    reader = Reader(hub, feed)
    await reader.follow("pune")
    await until(lambda: reader.of("snapshot"))
    weather.parts = {"hail": "x" * MOST_BYTES_OUT, "rain": 7, "wind": 8}

    await until(lambda: reader.known == {"rain": 7, "wind": 8})


async def test_a_slow_reader_gets_the_newest_of_each_part_and_is_kept(
    hub: Hub, weather: Weather, feed: PolledFeed
):
    weather.parts = {f"{number}": "x" * 1000 for number in range(220)}
    slow, quick = Reader(hub, feed), Reader(hub, feed)
    for reader in (slow, quick):
        await reader.follow("pune")
        await until(partial(reader.of, "snapshot"))
    slow.wire.is_clear = False
    for number in range(5):
        weather.parts = dict.fromkeys(weather.parts, f"{number}" + "y" * 1000)
        await until(lambda: quick.known == weather.parts)
    written = len(slow.wire.written)
    assert slow.sender.closed_with is None
    slow.wire.clear()

    late = slow.said[written:]
    assert slow.known == weather.parts
    # Each part once, the newest: nothing of the rounds that were slept through.
    assert sum(len(one["data"]) for one in late) == 220
