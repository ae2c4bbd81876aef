"""One line every ten seconds, and the process row that pages and health read."""

import logging
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from django.db import Error as DatabaseError

from marketdata.ingest.ingestor import Ingestor
from tradingsite.models import Process

logger = logging.getLogger(__name__)

PRINT_S = 10.0
SEEN_S = 2.0


class Reporter:
    """Watches an ingestor from inside its own loop."""

    def __init__(self, ingestor: Ingestor, write: Callable[[str], Any]) -> None:
        self._ingestor = ingestor
        self._write = write
        self._name = os.environ.get("TRADINGSITE_PROCESS_NAME", "")
        self._printed_at = self._seen_at = time.monotonic()
        self._ticks = 0
        ingestor.after_round.append(self.look)

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._write(self._line(time.monotonic()))

    def look(self) -> None:
        now = time.monotonic()
        if now - self._printed_at >= PRINT_S:
            self._write(self._line(now))
            self._printed_at, self._ticks = now, self._ingestor.totals.ticks
        if now - self._seen_at >= SEEN_S:
            self._seen_at = now
            self._tell()

    def _line(self, now: float) -> str:
        ingestor = self._ingestor
        rate = (ingestor.totals.ticks - self._ticks) / max(
            0.001, now - self._printed_at
        )
        lag = max((shard.lag_s for shard in ingestor.shards.values()), default=0.0)
        refused = sum(s.counters["refused"] for s in ingestor.shards.values())
        return (
            f"ingest: {len(ingestor.shards)} of {len(ingestor.keys)} shards, "
            f"{ingestor.totals.ticks} ticks ({rate:.0f}/s), lag {lag:.1f} s, "
            f"{refused} refused, {ingestor.totals.wrote} bars written"
        )

    def _tell(self) -> None:
        try:
            Process.objects.seen(self._name, shards=self._detail())
        except DatabaseError as error:
            logger.warning("Could not report: %s", error)

    def _detail(self) -> dict[str, dict[str, Any]]:
        return {
            shard.key: {
                "lag_s": round(shard.lag_s, 1),
                "lag_entries": shard.lag_entries,
                "last_tick_at": shard.last_tick_at,
                "clock_at": shard.clock_at,
            }
            for shard in self._ingestor.shards.values()
        }
