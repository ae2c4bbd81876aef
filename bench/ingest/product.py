"""The product's ingestor as it runs, except that it ends where the stream ends.

``python -m bench.ingest.product KEY ENTRIES`` takes the shard while its stream is
still empty, says so, waits for a line, and reports once so many entries are counted
and everything is committed: the bars, the position, the lease let go.
"""

import sys
import time

import django

django.setup()

from bench.children import tell  # noqa: E402 - Django must be set up first
from bench.machine import waited_seconds  # noqa: E402
from marketdata.ingest.ingestor import Ingestor  # noqa: E402

LONGEST_S = 120


def consume(ingestor: Ingestor, entries: int) -> dict[str, float]:
    """Ingest so many entries; the clocks run from the first read to the last commit."""
    started, cpu = time.perf_counter(), time.process_time()
    waited = waited_seconds()
    while ingestor.totals.entries < entries:
        ingestor.step()
        if time.perf_counter() - started > LONGEST_S:
            raise TimeoutError(f"Only {ingestor.totals.entries} entries came.")
    ingestor.close()
    return {
        "ticks": ingestor.totals.ticks,
        "wall_s": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
        "waited_s": waited_seconds() - waited,
    }


def main(key: str, entries: str) -> None:
    ingestor = Ingestor({key: 0})
    # Takes the lease, reads the instruments, and finds nothing to read.
    ingestor.step()
    tell(ready=bool(ingestor.shards))
    sys.stdin.readline()
    tell(**consume(ingestor, int(entries)))


if __name__ == "__main__":
    main(*sys.argv[1:])
