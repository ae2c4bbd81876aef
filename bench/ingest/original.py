"""The original's ingest: Pub/Sub, ``json.loads``, a dict of buckets, ``executemany``.

Rebuilt from its review, and kept faster than it was: the blocking Redis client with
its C parser, one resolution instead of three, no broadcast, and bars that are right
(volume is the difference of the day's volume, not the sum of it).
"""

import asyncio
import json
import os
import sys
import time
from typing import Any

import asyncpg
import redis

from bench.children import tell
from bench.ingest.original_buckets import BarBuckets, Buckets, StrikeBuckets
from bench.machine import waited_seconds

SILENCE_S = 20.0
COMMAND_TIMEOUT_S = 60


class Consumer:
    """Reads one channel until it has seen every tick, and stores bars as it goes."""

    def __init__(self, channel: str, buckets: Buckets) -> None:
        self._buckets = buckets
        self._loop = asyncio.new_event_loop()
        self._database = self._loop.run_until_complete(
            asyncpg.connect(
                os.environ["DATABASE_OWNER_URL"], command_timeout=COMMAND_TIMEOUT_S
            )
        )
        # Kept: a client that is forgotten closes the connections it gave away.
        self._client = redis.Redis.from_url(
            os.environ["REDIS_URL"], socket_timeout=SILENCE_S
        )
        self._channel = self._client.pubsub(ignore_subscribe_messages=True)
        self._channel.subscribe(channel)
        # Until the server knows of it, what is published is lost.
        while not self._client.pubsub_numsub(channel)[0][1]:
            time.sleep(0.01)

    def consume(self, total: int) -> dict[str, float]:
        """Take ``total`` ticks; the clocks run from first read to last commit."""
        started, cpu = time.perf_counter(), time.process_time()
        waited = waited_seconds()
        seen = 0
        while seen < total:
            seen += self._take(self._next())
        self._store(self._buckets.drain())
        return {
            "ticks": seen,
            "wall_s": time.perf_counter() - started,
            "cpu_s": time.process_time() - cpu,
            "waited_s": waited_seconds() - waited,
        }

    def _next(self) -> bytes:
        deadline = time.monotonic() + SILENCE_S
        while time.monotonic() < deadline:
            message = self._channel.get_message(timeout=1.0)
            if message is not None:
                data: bytes = message["data"]
                return data
        raise TimeoutError("The publisher fell silent: messages were lost.")

    def _take(self, data: bytes) -> int:
        decoded = json.loads(data)
        ticks = decoded if isinstance(decoded, list) else [decoded]
        for tick in ticks:
            self._buckets.add(tick)
        if self._buckets.is_due():
            self._store(self._buckets.take_due())
        return len(ticks)

    def _store(self, rows: list[tuple[Any, ...]]) -> None:
        self._loop.run_until_complete(
            self._database.executemany(self._buckets.upsert, rows)
        )


def main(channel: str, shape: str, total: str) -> None:
    """Subscribe, say so, wait for a line, consume, report."""
    buckets = BarBuckets() if shape == "plain" else StrikeBuckets()
    consumer = Consumer(channel, buckets)
    tell(ready=True)
    sys.stdin.readline()
    tell(**consumer.consume(int(total)))


if __name__ == "__main__":
    main(*sys.argv[1:])
