"""Streams filled by hand, and real processes, for the tests of the ingestor."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from marketdata.ingest.ingestor import Ingestor, Pace
from marketdata.models import ShardPosition
from tests.database import url_of_test_database

ROOT = Path(__file__).resolve().parents[2]
# 2026-11-23 10:00 in India, a Monday on which the markets of these tests are open.
TEN = 1_795_408_200
QUICK = Pace(block_s=0.02, flush_s=0.0, refresh_s=0.2, first_wait_s=0.05)


def make_tick(symbol: str, at: float, price: float, volume: int = 0, **fields: Any):
    return {"symbol": symbol, "price": price, "volume": volume, "ts": at} | fields


class Feed:
    """One stream shard, filled by a test."""

    def __init__(self, client: redis.Redis, key: str) -> None:
        self.client = client
        self.key = key

    def beat(self, at: float) -> None:
        self.client.xadd(self.key, {"h": f"{at:.3f}"})

    def send(self, *ticks: dict[str, Any]) -> None:
        for tick in ticks:
            self.send_raw(json.dumps(tick).encode())

    def send_array(self, *ticks: dict[str, Any]) -> None:
        self.send_raw(json.dumps(ticks).encode())

    def send_raw(self, body: bytes) -> None:
        self.client.xadd(self.key, {"d": body})

    def wipe(self) -> None:
        self.client.delete(self.key, f"{self.key}:epoch")


@contextlib.contextmanager
def ingesting(feed: Feed, **options: Any) -> Iterator[Ingestor]:
    ingestor = Ingestor({feed.key: 0}, pace=QUICK, **options)
    yield ingestor
    ingestor.close()


def ingest(feed: Feed) -> Ingestor:
    """Read everything there is with an ingestor of its own."""
    with ingesting(feed) as ingestor:
        ingestor.run(until_caught_up=True)
    return ingestor


def counters(feed: Feed) -> dict[str, int]:
    return dict(ShardPosition.objects.get(stream=feed.key).counters)


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a process that shares this test's servers."""
    return os.environ | {
        "DATABASE_URL": url_of_test_database(),
        "REDIS_URL": settings.REDIS_URL,
        "REDIS_PREFIX": settings.REDIS_PREFIX,
        "TICK_STREAM": settings.TICK_STREAM,
        "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
        "LOG_FORMAT": "console",
        **changes,
    }


def start(*command: str, log: Path, **changes: str) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment(**changes),
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(5)


def wait_for(what: str, happened: Any, limit_s: float = 30.0) -> Any:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if found := happened():
            return found
        time.sleep(0.02)
    raise AssertionError(f"Not within {limit_s} s: {what}")
