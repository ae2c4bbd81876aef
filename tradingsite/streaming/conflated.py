"""Streams of values that move: a snapshot, then the newest value of each key.

Nothing here is the only copy: a value that was missed is found again by asking the
feed, which is done for all sockets at once when Redis comes back.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import Error as DatabaseError

from tradingsite.streaming.followed import Found, KeysFollowed
from tradingsite.streaming.frames import Frame, TooLarge, encode, frame, grouped
from tradingsite.streaming.hub import Hub
from tradingsite.streaming.publishing import events_in
from tradingsite.streaming.seat import Seat
from tradingsite.streaming.sender import Sender
from tradingsite.streaming.threads import in_thread

logger = logging.getLogger(__name__)

# A stream in which nothing moved for so long is called stale.
STALE_AFTER_S = 10.0
# So many of what clients call a key are found without asking.
MOST_WORDS = 8
# The slot of what is told of the stream as a whole; no key has no name.
_STATE = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A conflated stream: who may read it, what its keys are, where values stand.

    ``find`` maps what clients call things to (key, name): the key that publishers
    use and the name that clients are told; what it does not know is left out.
    ``newest`` returns the values by key that are known now. Both may wait.
    """

    name: str
    scope: str
    find: Callable[[Collection[str]], Mapping[str, tuple[str, str]]]
    newest: Callable[[Collection[str]], Mapping[str, Any]]

    def followed_by(self, seat: Seat) -> "ConflatedFollowing":
        return ConflatedFollowing(self, seat)


