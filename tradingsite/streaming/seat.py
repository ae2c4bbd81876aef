"""A client that was let in: who it is, and how it is spoken to."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from django.conf import settings

from tradingsite.streaming.codes import Close
from tradingsite.streaming.commands import Subscribe
from tradingsite.streaming.frames import frame
from tradingsite.streaming.hub import Hub
from tradingsite.streaming.identity import Caller, Refused
from tradingsite.streaming.sender import Sender

# How long a client waits for a part of what it asked for.
HANDLE_WITHIN_S = 5.0
# Some words mean nothing, and some mean the same.
WORDS_A_KEY = 2


@dataclass
class Seat:
    """What a stream needs to know of one client; ``taken`` counts its keys."""

    hub: Hub
    sender: Sender
    caller: Caller
    taken: int = 0
    # Until when what the client asked for must be done.
    limit: asyncio.Timeout | None = None

    def say(self, kind: str, **fields: Any) -> None:
        self.sender.offer(frame(kind, **fields))

    def say_error(self, code: str, detail: str, stream: str | None = None) -> None:
        self.say("error", code=code, detail=detail, stream=stream)

    async def client_takes(self) -> None:
        """Wait until there is room for one more frame.

        The client's own clock runs meanwhile (``sender``), not that of what it asked
        for: over a slow line a long snapshot takes its time. Raises ``Refused`` when
        the client has been closed: nothing more need be found for it.
        """
        if self.limit is not None:
            self.limit.reschedule(None)
        await self.sender.caught_up()
        if self.sender.closed_with is not None:
            raise Refused(Close(self.sender.closed_with), "closed already")
        self.has_come_further()

    def has_come_further(self) -> None:
        """Give what the client asked for its whole time again."""
        if self.limit is not None:
            now = asyncio.get_running_loop().time()
            self.limit.reschedule(now + HANDLE_WITHIN_S)

    def can_look_up(self, words: Collection[str] | None, stream: str) -> bool:
        """Tell whether so many words may be looked up at all, or say that not."""
        if words is None or len(words) <= WORDS_A_KEY * settings.SOCKET_SUBSCRIPTIONS:
            return True
        self.say_full(stream)
        return False

    def has_room(self, more: int, stream: str) -> bool:
        """Take room for ``more`` keys, or say that there is none."""
        if self.taken + more > settings.SOCKET_SUBSCRIPTIONS:
            self.say_full(stream)
            return False
        self.taken += more
        return True

    def say_full(self, stream: str) -> None:
        detail = f"At most {settings.SOCKET_SUBSCRIPTIONS} keys a socket."
        self.say_error("too_many_subscriptions", detail, stream)


@dataclass(slots=True, eq=False)
class Reader:
    """Who follows a stream that loses nothing, and the last event that it was sent."""

    sender: Sender
    caller: Caller
    seq: int


class Following(Protocol):
    """The keys of one stream that one client follows."""

    async def subscribe(self, said: Subscribe) -> None: ...

    async def unsubscribe(self, words: list[str] | None) -> None: ...

    def leave(self) -> None: ...


class Stream(Protocol):
    """Something that can be followed."""

    @property
    def name(self) -> str: ...

    @property
    def scope(self) -> str: ...

    def followed_by(self, seat: Seat) -> Following: ...
