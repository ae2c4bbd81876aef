"""The loop: take shards, read, count, flush; back off when a server is away.

Any number of these processes may run. Each shard has one owner at a time, by a
lease; the lease's token is checked in the transaction that writes, so an owner
that was paused past its lease cannot write what is stale.
"""

import gc
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import Error as DatabaseError
from django.db import connection
from redis.exceptions import RedisError

from marketdata import quotes
from marketdata.bars import Bar
from marketdata.ingest.directory import Directory
from marketdata.ingest.flushing import Flushed, flush, recall
from marketdata.ingest.limits import patience
from marketdata.ingest.shard import Shard
from marketdata.ingest.store import Store
from marketdata.ingest.streams import Entry, Streams
from marketdata.ingest.telling import TELL_EVERY_S, Teller
from tradingsite import claims
from tradingsite import redis as ground

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How often the ingestor does what, in seconds."""

    lease_s: float = 3.0
    renew_s: float = 1.0
    flush_s: float = 0.5
    refresh_s: float = 30.0
    block_s: float = 0.2
    database_s: float = 15.0
    first_wait_s: float = 0.25
    longest_wait_s: float = 5.0


# Under load a flush comes by size, so that memory has a bound.
MOST_PENDING = 20_000
ENTRIES_A_READ = 5_000
# One read of a hundred ticks per entry must not keep a flush waiting.
TICKS_A_READ = 20_000
COLLECT_AFTER = 50_000


@dataclass
class Totals:
    """What this process did since it began."""

    ticks: int = 0
    entries: int = 0
    flushes: int = 0
    failures: int = 0
    drain_s: float = 0.0
    write_s: float = 0.0
    wrote: int = 0
    drains: list[float] = field(default_factory=list)


class Ingestor:
    """Owns what shards it can get, for as long as it can."""

    def __init__(
        self,
        keys: dict[str, int],
        *,
        pace: Pace | None = None,
        owner: str = "",
        after_flush: Callable[[Flushed], None] | None = None,
    ) -> None:
        self.keys = keys
        self.pace = pace or Pace()
        self.owner = owner or f"{socket.gethostname()}:{os.getpid()}"
        self.stopping = threading.Event()
        self.totals = Totals()
        self.shards: dict[str, Shard] = {}
        self.leases: dict[str, claims.Lease] = {}
        self.after_round: list[Callable[[], None]] = []
        self._after_flush = after_flush or announce
        self._directory = Directory()
        self._store = Store()
        self._teller = Teller()
        self._streams = Streams(ground.blocking_client(self.pace.block_s))
        self._next_renewal = 0.0
        self._next_flush = 0.0
        self._next_refresh = 0.0
        self._wait_s = self.pace.first_wait_s
        self._is_warm = False
        self._is_behind = False

    # --- the loop ---------------------------------------------------------------
    def run(self, *, until_caught_up: bool = False) -> None:
        """Ingest until told to stop, or until nothing is left to read."""
        while not self.stopping.is_set():
            is_idle = self.step()
            for look in self.after_round:
                look()
            if until_caught_up and is_idle and self._holds_all():
                break
        self.close()

    def step(self) -> bool:
        """Do one round; tell whether there was nothing new to read."""
        try:
            self._keep_leases()
            was_idle = self._read()
            builders = [shard.builder for shard in self.shards.values()]
            self._teller.tell(builders, is_behind=self._is_behind)
            self._flush_when_due()
        except DatabaseError as error:
            self._database_failed(error)
            return False
        except claims.LeaseLost as error:
            logger.warning("A shard was taken over: %s", error)
            self._drop_shards()
            return False
        except RedisError as error:
            self._wait("Redis", error)
            return False
        self._wait_s = self.pace.first_wait_s
        return was_idle

    def close(self) -> None:
        """Write what is left and let go of the shards."""
        try:
            with patience(self.pace.database_s):
                self._flush_all()
                for lease in self.leases.values():
                    claims.release(lease)
        except (DatabaseError, claims.LeaseLost) as error:
            # The next owner reads it again from the last position.
            logger.warning("Stopped without a last flush: %s", error)
        self._streams.close()
        self.shards.clear()
        self.leases.clear()

    # --- leases -----------------------------------------------------------------
    def _keep_leases(self) -> None:
        now = time.monotonic()
        if now < self._next_renewal:
            return
        self._next_renewal = now + self.pace.renew_s
        with patience(self.pace.database_s):
            self._refresh_directory(now)
            for key, number in self.keys.items():
                self._keep(key, number)

    def _keep(self, key: str, number: int) -> None:
        name, ttl_s = f"ingest:{key}", self.pace.lease_s
        held = self.leases.get(key)
        lease = (
            claims.renew(held, ttl_s)
            if held
            else claims.acquire(name, self.owner, ttl_s)
        )
        if lease is None:
            self.leases.pop(key, None)
            self.shards.pop(key, None)
            return
        self.leases[key] = lease
        if key in self.shards:
            self.shards[key].lease = lease
            return
        memory = recall(key, self._store)
        self.shards[key] = Shard(key, number, lease, self._directory, memory)
        logger.info("Took over %s at %s", key, memory.place)

    def _refresh_directory(self, now: float) -> None:
        if now < self._next_refresh:
            return
        self._next_refresh = now + self.pace.refresh_s
        if self._directory.refresh():
            for shard in self.shards.values():
                shard.rebind()

    def _holds_all(self) -> bool:
        return self.shards.keys() == self.keys.keys()

    # --- reading ----------------------------------------------------------------
    def _read(self) -> bool:
        if not self.shards:
            self.stopping.wait(self.pace.block_s)
            return True
        after = {key: self.shards[key].after for key in sorted(self.shards)}
        count = self._entries_a_read()
        has_news = any(shard.builder.changed for shard in self.shards.values())
        block_s = min(self.pace.block_s, TELL_EVERY_S if has_news else 1.0)
        found = self._streams.read(after, count=count, block_ms=int(block_s * 1000))
        # What follows a place that turned out to be another stream's is not ours.
        news = {
            key: part.entries
            for key, part in found.items()
            if self.shards[key].compare(part.look)
        }
        self._is_behind = any(len(entries) >= count for entries in news.values())
        if self._is_behind:
            ends = {key: entries[-1][0] for key, entries in news.items() if entries}
            self._streams.read_ahead(after | ends, count=count)
        for key, entries in news.items():
            self._take(self.shards[key], entries)
        return not any(news.values()) and news.keys() == found.keys()

    def _take(self, shard: Shard, entries: list[Entry]) -> None:
        if not entries:
            return
        before = shard.counters["ticks"]
        shard.take(entries)
        self.totals.ticks += shard.counters["ticks"] - before
        self.totals.entries += len(entries)

    def _entries_a_read(self) -> int:
        ticks, entries = self.totals.ticks, self.totals.entries
        per_entry = max(1.0, ticks / entries) if entries else 100.0
        return max(50, min(ENTRIES_A_READ, int(TICKS_A_READ / per_entry)))

    # --- flushing ---------------------------------------------------------------
    def _flush_when_due(self) -> None:
        now = time.monotonic()
        pending = sum(shard.builder.pending for shard in self.shards.values())
        if now >= self._next_flush or pending >= MOST_PENDING:
            with patience(self.pace.database_s):
                self._flush_all()
            self._next_flush = time.monotonic() + self.pace.flush_s

    def _flush_all(self) -> None:
        for shard in self.shards.values():
            if shard.builder.pending or shard.has_moved or shard.gaps:
                flushed = flush(shard, self._store, self._directory.contracts)
                self._count_flush(flushed)
                self._after_flush(flushed)
            if shard.misses_instruments:
                shard.misses_instruments = False
                # Once per interval, however many ticks name what we do not know.
                self._next_refresh = min(
                    self._next_refresh, time.monotonic() + self.pace.refresh_s / 10
                )
        if self.totals.flushes and not self._is_warm:
            self._is_warm = True
            # What lives now lives long: the collector need not look at it again.
            gc.collect()
            gc.freeze()
            # Entries come and go by the thousand, and never in a ring.
            gc.set_threshold(COLLECT_AFTER)

    def _count_flush(self, flushed: Flushed) -> None:
        totals = self.totals
        totals.flushes += 1
        totals.wrote += len(flushed.bars)
        totals.drain_s += flushed.drain_s
        totals.write_s += flushed.write_s
        totals.drains = [*totals.drains[-999:], flushed.drain_s]

    # --- trouble ----------------------------------------------------------------
    def _database_failed(self, error: Exception) -> None:
        # Whether the transaction came through is unknown: what the database holds
        # now is read back, and everything after it is read again from the stream.
        self._drop_shards()
        connection.close()
        self._wait("PostgreSQL", error)

    def _drop_shards(self) -> None:
        self.shards.clear()
        self._store.forget_months()
        self._next_renewal = 0.0

    def _wait(self, server: str, error: Exception) -> None:
        self.totals.failures += 1
        wait_s = self._wait_s * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        logger.warning("%s is away, next try in %.1f s: %s", server, wait_s, error)
        self._wait_s = min(self._wait_s * 2, self.pace.longest_wait_s)
        self.stopping.wait(wait_s)


def announce(flushed: Flushed) -> None:
    """Tell whoever listens: a hint only, the database has it already."""
    newest: dict[int, Bar] = {}
    for bar in flushed.newest:
        known = newest.get(bar.instrument_id)
        if known is None or bar.opened_at >= known.opened_at:
            newest[bar.instrument_id] = bar
    quotes.remember(list(newest.values()), closed=flushed.closed)
