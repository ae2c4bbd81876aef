"""Looking into the journals themselves: hints may be lost, events may not.

One question a second for all streams that this process follows, so that an event
whose hint got lost (Redis away, publisher killed in between) is a second late at
most. In the same breath: who may still read what they follow.
"""

import asyncio
import logging
from collections.abc import Collection
from typing import Protocol

from django.db import Error as DatabaseError

from tradingsite.streaming import journal
from tradingsite.streaming.journal import Position
from tradingsite.streaming.threads import in_thread

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5


class Followed(Protocol):
    """A stream of the journal, as this process follows it."""

    name: str

    def is_behind(self, position: Position) -> bool: ...

    async def pull(self) -> None: ...

    async def check(self) -> None:
        """Let go of readers who may not read it any more."""


class Watch:
    """The streams that are followed."""

    def __init__(self) -> None:
        self.followed: dict[str, Followed] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except DatabaseError as error:
                logger.warning("The journal was not looked at: %s", error)

    async def look(self) -> None:
        """Pull what is behind; drop who may not read."""
        names: Collection[str] = list(self.followed)
        if not names:
            return
        positions = await in_thread(journal.positions)(names)
        for name in names:
            topic = self.followed.get(name)
            if topic is None:
                continue
            await topic.check()
            if name in positions and topic.is_behind(positions[name]):
                await topic.pull()
