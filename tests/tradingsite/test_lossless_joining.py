"""Readers who join a lossless stream while events are on their way to others."""

import asyncio
import json
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.utils import timezone

from tradingsite.streaming import journal
from tradingsite.streaming.codes import Close
from tradingsite.streaming.frames import Frame
from tradingsite.streaming.hub import Hub
from tradingsite.streaming.identity import Caller, Refused
from tradingsite.streaming.journal import Event, Gap, Position
from tradingsite.streaming.lossless import PAGE, LosslessFeed, LosslessTopic, Pair
from tradingsite.streaming.seat import Seat
from tradingsite.streaming.sender import Sender
from tradingsite.streaming.watch import Watch, check

FEED = LosslessFeed("ledger", "read:accounts", lambda *_: {}, set, lambda _: [])
OLD, NEW = "old", "new"


@dataclass
class Wire:
    """A connection that takes everything at once."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    is_clear: bool = True
    on_clear: Any = None
    closed_with: int = 0

    def write(self, frame: Frame) -> None:
        self.frames.append(json.loads(frame.text))

    def close(self, code: int, reason: str) -> None:
        self.closed_with = code

    @property
    def events(self) -> list[int]:
        return [one["seq"] for one in self.frames if one["type"] == "event"]

    @property
    def kinds(self) -> list[str]:
        return [one["type"] for one in self.frames]


class SlowTopic(LosslessTopic):
    """A topic whose journal answers when it is told to, with what it read before."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub, FEED, "ledger.north-1", "north-1")
        self.now = Position(OLD, 0)
        self.asked: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def _since(
        self, position: Position, threads: ThreadPoolExecutor | None = None
    ) -> list[Event] | Gap:
        found = self.read(position)
        may_go_on = asyncio.Event()
        await self.asked.put(may_go_on)
        await may_go_on.wait()
        return found

    def read(self, position: Position) -> list[Event] | Gap:
        if position.epoch != self.now.epoch or position.seq > self.now.seq:
            return Gap("epoch", self.now)
        numbers = range(position.seq + 1, self.now.seq + 1)
        return [Event(n, {"number": n}, timezone.now()) for n in numbers]

    async def _snapshot(self) -> tuple[Position, list[Frame]]:
        return self.now, [Frame(b'{"type":"snapshot"}')]

    async def answer(self) -> None:
        """Let the oldest question that was asked be answered."""
        (await self.asked.get()).set()

    async def answer_all(self, work: "asyncio.Task[None]") -> None:
        while not work.done():
            answering = asyncio.create_task(self.answer())
            await asyncio.wait({work, answering}, return_when=asyncio.FIRST_COMPLETED)
            answering.cancel()
        await work


def seat(hub: Hub, name: str = "") -> tuple[Seat, Wire]:
    wire = Wire()
    caller = cast("Caller", SimpleNamespace(principal=name))
    return Seat(hub, Sender(wire), caller), wire


async def joined(
    topic: SlowTopic, hub: Hub, after: Position | None, name: str = ""
) -> Wire:
    one, wire = seat(hub, name)
    await topic.answer_all(asyncio.create_task(topic.admit(one, after)))
    return wire


async def test_who_joins_under_a_pull_misses_nothing():
    hub = Hub()
    topic = SlowTopic(hub)
    topic.now = Position(OLD, 5)
    first = await joined(topic, hub, Position(OLD, 5))

    late, second = seat(hub)
    joining = asyncio.create_task(topic.admit(late, Position(OLD, 3)))
    resuming = await topic.asked.get()
    topic.now = Position(OLD, 6)
    await topic.answer_all(asyncio.create_task(topic.pull()))
    topic.now = Position(OLD, 7)
    pulling = asyncio.create_task(topic.pull())
    under_way = await topic.asked.get()
    # Resumed as far as 5, it joins while only 7 is under way to the first.
    resuming.set()
    await joining
    under_way.set()
    await topic.answer_all(pulling)

    assert first.events == [6, 7]
    assert second.events == [4, 5, 6, 7]


async def test_a_new_history_that_a_newcomer_finds_is_a_gap_for_the_others():
    hub = Hub()
    topic = SlowTopic(hub)
    topic.now = Position(OLD, 500)
    first = await joined(topic, hub, Position(OLD, 500))
    topic.now = Position(NEW, 3)
    second = await joined(topic, hub, None)
    topic.now = Position(NEW, 4)
    await topic.answer_all(asyncio.create_task(topic.pull()))

    assert first.kinds == ["gap", "snapshot", "event"]
    assert first.events == [4]
    assert second.events == [4]


