"""The simulator as it is run: a process, its port, its stream and its end."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from redis import Redis

from tests.simulator.builders import MONDAY, live_feed, taken

NSE_LINES = "\n".join(
    f"NIFTY,20230102,09:{minute:02},18100,18110,18090,18105,0,0"
    for minute in range(16, 46)
)


@contextlib.contextmanager
def started(*arguments: object):
    command = [sys.executable, "manage.py", "simulate_market", *map(str, arguments)]
    process = subprocess.Popen(
        [*command, "--redis", settings.REDIS_URL],
        cwd=settings.BASE_DIR,
        env=os.environ | {"LOG_LEVEL": "ERROR"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.search(r"simulator listening on (\S+)", process.stdout.readline())
    assert found is not None
    return found[1]


def stream_bodies(stream: str) -> list[dict[str, Any]]:
    with Redis.from_url(settings.REDIS_URL) as redis:
        rows = [row for shard in range(2) for row in redis.xrange(f"{stream}:{shard}")]
    found: list[dict[str, Any]] = []
    for _, fields in rows:
        if b"d" in fields:
            body = orjson.loads(fields[b"d"])
            found.extend(body if isinstance(body, list) else [body])
    return found


def in_order(ticks: list[dict[str, Any]]) -> list[bytes]:
    return sorted(orjson.dumps(tick) for tick in ticks)


def test_a_seed_repeats_a_run_in_another_process(stream: str, tmp_path: Path):
    truth = tmp_path / "truth.jsonl"
    with started(
        "--stream", stream, "--seed", 7, "--start", MONDAY, "--rate", 2000,
        "--speed", 20, "--max-ticks", 1500, "--truth", truth,
    ) as process:  # fmt: skip
        assert process.wait(60) == 0
    told = [orjson.loads(line)["tick"] for line in truth.read_bytes().splitlines()]
    expected = [orjson.loads(tick.body) for tick in taken(live_feed(), 1500)]
    assert in_order(told) == in_order(expected)
    assert in_order(stream_bodies(stream)) == in_order(expected)


def test_it_serves_while_it_publishes_and_stops_cleanly(stream: str):
    with started("--stream", stream) as process:
        with httpx.Client(base_url=address_of(process), timeout=10) as ticker:
            assert ticker.get("/health").json()["status"] == "ok"
            assert ticker.get("/instruments").text.count("\n") == 511
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_replay_runs_to_its_end_at_full_speed(stream: str, tmp_path: Path):
    recording = tmp_path / "nifty.txt"
    recording.write_text(NSE_LINES)
    with started(
        "--stream", stream, "--replay", recording, "--speed", 0, "--exchange", "NSE"
    ) as process:
        assert process.wait(60) == 0
    ticks = stream_bodies(stream)
    assert len(ticks) == 30 * 4
    with Redis.from_url(settings.REDIS_URL) as redis:
        _, last = redis.xrevrange(f"{stream}:0", count=1)[0]
    assert float(last[b"h"]) >= max(tick["timestamp"] for tick in ticks) + 60


def test_an_unpaced_market_runs_to_its_last_tick_in_its_own_time(stream: str):
    with started(
        "--stream", stream, "--start", MONDAY, "--rate", 100, "--speed", 0,
        "--max-ticks", 1500,
    ) as process:  # fmt: skip
        assert process.wait(60) == 0
    ticks = stream_bodies(stream)
    stamps = [tick.get("ts") or tick["timestamp"] for tick in ticks]
    assert (len(ticks), min(stamps), max(stamps)) == (1500, MONDAY, MONDAY + 14.99)


def test_an_unpaced_market_without_an_end_is_refused_in_one_line():
    with pytest.raises(CommandError, match="no end: give --max-ticks"):
        call_command("simulate_market", "--speed", "0")


def test_a_taken_port_and_a_missing_file_are_said_in_one_line(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CommandError, match="Address already in use"):
            call_command("simulate_market", "--port", str(port))
    with pytest.raises(CommandError, match=r"absent\.txt"):
        call_command("simulate_market", "--replay", str(tmp_path / "absent.txt"))
