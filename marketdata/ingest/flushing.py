"""Writing what a shard's builders hold, with the stream position, all or nothing.

Drained first, written afterwards. ``synchronous_commit`` is off: position and bars
are lost together or kept together, and what is lost is read again.
"""

import datetime
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.db import transaction

from marketdata.bars import Bar, BarBuilder, Drained
from marketdata.ingest.late import correct
from marketdata.ingest.shard import Memory, Shard
from marketdata.ingest.store import BAR_GAP, POSITION, Mark, Store
from marketdata.ingest.streams import Place
from marketdata.models import ShardPosition
from marketdata.strikes import Contract, side_by_side
from tradingsite import claims

STATEMENT_TIMEOUT_S = 10
LOCK_TIMEOUT_S = 5
# The newest bar of an instrument matters within its own trading day only.
REMEMBERED = datetime.timedelta(days=2)
LIMITS = (
    "SET LOCAL synchronous_commit = off; "
    f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'; "
    f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"
)


@dataclass(slots=True)
class Flushed:
    """What a flush wrote, and how long the builder was held for it."""

    bars: list[Bar] = field(default_factory=list)
    # Of these only: a bar that a late tick corrected has no news of the last price.
    newest: list[Bar] = field(default_factory=list)
    closed: list[Bar] = field(default_factory=list)
    drain_s: float = 0.0
    write_s: float = 0.0


def recall(key: str, store: Store) -> Memory:
    """Read back what the last owner of a shard wrote."""
    position = ShardPosition.objects.filter(stream=key).first()
    if position is None:
        return Memory(None, None, None, {}, {})
    at = position.clock_at or position.last_tick_at
    newest = max(filter(None, [at, position.last_tick_at]), default=None)
    return Memory(
        place=Place(position.epoch, position.entry_id.encode(), position.ordinal),
        clock_at=position.clock_at.timestamp() if position.clock_at else None,
        last_tick_at=(
            position.last_tick_at.timestamp() if position.last_tick_at else None
        ),
        counters=dict(position.counters),
        bars=store.last_bars(newest - REMEMBERED) if newest else {},
    )


def flush(shard: Shard, store: Store, contracts: dict[int, Contract]) -> Flushed:
    """Write everything that changed since the last flush, in one transaction."""
    begun = time.perf_counter()
    drained = shard.builder.drain()
    closed = shard.builder.close(shard.now())
    drained_at = time.perf_counter()
    with transaction.atomic():
        cursor = store.cursor()
        cursor.execute(LIMITS)
        claims.fence(shard.lease, cursor=cursor)
        bars = _write_bars(cursor, shard, store, drained)
        store.mark_dirty(cursor, marks(shard.builder, [*bars, *closed]))
        options = [
            (contracts[bar.instrument_id], bar)
            for bar in bars
            if bar.instrument_id in contracts
        ]
        store.write_strikes(cursor, side_by_side(options))
        _write_notes(cursor, shard, store)
    shard.has_moved = False
    shard.gaps.clear()
    return Flushed(
        bars, drained.bars, closed, drained_at - begun, time.perf_counter() - drained_at
    )


def _write_bars(
    cursor: psycopg.Cursor[Any],
    shard: Shard,
    store: Store,
    drained: Drained,
) -> list[Bar]:
    store.write_bars(cursor, drained.bars)
    changed, ignored = correct(store, cursor, drained.late)
    store.write_bars(cursor, changed)
    shard.counters["late"] += len(drained.late)
    shard.counters["late_ignored"] += ignored
    return drained.bars + changed


def marks(builder: BarBuilder, bars: Iterable[Bar]) -> set[Mark]:
    """Return what to tell the rollups: each minute when it begins, and when it is over.

    A bar that has left the builder's hands was over before, whoever changed it now.
    """
    found: set[Mark] = set()
    for bar in bars:
        is_open = builder.is_open(bar)
        if not (is_open and bar.is_marked):
            found.add((bar.instrument_id, float(bar.opened_at), is_open))
        bar.is_marked = is_open
    return found


def _write_notes(cursor: psycopg.Cursor[Any], shard: Shard, store: Store) -> None:
    store.write_refusals(cursor, shard.key, shard.quarantine.drain())
    for gap in shard.gaps:
        cursor.execute(
            BAR_GAP,
            [shard.key, shard.number, gap.from_at, gap.to_at, gap.reason, gap.entries],
        )
    place = shard.place
    if place is not None and shard.is_settled:
        cursor.execute(
            POSITION,
            [
                shard.key,
                place.epoch,
                place.entry_id.decode(),
                place.ordinal,
                shard.clock_at,
                shard.last_tick_at,
                json.dumps(shard.counters),
            ],
        )
