"""Streams that lose nothing: a snapshot or the events since, then every event once.

The journal in PostgreSQL is the stream; what Redis publishes only says "look". A
process reads each event once, encodes it once, and each reader is sent the one after
the last it was sent, whatever else happens: nothing is skipped and nothing comes twice.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.db import Error as DatabaseError

from tradingsite.streaming import journal
from tradingsite.streaming.codes import Close
from tradingsite.streaming.commands import After, Subscribe
from tradingsite.streaming.frames import Frame, encode, frame, grouped
from tradingsite.streaming.hub import Hub
from tradingsite.streaming.identity import Principal
from tradingsite.streaming.journal import Event, Gap, Position
from tradingsite.streaming.seat import Reader, Seat
from tradingsite.streaming.sender import Sender
from tradingsite.streaming.threads import in_thread

logger = logging.getLogger(__name__)

PAGE = 200
Pair = tuple[Principal, str]


@dataclass(frozen=True, slots=True)
class LosslessFeed:
    """A family of journal streams.

    ``find`` maps what a client calls them to (journal stream, name that is told);
    what is not there and what may not be read are left out alike. ``readable``
    returns those of (principal, journal stream) that may still be read; it is asked
    all the time. ``snapshot`` returns the items that the events of a journal stream
    have made so far. All may wait.
    """

    name: str
    scope: str
    find: Callable[[Principal, Collection[str]], Mapping[str, tuple[str, str]]]
    readable: Callable[[Collection[Pair]], Collection[Pair]]
    snapshot: Callable[[str], Collection[Any]]

    def followed_by(self, seat: Seat) -> "LosslessFollowing":
        return LosslessFollowing(self, seat)


class LosslessTopic:
    """One stream of the journal, and the sockets of this process that follow it."""

    def __init__(self, hub: Hub, feed: LosslessFeed, stream: str, key: str) -> None:
        self.name = stream
        self.feed = feed
        # What clients are told that it is called.
        self.key = key
        # Those who are about to join: it must not be closed under them.
        self.joining = 0
        self._hub = hub
        self._epoch = ""
        self._readers: dict[Sender, Reader] = {}
        self._is_pulling = False
        self._again = False

    @property
    def is_wanted(self) -> bool:
        return bool(self._readers or self.joining)

    # --- what the hub tells ---------------------------------------------------------
    def heard(self, payload: bytes) -> None:
        self._hub.begin(self.pull())

    def lost(self) -> None:
        """Say nothing: the journal is looked at all the time."""

    def look(self, now: float) -> None:
        """Do nothing: a stream in which nothing happens is not stale."""

    async def refresh(self) -> None:
        await self.pull()

    # --- what the watch asks --------------------------------------------------------
    def is_behind(self, position: Position) -> bool:
        return position.epoch != self._epoch or any(
            reader.seq < position.seq for reader in self._readers.values()
        )

    @property
    def readable(self) -> Callable[[Collection[Pair]], Collection[Pair]]:
        return self.feed.readable

    def readers(self) -> dict[Reader, Pair]:
        return {
            reader: (reader.caller.principal, self.name)
            for reader in self._readers.values()
        }

    def dismiss(self, asked: Mapping[Reader, Pair], readable: Collection[Pair]) -> None:
        for reader, pair in asked.items():
            sender = reader.sender
            if pair not in readable and self._readers.get(sender) is reader:
                reason = f"{self.feed.name} of {self.key} may not be read any more"
                sender.close(Close.FORBIDDEN, reason)

    # --- readers come and go --------------------------------------------------------
    async def admit(self, seat: Seat, after: Position | None) -> None:
        """Send what followed ``after``, or a snapshot, and from then on every event."""
        reached = None if after is None else await self._resume(seat, after)
        if reached is None:
            reached, parts = await self._snapshot()
            for part in parts:
                await seat.client_takes()
                seat.sender.offer(part)
        is_first = not self._readers
        self._readers[seat.sender] = Reader(seat.sender, seat.caller, reached.seq)
        self._hub.watch.followed[self.name] = self
        if is_first:
            self._epoch = reached.epoch
        elif reached.epoch != self._epoch:
            await self._start_over(Gap("epoch", reached))
        await self.pull()

    async def leave(self, sender: Sender) -> None:
        self._readers.pop(sender, None)
        if not self.is_wanted:
            # Another may have taken its place since it was closed.
            if self._hub.watch.followed.get(self.name) is self:
                del self._hub.watch.followed[self.name]
            await self._hub.close(self)

    # --- events -----------------------------------------------------------------------
    async def pull(self) -> None:
        """Send the readers what they were not sent yet; one pull at a time."""
        self._again = True
        if self._is_pulling:
            return
        self._is_pulling = True
        try:
            while self._again:
                self._again = False
                await self._pull_once()
        except DatabaseError as error:
            # The watch will find that it is behind.
            logger.warning("%s was not read: %s", self.name, error)
        finally:
            self._is_pulling = False

    async def _pull_once(self) -> None:
        count = PAGE
        while count == PAGE and self._readers:
            seq = min(reader.seq for reader in self._readers.values())
            asked = Position(self._epoch, seq)
            found = await self._since(asked, self._hub.threads)
            if asked.epoch != self._epoch:
                return  # all were given a snapshot of another history meanwhile
            if isinstance(found, Gap):
                await self._start_over(found)
                return
            for event in found:
                self._deliver(event)
            count = len(found)

    def _deliver(self, event: Event) -> None:
        made = self._frame_of(event, self._epoch)
        for sender, reader in self._readers.items():
            # Who joined while this was read may be further behind, and is next in turn.
            if reader.seq == event.seq - 1:
                reader.seq = event.seq
                sender.offer(made)

    async def _resume(self, seat: Seat, after: Position) -> Position | None:
        """Send the events after ``after``; None when they cannot be had any more."""
        count = PAGE
        while count == PAGE:
            found = await self._since(after)
            if isinstance(found, Gap):
                seat.sender.offer(self._gap_frame(found))
                return None
            for event in found:
                seat.sender.offer(self._frame_of(event, after.epoch))
                after = Position(after.epoch, event.seq)
            count = len(found)
            await seat.client_takes()
        return after

    async def _start_over(self, gap: Gap) -> None:
        """Give all readers a snapshot: what they have leads nowhere."""
        position, parts = await self._snapshot()
        self._epoch = position.epoch
        for sender, reader in self._readers.items():
            reader.seq = position.seq
            for part in (self._gap_frame(gap), *parts):
                sender.offer(part)

    async def _since(
        self, position: Position, threads: ThreadPoolExecutor | None = None
    ) -> list[Event] | Gap:
        return await in_thread(journal.since, threads)(self.name, *position, PAGE)

    # --- frames -----------------------------------------------------------------------
    async def _snapshot(self) -> tuple[Position, list[Frame]]:
        # The position first: an event in between is in both, and told again.
        position = await in_thread(journal.position)(self.name)
        items = await in_thread(self.feed.snapshot)(self.name)
        groups = list(grouped([encode(item) for item in items]))
        last = len(groups) - 1
        head = encode({"stream": self.feed.name, "key": self.key, **position._asdict()})
        return position, [
            Frame(
                b'{"type":"snapshot",%b,"is_last":%b,"data":[%b]}'
                % (head[1:-1], encode(number == last), b",".join(group))
            )
            for number, group in enumerate(groups)
        ]

    def _frame_of(self, event: Event, epoch: str) -> Frame:
        return frame(
            "event",
            stream=self.feed.name,
            key=self.key,
            epoch=epoch,
            seq=event.seq,
            at=event.created_at,
            data=event.event,
        )

    def _gap_frame(self, gap: Gap) -> Frame:
        return frame("gap", stream=self.feed.name, key=self.key, reason=gap.reason)


class LosslessFollowing:
    """The keys of one feed that one client follows."""

    def __init__(self, feed: LosslessFeed, seat: Seat) -> None:
        self.feed = feed
        self.seat = seat
        self._topics: dict[str, LosslessTopic] = {}

    async def subscribe(self, said: Subscribe) -> None:
        """Follow more keys; what may not be read is as unknown as what is not there."""
        found = await self._find(said.keys)
        streams = {key: stream for stream, key in found.values()}
        new = streams.keys() - self._topics.keys()
        if not self.seat.has_room(len(new), self.feed.name):
            return
        self.seat.say(
            "subscribed",
            stream=self.feed.name,
            keys=list(streams),
            unknown=[word for word in said.keys if word not in found],
        )
        topics = {key: self._topic(streams[key], key) for key in sorted(new)}
        await self._follow(topics, said.after or {})

    async def unsubscribe(self, words: list[str] | None) -> None:
        keys = list(self._topics)
        if words is not None:
            found = await self._find(words)
            keys = [key for _, key in found.values() if key in self._topics]
        for key in keys:
            await self._topics.pop(key).leave(self.seat.sender)
        self.seat.taken -= len(keys)
        self.seat.say("unsubscribed", stream=self.feed.name, keys=keys)

    def leave(self) -> None:
        for topic in self._topics.values():
            self.seat.hub.begin(topic.leave(self.seat.sender))

    async def _find(self, words: list[str]) -> Mapping[str, tuple[str, str]]:
        return await in_thread(self.feed.find)(self.seat.caller.principal, words)

    async def _follow(
        self, topics: Mapping[str, LosslessTopic], after: Mapping[str, After]
    ) -> None:
        self._topics |= topics
        for topic in topics.values():
            topic.joining += 1
        try:
            await self.seat.hub.open(*topics.values())
            for key, topic in topics.items():
                seen = after.get(key)
                position = Position(seen.epoch, seen.seq) if seen else None
                await topic.admit(self.seat, position)
                self.seat.has_come_further()
        finally:
            for topic in topics.values():
                topic.joining -= 1

    def _topic(self, stream: str, key: str) -> LosslessTopic:
        topic = self.seat.hub.topic(stream)
        if isinstance(topic, LosslessTopic):
            return topic
        return LosslessTopic(self.seat.hub, self.feed, stream, key)
