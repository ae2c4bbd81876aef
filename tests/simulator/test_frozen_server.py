"""A Valkey that is stopped in the middle of the stream and goes on later."""

import asyncio
import os
import signal
from pathlib import Path

import orjson
import pytest
from redis import Redis

from marketdata.simulator.entries import EntryWriter
from marketdata.simulator.streams import Channels, Delivery, connected
from marketdata.simulator.truth import TruthFile
from tests.simulator.builders import live_feed, taken
from tradingsite.embedded import ValkeyServer

FROZEN_S = 4.0


@pytest.mark.own_server
@pytest.mark.chaos
async def test_a_frozen_server_loses_and_doubles_nothing(
    own_valkey: ValkeyServer, tmp_path: Path
):
    feed, truth = live_feed(), tmp_path / "truth.jsonl"
    sent: list[bytes] = []
    writer, channels = EntryWriter(2, batch=10), Channels(stream="ticks")
    with Redis.from_url(own_valkey.url) as redis, TruthFile(truth) as file:
        pid = int(redis.info("server")["process_id"])
        delivery = Delivery(connected(own_valkey.url), channels, file, 10**6)
        loop = asyncio.get_running_loop()
        loop.call_later(0.5, os.kill, pid, signal.SIGSTOP)
        loop.call_later(0.5 + FROZEN_S, os.kill, pid, signal.SIGCONT)
        async with asyncio.timeout(40):
            while len(sent) < 4_000 or not delivery.is_empty:
                made = taken(feed, 25 if len(sent) < 4_000 else 0)
                sent += [tick.body for tick in made]
                writer.written(made, delivery.add)
                await delivery.flush()
                await asyncio.sleep(0.01)
        await delivery.close()
        stored: list[bytes] = []
        for shard in range(2):
            for _, fields in redis.xrange(f"ticks:{shard}"):
                body = orjson.loads(fields.get(b"d", b"[]"))
                rows = body if isinstance(body, list) else [body]
                stored += [orjson.dumps(row) for row in rows]
    assert delivery.counts.failures > 0
    assert sorted(stored) == sorted(sent)
    told = [orjson.loads(line) for line in truth.read_bytes().splitlines()]
    assert sorted(orjson.dumps(line["tick"]) for line in told) == sorted(sent)
