"""Delivery of entries to the Redis streams, whatever the server does meanwhile.

An entry counts as accepted when the server named its id. After a broken call the
fate of its entries is looked up in the stream before anything is sent again, so
that a time-out neither loses nor doubles a tick.
"""

import logging
import random
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from marketdata.simulator.entries import HEARTBEAT, Entry
from marketdata.simulator.truth import TruthFile

logger = logging.getLogger(__name__)

_SOCKET_TIMEOUT_S = 1.0
_ENTRIES_A_CALL = 200
_LOOK_BACK = 50
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 5.0
_LEAST_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Channels:
    """Where ticks go: the shards of a stream and, if asked, the old channels."""

    stream: str = "ticks"
    shards: int = 2
    maxlen: int = 1_000_000
    keep_bytes: int = 128 * 1024 * 1024
    is_streaming: bool = True
    is_publishing: bool = False
    options_channel: str = "ticker:nifty:options"
    underlying_channel: str = "ticker:nifty:underlying"

    def key(self, shard: int) -> str:
        return f"{self.stream}:{shard}"


@dataclass(slots=True)
class Counts:
    """What became of the ticks so far."""

    accepted: int = 0
    lost: int = 0
    unknown: int = 0
    entries: int = 0
    failures: int = 0
    reconciled: int = 0


def connected(url: str) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=_SOCKET_TIMEOUT_S,
        socket_connect_timeout=_SOCKET_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


class Delivery:
    """Entries on their way to the server, oldest first."""

    def __init__(
        self, redis: Redis, channels: Channels, truth: TruthFile, room: int
    ) -> None:
        self.counts = Counts()
        self.last_error = ""
        self._redis, self._channels, self._truth = redis, channels, truth
        self._room = room
        self._pending: deque[Entry] = deque()
        self._pending_ticks = 0
        self._in_doubt: list[Entry] = []
        self._is_connected = False
        self._retry_at = 0.0
        self._wait_s = _FIRST_WAIT_S
        self._mean_bytes = 1_000.0

    @property
    def is_full(self) -> bool:
        return self._pending_ticks >= self._room

    @property
    def is_empty(self) -> bool:
        return not self._pending and not self._in_doubt

    def add(self, entry: Entry) -> None:
        self._pending.append(entry)
        self._pending_ticks += len(entry.ticks)

    def drop_oldest(self) -> None:
        """Give up what does not fit, as a feed does whose reader is away."""
        while self.is_full and self._pending:
            entry = self._pending.popleft()
            self._pending_ticks -= len(entry.ticks)
            self.counts.lost += len(entry.ticks)

    async def flush(self) -> None:
        """Send what is pending; after a failure wait longer each time."""
        if time.monotonic() < self._retry_at:
            return
        try:
            if not self._is_connected:
                # Nothing is in doubt that was never sent.
                await self._redis.ping()
                self._is_connected = True
            await self._settle()
            while self._pending:
                await self._send()
        except (RedisError, OSError) as error:
            self._postpone(error)
            return
        self._wait_s = _FIRST_WAIT_S
        self.last_error = ""

    def _postpone(self, error: Exception) -> None:
        self._is_connected = False
        self.counts.failures += 1
        self.last_error = f"{type(error).__name__}: {error}"
        wait_s = self._wait_s * random.uniform(0.8, 1.2)
        self._retry_at = time.monotonic() + wait_s
        self._wait_s = min(self._wait_s * 2, _LONGEST_WAIT_S)
        logger.warning("Redis is away, next try in %.1f s: %s", wait_s, error)

    async def close(self) -> None:
        self._truth.unknown(self._in_doubt)
        self.counts.unknown += sum(len(entry.ticks) for entry in self._in_doubt)
        self.counts.lost += self._pending_ticks
        await self._redis.aclose()

    async def _send(self) -> None:
        batch = [
            self._pending.popleft()
            for _ in range(min(_ENTRIES_A_CALL, len(self._pending)))
        ]
        self._pending_ticks -= sum(len(entry.ticks) for entry in batch)
        self._in_doubt = batch
        pipeline = self._redis.pipeline(transaction=False)
        for entry in batch:
            self._queue(pipeline, entry)
        replies = await pipeline.execute(raise_on_error=False)
        self._in_doubt = []
        self._answered(batch, replies)

    def _queue(self, pipeline: Any, entry: Entry) -> None:
        if self._channels.is_publishing:
            for tick in entry.ticks:
                pipeline.publish(self._channel_of(tick.is_underlying), tick.body)
        if self._channels.is_streaming:
            pipeline.xadd(
                self._channels.key(entry.shard),
                {entry.field: entry.body},
                maxlen=self._kept(entry),
                approximate=True,
            )

    def _channel_of(self, is_underlying: bool) -> str:  # noqa: FBT001 - a tick's own word
        channels = self._channels
        return (
            channels.underlying_channel if is_underlying else channels.options_channel
        )

    def _kept(self, entry: Entry) -> int:
        """Return how many entries the stream may hold within its bytes."""
        self._mean_bytes += 0.001 * (len(entry.body) - self._mean_bytes)
        room = int(self._channels.keep_bytes / max(self._mean_bytes, 1.0))
        return min(self._channels.maxlen, max(room, _LEAST_KEPT))

    def _answered(self, batch: list[Entry], replies: list[Any]) -> None:
        accepted: list[tuple[Entry, bytes]] = []
        refused: list[Entry] = []
        place = 0
        for entry in batch:
            if self._channels.is_publishing:
                place += len(entry.ticks)
            reply: Any = b""
            if self._channels.is_streaming:
                reply = replies[place]
                place += 1
            if isinstance(reply, Exception):
                refused.append(entry)
            else:
                accepted.append((entry, reply))
        self._accept(accepted)
        if refused:
            self._return(refused)
            raise ResponseError(f"{len(refused)} entries were refused")

    def _accept(self, accepted: list[tuple[Entry, bytes]]) -> None:
        self._truth.accepted(accepted)
        self.counts.entries += len(accepted)
        self.counts.accepted += sum(len(entry.ticks) for entry, _ in accepted)

    def _return(self, entries: list[Entry]) -> None:
        for entry in reversed(entries):
            self._pending.appendleft(entry)
            self._pending_ticks += len(entry.ticks)

    async def _settle(self) -> None:
        """Learn which entries of a broken call had arrived; return the others."""
        if not self._in_doubt:
            return
        arrived = await self._arrived(self._in_doubt)
        doubted, self._in_doubt = self._in_doubt, []
        known = [
            (entry, arrived[entry.body]) for entry in doubted if entry.body in arrived
        ]
        self.counts.reconciled += len(known)
        self._accept(known)
        self._return(
            [
                entry
                for entry in doubted
                if entry.body not in arrived and entry.field != HEARTBEAT
            ]
        )

    async def _arrived(self, entries: list[Entry]) -> dict[bytes, bytes]:
        if not self._channels.is_streaming:
            return {}
        found: dict[bytes, bytes] = {}
        for shard in {entry.shard for entry in entries}:
            rows: Any = await self._redis.xrevrange(
                self._channels.key(shard), count=len(entries) + _LOOK_BACK
            )
            for entry_id, fields in rows:
                found.update((body, entry_id) for body in fields.values())
        return found
