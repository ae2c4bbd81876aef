"""From the old Pub/Sub channels into the stream shards.

Pub/Sub forgets: what is published while nobody listens is gone. So the bridge
keeps the time at which it last listened, and writes a gap for every stretch it was
away, at its start and whenever its connection broke.
"""

import datetime
import logging
import random
import threading
import time
from collections.abc import Iterable
from typing import Any

import msgspec
import redis
from django.conf import settings
from redis.exceptions import RedisError

from marketdata.ingest.streams import shard_of
from marketdata.models import BarGap
from marketdata.ticks import UNREADABLE, Tick
from tradingsite import redis as ground

logger = logging.getLogger(__name__)

CHANNELS = ("ticker:nifty:options", "ticker:nifty:underlying")
GATHER_S = 0.1
BEAT_S = 0.5
AWAY_S = 2.0
MOST_IN_ENTRY = 100
MOST_GATHERED = 5_000
KEPT_ENTRIES = 1_000_000
LONGEST_WAIT_S = 5.0

_decode = msgspec.json.Decoder(Tick).decode


class Bridge:
    """Listens on the channels and appends what it hears."""

    def __init__(self, stream: str, shards: int) -> None:
        self.stopping = threading.Event()
        self.forwarded = 0
        self._stream = stream
        self._shards = shards
        self._seen_key = f"{stream}:bridge:seen"
        self._beat_at = 0.0
        self._wait_s = GATHER_S

    def run(self) -> None:
        """Forward until told to stop; listen again after each broken connection."""
        while not self.stopping.is_set():
            try:
                self._listen()
            except RedisError as error:
                wait_s = self._wait_s * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
                logger.warning("Redis is away, again in %.1f s: %s", wait_s, error)
                self._wait_s = min(self._wait_s * 2, LONGEST_WAIT_S)
                self.stopping.wait(wait_s)

    def _listen(self) -> None:
        client = ground.blocking_client(GATHER_S)
        with client.pubsub(ignore_subscribe_messages=True) as channels:
            channels.subscribe(*CHANNELS)
            # The first answer says that we are heard from now on.
            channels.get_message(timeout=GATHER_S)
            self._record_absence(client)
            self._wait_s = GATHER_S
            while not self.stopping.is_set():
                self._forward(client, gathered(channels))

    def _record_absence(self, client: redis.Redis) -> None:
        seen: Any = client.get(self._seen_key)
        now = time.time()
        if seen is None or now - float(seen) < AWAY_S:
            return
        BarGap.objects.create(
            stream=self._stream,
            from_at=datetime.datetime.fromtimestamp(float(seen), datetime.UTC),
            to_at=datetime.datetime.fromtimestamp(now, datetime.UTC),
            reason=BarGap.Reason.BRIDGE_AWAY,
        )
        logger.warning("The bridge was away for %.0f s", now - float(seen))

    def _forward(self, client: redis.Redis, bodies: list[bytes]) -> None:
        now = time.time()
        pipeline = client.pipeline(transaction=False)
        for shard, entry in self._entries(bodies):
            self._append(pipeline, shard, "d", entry)
        if now - self._beat_at >= BEAT_S:
            for shard in range(self._shards):
                self._append(pipeline, shard, "h", b"%.3f" % now)
            pipeline.set(self._seen_key, f"{now:.3f}")
            self._beat_at = now
        pipeline.execute()
        self.forwarded += len(bodies)

    def _append(self, pipeline: Any, shard: int, field: str, body: bytes) -> None:
        key = f"{self._stream}:{shard}"
        pipeline.xadd(key, {field: body}, maxlen=KEPT_ENTRIES, approximate=True)

    def _entries(self, bodies: Iterable[bytes]) -> list[tuple[int, bytes]]:
        """Gather ticks by shard; what is no tick goes alone, for quarantine to see."""
        odd: list[tuple[int, bytes]] = []
        gathered: dict[int, list[bytes]] = {}
        for body in bodies:
            try:
                tick = _decode(body)
            except UNREADABLE:
                odd.append((0, body))
                continue
            shard = shard_of(tick.token or tick.instrument_token, self._shards)
            gathered.setdefault(shard, []).append(body)
        return odd + [
            (shard, b"[" + b",".join(found[n : n + MOST_IN_ENTRY]) + b"]")
            for shard, found in sorted(gathered.items())
            for n in range(0, len(found), MOST_IN_ENTRY)
        ]


def gathered(channels: Any) -> list[bytes]:
    """Return what is published within a moment."""
    bodies: list[bytes] = []
    deadline = time.monotonic() + GATHER_S
    while len(bodies) < MOST_GATHERED:
        left = deadline - time.monotonic()
        message = channels.get_message(timeout=max(0.0, left))
        if message is not None:
            bodies.append(message["data"])
        elif left <= 0:
            break
    return bodies


def bridge() -> Bridge:
    return Bridge(settings.TICK_STREAM, settings.TICK_SHARDS)
