"""Streams of values that are computed when somebody follows them, and then once.

A key of such a stream stands for a *family* of values, told apart by the names of its
*parts*: one word of a client follows them all. While anybody in this process follows a
family it is computed once a second, in a thread, whatever becomes of Redis; what
differs is encoded once and sent to all of them. For nobody nothing is computed, and
the second follower costs nothing::

    {"type": "update", "stream": "weather", "key": "pune", "data": {"rain": {…}}}

A stream has one lane: one family is computed at a time, and then the lane rests for as
long as that took. However much is followed, half of the time belongs to the others of
the process; a round that takes long makes the next one late, never a queue.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tradingsite.streaming.families import Family, FollowedFamily
from tradingsite.streaming.followed import Found, KeysFollowed
from tradingsite.streaming.frames import encode
from tradingsite.streaming.hub import Hub
from tradingsite.streaming.seat import Seat
from tradingsite.streaming.sender import Sender
from tradingsite.streaming.threads import in_thread

logger = logging.getLogger(__name__)

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class PolledFeed:
    """A computed stream: who may read it, what its keys are, how they are computed.

    ``find`` maps what clients call things to (key, name that is told). ``compute``
    takes a key and its family of the round before; returned as it is, it says that
    nothing has changed. Both may wait.
    """

    name: str
    scope: str
    find: Callable[[Collection[str]], Found]
    compute: Callable[[str, Family | None], Family]

    def followed_by(self, seat: Seat) -> "PolledFollowing":
        return PolledFollowing(self, seat)


class PolledTopic:
    """The families of a feed that this process follows, and the lane they share."""

    def __init__(self, hub: Hub, feed: PolledFeed) -> None:
        self.name = feed.name
        self.feed = feed
        self._hub = hub
        self._families: dict[str, FollowedFamily] = {}
        self._is_running = False
        self._more = asyncio.Event()

    @property
    def is_wanted(self) -> bool:
        return bool(self._families)

    def follow(self, key: str, name: str) -> FollowedFamily:
        """Return the family of ``key``; it is computed as soon as the lane is free."""
        if key not in self._families:
            self._families[key] = FollowedFamily(self.name, key, name)
            self._more.set()
        if not self._is_running:
            self._is_running = True
            self._hub.begin(self._run())
        return self._families[key]

    def leave(self, sender: Sender, keys: Collection[str]) -> None:
        for key in keys:
            if key in self._families:
                self._families[key].dismiss(sender)
                self.forget(key)

    def forget(self, key: str) -> None:
        """Compute ``key`` no more, if nobody wants it."""
        if key in self._families and not self._families[key].is_wanted:
            del self._families[key]
            self._more.set()

    # --- what the hub tells -------------------------------------------------------
    def heard(self, payload: bytes) -> None:
        """Do nothing: what is computed is not published."""

    def lost(self) -> None:
        """Do nothing: Redis is not needed."""

    async def refresh(self) -> None:
        """Do nothing: nothing was missed."""

    def look(self, now: float) -> None:
        for family in list(self._families.values()):
            family.judge()

    # --- the lane -------------------------------------------------------------------
    async def _run(self) -> None:
        """Compute what is due, until nobody follows anything."""
        clock = asyncio.get_running_loop().time
        try:
            while self._families:
                family = min(self._families.values(), key=lambda one: one.due_at)
                began = clock()
                if family.due_at > began:
                    await self._sleep(family.due_at - began)
                    continue
                await self._compute(family)
                ended = clock()
                # Rounds that were not begun in time are left out.
                next_at = began if family.due_at == 0.0 else family.due_at
                family.due_at = max(next_at + EVERY_S, ended)
                await asyncio.sleep(ended - began)
        finally:
            self._is_running = False

    async def _sleep(self, seconds: float) -> None:
        """Sleep, unless something is followed or let go meanwhile."""
        self._more.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._more.wait()
        except TimeoutError:
            return

    async def _compute(self, followed: FollowedFamily) -> None:
        try:
            found = await in_thread(self._computed)(followed.key, followed.family)
            followed.has_failed = False
            if found:
                followed.take(*found)
        except Exception:
            # Whatever it is, the lane belongs to the other families too.
            logger.exception("%s of %s was not computed.", followed.key, self.name)
            followed.has_failed = True
        followed.is_known.set()
        followed.judge()

    def _computed(
        self, key: str, before: Family | None
    ) -> tuple[Family, dict[str, bytes]] | None:
        """Return the family and its parts as JSON; None when nothing has changed."""
        family = self.feed.compute(key, before)
        if family is before:
            return None
        return family, {
            part: b"%b:%b" % (encode(part), encode(value))
            for part, value in family.parts.items()
        }


class PolledFollowing(KeysFollowed):
    """The families of one feed that one client follows."""

    def __init__(self, feed: PolledFeed, seat: Seat) -> None:
        super().__init__(feed.name, seat)
        self.feed = feed

    async def find(self, words: Collection[str]) -> Found:
        return await in_thread(self.feed.find)(words)

    async def join(self, found: Found) -> None:
        topic = self._topic()
        for key, name in dict(found.values()).items():
            family = topic.follow(key, name)
            family.joining += 1
            self.seat.hub.begin(self._admit(topic, family))

    def let_go(self, keys: Collection[str]) -> None:
        self._topic().leave(self.seat.sender, keys)

    async def _admit(self, topic: PolledTopic, family: FollowedFamily) -> None:
        """Send the first values when they are there; the socket goes on meanwhile."""
        try:
            await family.is_known.wait()
            # Nothing older of this family waits when the snapshot is sent.
            await self.seat.sender.caught_up()
            if family.key in self.names:
                family.admit(self.seat.sender)
        finally:
            family.joining -= 1
            topic.forget(family.key)

    def _topic(self) -> PolledTopic:
        hub = self.seat.hub
        topic = hub.topic(self.feed.name)
        if not isinstance(topic, PolledTopic):
            topic = PolledTopic(hub, self.feed)
            hub.keep(topic)
        return topic
