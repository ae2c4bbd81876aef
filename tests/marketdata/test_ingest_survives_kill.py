"""The ingestor is killed at random under load: no tick is lost, none counted twice."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from marketdata.imports import instruments
from marketdata.models import ShardPosition
from marketdata.ticker import Ticker
from tests.marketdata.ingesting import ROOT, end, environment, start, wait_for
from tests.marketdata.truth import differences, read_truth, stored_bars, true_bars
from tradingsite import redis as ground


@pytest.fixture
def simulator(transactional_db: None, tmp_path: Path, request: pytest.FixtureRequest):
    """A live market at twenty times its speed, and the truth it writes down."""
    rate = getattr(request, "param", 150)
    stream_keys = [f"{settings.TICK_STREAM}:{n}" for n in range(settings.TICK_SHARDS)]
    ground.client().delete(*stream_keys, *(f"{key}:epoch" for key in stream_keys))
    log, truth = tmp_path / "simulator.log", tmp_path / "truth"
    process = start(
        "manage.py", "simulate_market", "--stream", settings.TICK_STREAM,
        "--rate", str(rate), "--speed", "20", "--truth", str(truth),
        log=log,
    )  # fmt: skip
    try:
        url = wait_for("the simulator's address", lambda: address_in(log))
        with contextlib.closing(Ticker([url])) as ticker:
            instruments.load(instruments.parse(ticker.instruments()))
        yield process, truth, url
    finally:
        end(process)
        ground.client().delete(*stream_keys, *(f"{key}:epoch" for key in stream_keys))


def address_in(log: Path) -> str:
    words = log.read_text().split()
    return next((word for word in words if word.startswith("http://")), "")


class Nursery:
    """Ingestor processes that can be started quickly and killed at any moment."""

    def __init__(self, kind: str, log: Path) -> None:
        self._kind = kind
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.marketdata.nursery"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._pids: list[int] = []

    def start(self) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{self._kind}\n".encode())
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        self._pids.append(pid)
        return pid

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        self._pids.remove(pid)

    def has_died(self, pid: int) -> bool:
        return not Path(f"/proc/{pid}").exists()

    def close(self) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.kill()
        self._process.communicate()
        self._log.close()


def kill_often(kills: int, log: Path) -> None:
    """Keep two processes running; kill one that owns a shard, ``kills`` times."""
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    sys.stdout.write(f"seed {seed}\n")
    with contextlib.closing(Nursery("ingest_ticks", log)) as nursery:
        nursery.start()
        nursery.start()
        wait_for("the first flush", ShardPosition.objects.exists)
        for _ in range(kills):
            before = ticks_counted()
            wait_for("news", lambda before=before: ticks_counted() > before)
            time.sleep(chance.uniform(0.0, 0.7))
            nursery.kill(chance.choice(wait_for("an owner", owners)))
            nursery.start()


def owners() -> list[int]:
    """Return the pids of those who hold a shard now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT owner FROM claims"
            " WHERE name LIKE 'ingest:%%' AND expires_at > clock_timestamp()"
            " ORDER BY owner",
        )
        pids = [int(owner.rpartition(":")[2]) for (owner,) in cursor]
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def ticks_counted() -> int:
    rows = ShardPosition.objects.values_list("counters", flat=True)
    return sum(row["ticks"] for row in rows)


def read_the_rest(log: Path) -> None:
    wait_for("a clean last run", lambda: end_of_reading(log) == 0)


def end_of_reading(log: Path) -> int:
    process = start("manage.py", "ingest_ticks", "--once", log=log)
    return process.wait(60)


@pytest.mark.chaos
@pytest.mark.timeout(180)
def test_twenty_kills_lose_nothing_and_double_nothing(simulator: Any, tmp_path: Path):
    log = tmp_path / "ingest.log"

    kill_often(20, log)
    end(simulator[0])
    read_the_rest(log)

    truth = read_truth(simulator[1])
    assert len(truth) > 1_000
    assert differences(true_bars(truth), stored_bars("DEMO"))[:5] == []
    assert ticks_counted() == len(truth)


@pytest.mark.chaos
@pytest.mark.timeout(120)
def test_control_a_position_written_before_its_bars_is_caught(
    simulator: Any, tmp_path: Path
):
    log = tmp_path / "ingest.log"

    with contextlib.closing(Nursery("careless", log)) as nursery:
        for _ in range(3):
            pid = nursery.start()
            wait_for("its death", lambda pid=pid: nursery.has_died(pid))
    end(simulator[0])
    read_the_rest(log)

    expected = true_bars(read_truth(simulator[1]))
    assert differences(expected, stored_bars("DEMO")) != []
