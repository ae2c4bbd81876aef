"""PostgreSQL frozen and killed, Valkey killed, streams trimmed: bars stay right."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.conf import settings

from marketdata.backfill.gaps import repair_due
from marketdata.ingest.ingestor import Ingestor
from marketdata.models import BarGap
from marketdata.ticker import Ticker
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tests.marketdata.ingesting import (
    QUICK,
    ROOT,
    Feed,
    end,
    environment,
    make_tick,
    start,
    wait_for,
)
from tests.marketdata.test_ingest_survives_kill import simulator  # noqa: F401 - fixture
from tests.marketdata.truth import differences, read_truth, stored_bars, true_bars
from tradingsite import redis as ground
from tradingsite.embedded import PostgresServer, ValkeyServer

COUNTED = (
    "SELECT coalesce(sum((counters->>'ticks')::int), 0) FROM marketdata_shardposition"
)
VOLUME = "SELECT sum(volume) FROM minute_bars"
MADE = """
INSERT INTO marketdata_exchange (code, name, timezone) VALUES ('NSE', 'NSE', 'UTC');
INSERT INTO marketdata_instrument
       (exchange_id, symbol, name, segment, kind, option_type, lot_size, tick_size,
        is_active)
VALUES ('NSE', 'ACME', '', '', 'stock', '', 1, 0.05, true);
"""


def run(*command: str, **changes: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment(**changes),
        check=True,
        capture_output=True,
        timeout=120,
    )


def value(url: str, query: str) -> Any:
    with psycopg.connect(url) as found:
        row = found.execute(query).fetchone()
        assert row
        return row[0]


class Source:
    """Ticks of one stock, each a rupee above the last, two shares more sold."""

    def __init__(self, feed: Feed) -> None:
        self.sent = 0
        self._feed = feed
        self._began = int(time.time() // 60) * 60

    def send(self, count: int) -> None:
        for number in range(self.sent, self.sent + count):
            at = self._began + number / 100
            self._feed.send(make_tick("ACME", at, 100.0 + number, number * 2))
        self.sent += count

    def is_counted(self, url: str) -> bool:
        with contextlib.suppress(psycopg.Error):
            return bool(value(url, COUNTED) == self.sent)
        return False


@contextlib.contextmanager
def source_of_ticks() -> Iterator[Source]:
    feed = Feed(ground.client(), f"{settings.TICK_STREAM}:0")
    feed.wipe()
    yield Source(feed)
    feed.wipe()


@contextlib.contextmanager
def ingestor_of(database_url: str, folder: Path) -> Iterator[None]:
    """Run the command as the serving role, which may make no tables."""
    process = start(
        "manage.py", "ingest_ticks", "--shards", "0",
        log=folder / "log", DATABASE_URL=database_url,
    )  # fmt: skip
    try:
        yield
    finally:
        code = end(process)
    assert code == 0


@pytest.mark.chaos
@pytest.mark.own_server
@pytest.mark.timeout(180)
def test_postgres_frozen_and_killed_loses_nothing(
    db: None, own_postgres: PostgresServer, tmp_path: Path
):
    run("migrate", DATABASE_URL=own_postgres.owner_url)
    with psycopg.connect(own_postgres.owner_url) as owner:
        owner.execute(MADE)
    with source_of_ticks() as source, ingestor_of(own_postgres.url, tmp_path):
        source.send(200)
        wait_for("the first ticks", lambda: source.is_counted(own_postgres.url))
        own_postgres.freeze()
        source.send(200)
        time.sleep(2)
        own_postgres.thaw()
        wait_for("ticks after a freeze", lambda: source.is_counted(own_postgres.url))
        own_postgres.kill()
        source.send(200)
        own_postgres.start()
        wait_for("ticks after a kill", lambda: source.is_counted(own_postgres.url))

    assert value(own_postgres.url, VOLUME) == (source.sent - 1) * 2
    assert value(own_postgres.url, "SELECT max(high) FROM minute_bars") == 699.0


@pytest.mark.chaos
@pytest.mark.own_server
def test_a_frozen_database_is_not_waited_for_longer_than_its_limit(
    db: None, own_postgres: PostgresServer
):
    program = (
        "import django; django.setup()\n"
        "from django.db import DatabaseError, connection\n"
        "from marketdata.ingest.limits import patience\n"
        "try:\n"
        "    with patience(3.0), connection.cursor() as cursor:\n"
        "        print('asking', flush=True); input()\n"
        "        cursor.execute('SELECT 1')\n"
        "except DatabaseError: print('gave up')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment(DATABASE_URL=own_postgres.url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    process.stdout.readline()
    own_postgres.freeze()
    began = time.monotonic()
    answer, _ = process.communicate(b"\n", timeout=30)
    took_s = time.monotonic() - began
    own_postgres.thaw()

    assert answer == b"gave up\n"
    assert took_s < 10


@pytest.mark.chaos
@pytest.mark.own_server
@pytest.mark.timeout(120)
def test_a_killed_valkey_is_a_gap_and_ingest_goes_on(
    transactional_db: None, own_valkey: ValkeyServer, tmp_path: Path
):
    make_hours(make_exchange("NSE"))
    make_instrument("ACME")
    client = redis.Redis.from_url(own_valkey.url)
    feed = Feed(client, f"{settings.TICK_STREAM}:0")
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "ingest_ticks", "--shards", "0"],
        cwd=ROOT,
        env=environment(REDIS_URL=own_valkey.url),
        stdout=log,
        stderr=log,
    )
    try:
        feed.beat(time.time())
        feed.send(make_tick("ACME", time.time(), 100.0))
        wait_for("the first bar", lambda: stored_bars("NSE"))
        own_valkey.kill()
        own_valkey.start()
        client.flushall()
        feed.beat(time.time())
        feed.send(make_tick("ACME", time.time(), 900.0))
        wait_for("the gap", BarGap.objects.exists)
        wait_for(
            "the price after it",
            lambda: any(bar[3] == 900.0 for bar in stored_bars("NSE").values()),
        )
    finally:
        end(process)
        log.close()
        client.close()
    assert BarGap.objects.get().reason == "wiped"


@pytest.mark.chaos
@pytest.mark.timeout(120)
# Few ticks: the same process answers for the history of 510 instruments.
@pytest.mark.parametrize("simulator", [30], indirect=True)
def test_a_trimmed_stream_is_a_gap_that_history_repairs(
    simulator: Any,  # noqa: F811 - the fixture
    tmp_path: Path,
):
    client = ground.client()
    keys = {f"{settings.TICK_STREAM}:{n}": n for n in range(settings.TICK_SHARDS)}
    ingestor = Ingestor(keys, pace=QUICK)

    def clock() -> float:
        ingestor.step()
        return min((shard.now() for shard in ingestor.shards.values()), default=0.0)

    began_at = wait_for("the stream's clock", clock)
    wait_for("a finished minute", lambda: clock() > began_at + 90)
    time.sleep(3)  # a minute of the stream that is never read
    for key in keys:
        client.xtrim(key, maxlen=0, approximate=False)
    wait_for("the gaps", lambda: clock() and all_have_gaps(keys))
    trimmed_at = clock()
    wait_for("a finished minute after it", lambda: clock() > trimmed_at + 90)
    clock_at = clock()
    ingestor.close()

    assert {gap.reason for gap in BarGap.objects.all()} == {"trimmed"}
    assert all(gap.lost_entries for gap in BarGap.objects.all())
    expected = finished(true_bars(read_truth(simulator[1])), clock_at)
    assert differences(expected, finished(stored_bars("DEMO"), clock_at)) != []

    with contextlib.closing(Ticker([simulator[2]])) as ticker:
        assert repair_due(ticker, lambda: None) == len(keys)

    assert not BarGap.objects.open().exists()
    found = finished(stored_bars("DEMO"), clock_at)
    assert differences(prices(expected), prices(found))[:5] == []


def all_have_gaps(keys: Iterable[str]) -> bool:
    return set(BarGap.objects.values_list("stream", flat=True)) == set(keys)


def finished(bars: Any, clock_at: float) -> Any:
    return {key: bar for key, bar in bars.items() if key[1] + 60 < clock_at}


def prices(bars: Any) -> Any:
    return {key: bar[:4] for key, bar in bars.items()}