class ConflatedTopic:
    """The sockets of this process that follow a feed, and the newest values."""

    def __init__(self, hub: Hub, feed: Feed) -> None:
        self.name = feed.name
        self.feed = feed
        self._hub = hub
        self._readers: dict[str, dict[Sender, None]] = {}
        self._names: dict[str, str] = {}
        self._heads: dict[str, bytes] = {}
        self._newest: dict[str, bytes] = {}
        self._known: dict[str, tuple[str, str]] = {}
        self._words: dict[str, set[str]] = {}
        self._heard_at = asyncio.get_running_loop().time()
        self._heard_epoch = time.time()
        self._is_stale = False

    # --- sockets come and go ------------------------------------------------------
    @property
    def is_wanted(self) -> bool:
        return bool(self._readers)

    async def find(self, words: Collection[str]) -> Found:
        """Return (key, name) of the words that mean something."""
        found = {word: self._known[word] for word in words if word in self._known}
        unknown = [word for word in words if word not in found]
        if unknown:
            found |= await in_thread(self.feed.find)(unknown)
        return found

    def join(self, sender: Sender, found: Found) -> None:
        """Send ``sender`` what is heard of these keys from now on."""
        for word, (key, name) in found.items():
            self._remember(word, key, name)
            self._names[key] = name
            self._heads[key] = self._head(name)
            self._readers.setdefault(key, {})[sender] = None

    def leave(self, sender: Sender, keys: Iterable[str]) -> None:
        for key in keys:
            readers = self._readers.get(key, {})
            readers.pop(sender, None)
            if not readers:
                self._forget(key)

    async def load(self, keys: Collection[str]) -> None:
        """Ask the feed for values of ``keys`` that were not heard of yet."""
        missing = [key for key in keys if key not in self._newest]
        if missing:
            self._take(missing, await in_thread(self.feed.newest)(missing))

    def tell_all(self, sender: Sender, keys: Collection[str]) -> None:
        """Send the newest value of each key, null where there is none."""
        # A newer value would take the place of the older one: before the snapshot.
        sender.withdraw((self.name, key) for key in keys)
        parts = [
            encode(self._names[key]) + b":" + self._newest.get(key, b"null")
            for key in keys
        ]
        for group in grouped(parts) if parts else ():
            sender.offer(self._snapshot_of(group))
        # Who is told so is also told when it moves again.
        self._is_stale |= not self._hub.is_connected
        if self._is_stale:
            sender.offer(self._stale_frame(), (self.name, _STATE))

    # --- what the hub tells -------------------------------------------------------
    def heard(self, payload: bytes) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        self._heard_epoch = time.time()
        if not self._readers:
            self._is_stale = False
            return
        try:
            events = events_in(payload)
        except msgspec.DecodeError as error:
            logger.warning("Something on %s could not be read: %s", self.name, error)
            return
        if self._is_stale:
            self._is_stale = False
            self._tell(frame("live", stream=self.name))
        # Of the two, the larger is not walked through.
        wanted = events.keys() & self._readers.keys()
        for key in wanted:
            value = bytes(events[key])
            if value != self._newest.get(key):
                self._deliver(key, value)

    def lost(self) -> None:
        self._become_stale()

    def look(self, now: float) -> None:
        if now - self._heard_at > STALE_AFTER_S:
            self._become_stale()

    async def refresh(self) -> None:
        keys = list(self._readers)
        if not keys:
            return
        before = {key: self._newest.get(key) for key in keys}
        try:
            values = await in_thread(self.feed.newest)(keys)
        except DatabaseError as error:
            logger.warning("%s was not refreshed: %s", self.name, error)
            return
        for key, value in values.items():
            # What was heard meanwhile is newer.
            if key in self._readers and self._newest.get(key) is before[key]:
                text = encode(value)
                if text != before[key]:
                    self._deliver(key, text)

    # --- inside ---------------------------------------------------------------------
    def _remember(self, word: str, key: str, name: str) -> None:
        words = self._words.setdefault(key, set())
        # Of endless spellings the first are those that many use.
        if len(words) < MOST_WORDS:
            words.add(word)
            self._known[word] = (key, name)

    def _deliver(self, key: str, value: bytes) -> None:
        self._newest[key] = value
        try:
            made = Frame(self._heads[key] + value + b"}")
        except TooLarge as error:
            logger.warning("%s of %s was left out: %s", key, self.name, error)
            return
        slot = (self.name, key)
        for sender in self._readers[key]:
            sender.offer(made, slot)

    def _take(self, keys: Collection[str], values: Mapping[str, Any]) -> None:
        for key in keys:
            if key in values and key in self._readers:
                self._newest.setdefault(key, encode(values[key]))

    def _forget(self, key: str) -> None:
        for word in self._words.pop(key, ()):
            self._known.pop(word, None)
        self._readers.pop(key, None)
        self._names.pop(key, None)
        self._heads.pop(key, None)
        self._newest.pop(key, None)

    def _become_stale(self) -> None:
        if not self._is_stale:
            self._is_stale = True
            self._tell(self._stale_frame())

    def _stale_frame(self) -> Frame:
        return frame("stale", stream=self.name, since=round(self._heard_epoch, 3))

    def _tell(self, notice: Frame) -> None:
        everybody = dict.fromkeys(s for some in self._readers.values() for s in some)
        for sender in everybody:
            sender.offer(notice, (self.name, _STATE))

    def _snapshot_of(self, parts: list[bytes]) -> Frame:
        return Frame(
            b'{"type":"snapshot","stream":'
            + encode(self.name)
            + b',"data":{'
            + b",".join(parts)
            + b"}}"
        )

    def _head(self, name: str) -> bytes:
        stream, key = encode(self.name), encode(name)
        return b'{"type":"update","stream":%b,"key":%b,"data":' % (stream, key)


class ConflatedFollowing(KeysFollowed):
    """The keys of one feed that one client follows."""

    def __init__(self, feed: Feed, seat: Seat) -> None:
        super().__init__(feed.name, seat)
        self.feed = feed

    async def find(self, words: Collection[str]) -> Found:
        return await (await self._topic()).find(words)

    async def join(self, found: Found) -> None:
        topic = await self._topic()
        topic.join(self.seat.sender, found)
        keys = dict(found.values())
        await topic.load(keys)
        topic.tell_all(self.seat.sender, keys)

    def let_go(self, keys: Collection[str]) -> None:
        topic = self.seat.hub.topic(self.stream)
        if isinstance(topic, ConflatedTopic):
            topic.leave(self.seat.sender, keys)

    async def _topic(self) -> ConflatedTopic:
        hub = self.seat.hub
        topic = hub.topic(self.stream)
        if not isinstance(topic, ConflatedTopic):
            topic = ConflatedTopic(hub, self.feed)
        await hub.open(topic)
        return topic
