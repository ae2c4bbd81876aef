"""A connection that hears what is published, and never hides that it was broken.

redis-py's own ``PubSub`` connects again by itself, and what was published meanwhile is
lost without a word. This one raises: its owner opens another and looks what it missed.
"""

from types import TracebackType
from typing import Any, Self

import redis.asyncio

Heard = tuple[bytes, bytes, Any]


class Subscription:
    """One connection of its own, for the length of its ``async with``."""

    def __init__(self, pool: redis.asyncio.ConnectionPool) -> None:
        self._pool = pool
        self._connection: Any = None

    async def __aenter__(self) -> Self:
        self._connection = await self._pool.get_connection()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # At once: a server that hangs would not answer a farewell either.
        await self._connection.disconnect(nowait=True)

    async def subscribe(self, *channels: str) -> None:
        await self._send("SUBSCRIBE", channels)

    async def unsubscribe(self, *channels: str) -> None:
        await self._send("UNSUBSCRIBE", channels)

    async def hear(self, timeout_s: float) -> Heard | None:
        """Return the next (kind, channel, value), or None when there was none."""
        heard: list[Any] | None = await self._connection.read_response(
            timeout=timeout_s, push_request=True
        )
        return None if heard is None else (heard[0], heard[1], heard[2])

    async def _send(self, command: str, channels: tuple[str, ...]) -> None:
        await self._connection.send_command(command, *channels, check_health=False)
