"""Looking into the journals themselves: hints may be lost, events may not.

Two questions a second for all streams that this process follows, so that an event
whose hint got lost (Redis away, publisher killed in between) is a second late at
most. In the same breath: who may still read what they follow.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from django.db import Error as DatabaseError

from tradingsite.streaming import journal
from tradingsite.streaming.journal import Position
from tradingsite.streaming.threads import in_thread

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5

# Of all pairs of who reads and what is read those that may still be.
Readable = Callable[[Collection[Any]], Collection[Any]]


class Followed(Protocol):
    """A stream of the journal, as this process follows it."""

    name: str

    @property
    def readable(self) -> Readable:
        """Return who says what may be read; it is asked once for many streams."""

    def readers(self) -> Mapping[Any, Any]:
        """Return those who read it now, each with the pair to ask for."""

    def dismiss(self, asked: Mapping[Any, Any], readable: Collection[Any]) -> None:
        """Let go of those ``asked`` for who may not read it any more."""

    def is_behind(self, position: Position) -> bool: ...

    async def pull(self) -> None: ...


class Watch:
    """The streams that are followed."""

    def __init__(self, threads: ThreadPoolExecutor | None = None) -> None:
        self._threads = threads
        self.followed: dict[str, Followed] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except DatabaseError as error:
                logger.warning("The journal was not looked at: %s", error)
            except Exception:
                # Whatever it was: who looks no more would miss what comes.
                logger.exception("The journal was not looked at.")

    async def look(self) -> None:
        """Drop who may not read; pull what is behind."""
        followed = dict(self.followed)
        if not followed:
            return
        await check(followed.values(), self._threads)
        positions = await in_thread(journal.positions, self._threads)(list(followed))
        for name, position in positions.items():
            if self.followed.get(name) is followed[name]:
                await self._catch_up(followed[name], position)

    async def _catch_up(self, topic: Followed, position: Position) -> None:
        try:
            if topic.is_behind(position):
                await topic.pull()
        except Exception:
            # The other streams have their turn all the same.
            logger.exception("%s was not read.", topic.name)


async def check(
    topics: Collection[Followed], threads: ThreadPoolExecutor | None = None
) -> None:
    """Ask who may still read what they follow: one question for all that it answers."""
    alike: dict[Readable, list[Followed]] = defaultdict(list)
    for topic in topics:
        alike[topic.readable].append(topic)
    for readable, some in alike.items():
        # Who joins while this is asked is judged the next time.
        asked = [(topic, dict(topic.readers())) for topic in some]
        pairs = {pair for _, readers in asked for pair in readers.values()}
        found = set(await in_thread(readable, threads)(pairs)) if pairs else set()
        for topic, readers in asked:
            topic.dismiss(readers, found)
