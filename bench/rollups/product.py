"""The product's rollup as it runs, on one core together with its database backend.

``python -m bench.rollups.product INSTRUMENTS`` writes a day of minutes, waits for a
line, rolls it up, compares some of the bars with the plain rebuild, and reports.
"""

import contextlib
import os
import sys
import time

import django

django.setup()

from django.db import connection  # noqa: E402 - Django must be set up first

from bench.children import tell  # noqa: E402
from bench.machine import cpu_seconds, waited_seconds  # noqa: E402
from bench.market import open_exchange  # noqa: E402
from marketdata.models import DirtyBucket, Instrument, IntradayBar  # noqa: E402
from marketdata.rollups import roll_up  # noqa: E402
from marketdata.rollups.verifying import Span, verify_all  # noqa: E402

MINUTES = 375
COMPARED = 25
# A Friday of the exchange that never closes; 09:15 in India.
OPENED_AT = "2026-11-20 03:45+00"
EMPTY = "TRUNCATE minute_bars, dirty_buckets, intraday_bars, longer_bars"
FILL = f"""
SELECT ensure_partition('minute_bars', timestamptz '{OPENED_AT}'::date);
SELECT setseed(0.42);
INSERT INTO minute_bars
       (instrument_id, opened_at, open, high, low, close, volume, open_interest, source)
SELECT id, timestamptz '{OPENED_AT}' + minute * interval '1 minute',
       price, price + 1.25, price - 0.75, price + 0.35, (random() * 100000)::bigint,
       minute, 'import'
  FROM (SELECT id, minute, round((2400 + random() * 200)::numeric, 2)::float8 AS price
          FROM marketdata_instrument, generate_series(0, {MINUTES - 1}) minute
         ORDER BY id, minute) AS walked;
INSERT INTO dirty_buckets (instrument_id, opened_at)
SELECT instrument_id, opened_at FROM minute_bars;
"""


class NotExact(AssertionError):  # noqa: N818 - reads as what was found
    """A larger bar is not what its minutes make: the speed means nothing."""


def fill(instruments: int) -> None:
    """Write a day of minutes, all of them dirty."""
    exchange = open_exchange()
    Instrument.objects.bulk_create(
        [
            Instrument(exchange=exchange, symbol=f"ROLL{number:04d}", kind="stock")
            for number in range(instruments)
        ],
        ignore_conflicts=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)
        cursor.execute(FILL)
        for table in ("marketdata_instrument", "minute_bars", "dirty_buckets"):
            cursor.execute(f"VACUUM ANALYZE {table}")


def share_core() -> int:
    """Put our backend on our own core, where it is on this machine; return its pid."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(pid, os.sched_getaffinity(0))
    return int(pid)


def measure() -> dict[str, float]:
    """Roll everything up; the clocks run from the first claim to the last commit."""
    backend = share_core()
    used = cpu_seconds(backend)
    waited = waited_seconds() + waited_seconds(backend)
    started, cpu = time.perf_counter(), time.process_time()
    rolled = roll_up()
    return {
        "minutes": rolled.minutes,
        "wall_s": time.perf_counter() - started,
        "client_cpu_s": time.process_time() - cpu,
        "server_cpu_s": cpu_seconds(backend) - used,
        "waited_s": waited_seconds() + waited_seconds(backend) - waited,
        "bars": IntradayBar.objects.count(),
    }


def require_exact() -> None:
    """Compare some instruments with the rebuild from their minutes."""
    some = Instrument.objects.filter(symbol__startswith="ROLL").order_by("-id")
    for compared in verify_all(some[:COMPARED], Span()):
        if compared.differences or not compared.bars:
            raise NotExact(f"Rolled up wrongly: {compared.differences[:1]}")
    if DirtyBucket.objects.exists():
        raise NotExact("Something was left dirty.")


def main(instruments: str) -> None:
    fill(int(instruments))
    tell(ready=True)
    sys.stdin.readline()
    measured = measure()
    require_exact()
    tell(**measured)


if __name__ == "__main__":
    main(*sys.argv[1:])
