"""The keys of one stream of values that one client follows: asked for, and let go."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

from tradingsite.streaming.commands import Subscribe
from tradingsite.streaming.seat import Seat

# What clients call it → (key, name that is told).
Found = Mapping[str, tuple[str, str]]


class KeysFollowed(ABC):
    """What is the same whatever the values are and wherever they come from."""

    def __init__(self, stream: str, seat: Seat) -> None:
        self.stream = stream
        self.seat = seat
        # What clients are told a key is called.
        self.names: dict[str, str] = {}

    @abstractmethod
    async def find(self, words: Collection[str]) -> Found:
        """Return what ``words`` mean; what means nothing is left out."""

    @abstractmethod
    async def join(self, found: Found) -> None:
        """Send a snapshot of the keys, and from then on what changes."""

    @abstractmethod
    def let_go(self, keys: Collection[str]) -> None:
        """Send nothing of ``keys`` any more."""

    async def subscribe(self, said: Subscribe) -> None:
        """Follow more keys: first their newest values, then what changes."""
        found = await self.find(said.keys)
        asked = dict(found.values())
        if not self.seat.has_room(len(asked.keys() - self.names.keys()), self.stream):
            return
        self.names |= asked
        self.seat.say(
            "subscribed",
            stream=self.stream,
            keys=list(asked.values()),
            unknown=[word for word in said.keys if word not in found],
        )
        await self.join(found)

    async def unsubscribe(self, words: list[str] | None) -> None:
        keys = list(self.names)
        if words is not None:
            found = await self.find(words)
            asked = dict(found.values())
            keys = [key for key in asked if key in self.names]
        names = [self.names.pop(key) for key in keys]
        self.let_go(keys)
        self.seat.taken -= len(keys)
        self.seat.say("unsubscribed", stream=self.stream, keys=names)

    def leave(self) -> None:
        keys, self.names = list(self.names), {}
        self.let_go(keys)