async def test_who_resumed_an_old_history_does_not_go_on_in_the_new_one():
    hub = Hub()
    topic = SlowTopic(hub)
    topic.now = Position(OLD, 2)
    await joined(topic, hub, Position(OLD, 2))
    late, second = seat(hub)
    joining = asyncio.create_task(topic.admit(late, Position(OLD, 1)))
    resuming = await topic.asked.get()
    topic.now = Position(NEW, 4)
    await topic.answer_all(asyncio.create_task(topic.pull()))
    resuming.set()
    await topic.answer_all(joining)

    assert second.kinds == ["event", "gap", "snapshot"]


async def test_who_joins_while_it_is_asked_who_may_read_is_not_thrown_out():
    hub = Hub()
    asked, may_answer = threading.Event(), threading.Event()

    def readable(pairs: Collection[Pair]) -> Collection[Pair]:
        asked.set()
        assert may_answer.wait(10)
        return [(who, stream) for who, stream in pairs if str(who) == "alice"]

    topic = SlowTopic(hub)
    topic.feed = replace(FEED, readable=readable)
    alice, bob, carol = [
        await joined(topic, hub, None, name) for name in ("alice", "bob", "carol")
    ]
    leaving = next(
        sender
        for sender, reader in topic._readers.items()
        if cast("str", reader.caller.principal) == "carol"
    )
    checking = asyncio.create_task(check([topic]))
    assert await asyncio.to_thread(asked.wait, 10)
    dave = await joined(topic, hub, None, "dave")
    # What carol follows besides is no business of this stream any more.
    await topic.leave(leaving)
    may_answer.set()
    await checking

    closed = [one.closed_with for one in (alice, bob, carol, dave)]
    assert closed == [0, 4403, 0, 0]


async def test_one_question_tells_of_all_streams_of_a_feed_who_may_read_them():
    hub = Hub()
    questions: list[Collection[Pair]] = []

    def readable(pairs: Collection[Pair]) -> Collection[Pair]:
        questions.append(pairs)
        return [(who, stream) for who, stream in pairs if str(who) == "alice"]

    feed = replace(FEED, readable=readable)
    topics = [SlowTopic(hub) for _ in range(50)]
    wires = []
    for number, topic in enumerate(topics):
        topic.feed, topic.name = feed, f"ledger.north-{number}"
        name = "bob" if number == 7 else "alice"
        wires.append(await joined(topic, hub, None, name))

    await check(topics)

    assert [len(pairs) for pairs in questions] == [50]
    assert [n for n, wire in enumerate(wires) if wire.closed_with] == [7]


async def test_a_stream_that_cannot_be_read_does_not_keep_the_others_from_it(
    monkeypatch: pytest.MonkeyPatch,
):
    broken, sound = SlowTopic(Hub()), SlowTopic(Hub())
    broken.name, sound.name = "ledger.1", "ledger.2"
    pulled = asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("broken")

    async def pull() -> None:
        pulled.set()

    monkeypatch.setattr(broken, "pull", fail)
    monkeypatch.setattr(sound, "pull", pull)
    newer = {name: Position(NEW, 1) for name in (broken.name, sound.name)}
    monkeypatch.setattr(journal, "positions", lambda _: newer)
    watch = Watch()
    watch.followed = {broken.name: broken, sound.name: sound}

    await watch.look()

    assert pulled.is_set()


async def test_who_leaves_a_topic_that_was_closed_does_not_stop_the_watch_of_the_next():
    hub = Hub()
    gone, current = SlowTopic(hub), SlowTopic(hub)
    late, _ = seat(hub)
    await joined(current, hub, None, "bob")

    # It gave up before it was admitted, and meanwhile all others had left.
    await gone.leave(late.sender)

    assert hub.watch.followed == {current.name: current}


class LongTopic(SlowTopic):
    """A topic whose journal has many pages, and counts those that are read."""

    pages = 0

    async def _since(
        self, position: Position, threads: ThreadPoolExecutor | None = None
    ) -> list[Event] | Gap:
        self.pages += 1
        found = self.read(position)
        return found[:PAGE] if isinstance(found, list) else found


async def test_nothing_more_is_read_for_who_is_gone():
    hub = Hub()
    topic = LongTopic(hub)
    topic.now = Position(OLD, 50 * PAGE)
    one, wire = seat(hub)
    one.sender.close(Close.SLOW, "too slow")

    with pytest.raises(Refused):
        await topic.admit(one, Position(OLD, 0))

    assert topic.pages == 1
    assert not topic.is_wanted
    assert wire.frames == []
