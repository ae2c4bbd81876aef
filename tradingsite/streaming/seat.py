"""A client that was let in: who it is, and how it is spoken to."""

from dataclasses import dataclass
from typing import Any, Protocol

from django.conf import settings

from tradingsite.streaming.commands import Subscribe
from tradingsite.streaming.frames import frame
from tradingsite.streaming.hub import Hub
from tradingsite.streaming.identity import Caller
from tradingsite.streaming.sender import Sender


@dataclass
class Seat:
    """What a stream needs to know of one client; ``taken`` counts its keys."""

    hub: Hub
    sender: Sender
    caller: Caller
    taken: int = 0

    def say(self, kind: str, **fields: Any) -> None:
        self.sender.offer(frame(kind, **fields))

    def say_error(self, code: str, detail: str, stream: str | None = None) -> None:
        self.say("error", code=code, detail=detail, stream=stream)

    def has_room(self, more: int, stream: str) -> bool:
        """Take room for ``more`` keys, or say that there is none."""
        most = settings.SOCKET_SUBSCRIPTIONS
        if self.taken + more > most:
            detail = f"At most {most} keys a socket."
            self.say_error("too_many_subscriptions", detail, stream)
            return False
        self.taken += more
        return True


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
