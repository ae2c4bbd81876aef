"""The journal of the streams that lose nothing.

Every event of a stream has a position ``(epoch, seq)``. The number is taken from the
stream's row in the transaction that writes the event, and that row stays locked until
COMMIT: numbers are handed out in the order of commits, and one rolled back is given
out again. So a reader that has seen ``seq`` knows that nothing below it will appear.

A reader asks ``since(stream, epoch, seq)`` and gets the next events, or a ``Gap``
when they cannot be had any more: then it loads a snapshot and goes on from the
position that was read before it.
"""

import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.db.models import Max
from django.db.models.functions import Greatest, Now

from tradingsite.models.journal import JournalEntry, JournalStream
from tradingsite.streaming.publishing import publish

MOST_PER_READ = 1000

# The numbers of all events of one call follow one another.
APPEND = """
WITH position AS (
    INSERT INTO journal_streams AS stream (name, epoch, first_seq, last_seq)
    VALUES (%(stream)s, %(epoch)s, 1, %(count)s)
    ON CONFLICT (name) DO UPDATE SET last_seq = stream.last_seq + %(count)s
    RETURNING name, epoch, last_seq
), entry AS (
    INSERT INTO journal_entries (stream_id, seq, event, created_at)
    SELECT name, last_seq - %(count)s + told.number, told.event::jsonb,
           statement_timestamp()
      FROM position, unnest(%(events)s::text[]) WITH ORDINALITY AS told (event, number)
)
SELECT epoch, last_seq FROM position
"""


class Position(NamedTuple):
    """A place in a stream: the last event seen, and the history it belongs to."""

    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream, with its number."""

    seq: int
    event: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """The answer to a reader whose next event cannot be had: it needs a snapshot."""

    reason: str
    position: Position


def append(stream: str, event: dict[str, Any]) -> Position:
    """Write ``event`` in the caller's transaction and return its position."""
    return append_all(stream, [event])


def append_all(stream: str, events: Sequence[dict[str, Any]]) -> Position:
    """Write ``events``, at least one, in one step; return the position of the last."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "An event is written in the transaction that caused it."
        )
    written: dict[str, Any] = {
        "stream": stream,
        "epoch": _new_epoch(),
        "count": len(events),
        "events": [json.dumps(event, cls=DjangoJSONEncoder) for event in events],
    }
    with connection.cursor() as cursor:
        cursor.execute(APPEND, written)
        return Position(*cursor.fetchone())


def position(stream: str) -> Position:
    """Return where ``stream`` stands; read it before the snapshot it goes with."""
    row, _ = JournalStream.objects.get_or_create(
        name=stream, defaults={"epoch": _new_epoch()}
    )
    return Position(row.epoch, row.last_seq)


def record(stream: str, event: dict[str, Any]) -> Position:
    """Append ``event`` and tell the hubs to look after COMMIT; return its position."""
    return record_all(stream, [event])


def record_all(stream: str, events: Sequence[dict[str, Any]]) -> Position:
    """Append ``events``, at least one, and tell the hubs once, after COMMIT."""
    found = append_all(stream, events)
    transaction.on_commit(partial(publish, stream, {"seq": found.seq}), robust=True)
    return found


def positions(streams: Collection[str]) -> dict[str, Position]:
    """Return where those of ``streams`` stand that have begun."""
    rows = JournalStream.objects.filter(name__in=streams)
    found = rows.values_list("name", "epoch", "last_seq")
    return {name: Position(epoch, seq) for name, epoch, seq in found}


def since(
    stream: str, epoch: str, seq: int, limit: int = MOST_PER_READ
) -> list[Event] | Gap:
    """Return what followed ``(epoch, seq)``, oldest first, or say why it cannot."""
    row = JournalStream.objects.filter(name=stream).first()
    if row is None:
        return Gap("unknown", position(stream))
    reason = _reason_for_gap(row, Position(epoch, seq))
    events = [] if reason else _events_after(stream, seq, limit)
    if not reason and events and events[0].seq != seq + 1:
        # Trimmed between the two reads.
        reason = "trimmed"
    return Gap(reason, Position(row.epoch, row.last_seq)) if reason else events


def trim(age: timedelta) -> int:
    """Forget the events older than ``age``; each stream remembers where it begins."""
    cut = JournalEntry.objects.filter(created_at__lt=Now() - age)
    old = cut.order_by().values("stream").annotate(last=Max("seq")).order_by("stream")
    return sum(_trim_stream(row["stream"], row["last"]) for row in list(old))


def start_over(stream: str) -> Position:
    """Begin a new epoch, as after a restored backup: every reader is told of a gap."""
    with transaction.atomic():
        JournalStream.objects.filter(name=stream).delete()
        return position(stream)


def _new_epoch() -> str:
    return secrets.token_hex(8)


def _reason_for_gap(row: JournalStream, seen: Position) -> str:
    if seen.epoch != row.epoch:
        return "epoch"
    if seen.seq > row.last_seq:
        return "ahead"
    return "trimmed" if seen.seq < row.first_seq - 1 else ""


def _events_after(stream: str, seq: int, limit: int) -> list[Event]:
    entries = JournalEntry.objects.filter(stream=stream, seq__gt=seq).order_by("seq")
    return [
        Event(entry.seq, entry.event, entry.created_at)
        for entry in entries[: min(limit, MOST_PER_READ)]
    ]


def _trim_stream(stream: str, last: int) -> int:
    with transaction.atomic():
        JournalStream.objects.filter(name=stream, last_seq__gte=last).update(
            first_seq=Greatest("first_seq", last + 1)
        )
        deleted, _ = JournalEntry.objects.filter(stream=stream, seq__lte=last).delete()
    return deleted
