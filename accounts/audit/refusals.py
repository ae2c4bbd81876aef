"""Refused attempts: written after the request, and never more than the disk bears.

Within a window each subject at an address gets ``MOST_EACH`` entries of its own, and
all together ``MOST_TOGETHER``; what is more is only counted, in one row that a summary
entry takes up when the window is over. A flood therefore costs a counter, not a disk.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.audit.canonical import moment
from accounts.audit.chains import append
from accounts.models import AuditEntry
from accounts.models.audit import HOUSE
from tradingsite import claims
from tradingsite.addresses import neighbourhood

WINDOW = timedelta(minutes=1)
MOST_EACH = 10
MOST_TOGETHER = 300
# Summaries of one run; the many small ones that follow share another.
MOST_SUMMARIES = 100
MOST_KEPT = 100
EVERYBODY = "everybody"

logger = logging.getLogger(__name__)
_kept: ContextVar[list[AuditEntry] | None] = ContextVar("kept_refusals", default=None)

# A window that is over stays as it is until it is summed up.
_COUNT_ONE = """
INSERT INTO accounts_refusalcount AS kept
       (key, subject, address, count, window_started_at)
VALUES (%(key)s, %(subject)s, %(address)s, 1, %(now)s)
ON CONFLICT (key) DO UPDATE SET count = kept.count
       + CASE WHEN kept.window_started_at > %(over)s THEN 1 ELSE 0 END
RETURNING count, window_started_at
"""
_TAKE = """
DELETE FROM accounts_refusalcount WHERE window_started_at <= %s
RETURNING subject, address, count, window_started_at
"""


def take(entry: AuditEntry) -> None:
    """Keep a refused attempt for the end of the request, or write it at once.

    Outside a request, and outside ``keeping``, it stands and falls with the
    transaction it is written in.
    """
    kept = _kept.get()
    if kept is None:
        write([entry])
    elif len(kept) < MOST_KEPT:
        kept.append(entry)


@contextmanager
def keeping() -> Iterator[list[AuditEntry]]:
    """Keep what is refused in here; writing it is for afterwards, with ``write``."""
    kept: list[AuditEntry] = []
    token = _kept.set(kept)
    try:
        yield kept
    finally:
        _kept.reset(token)


@contextmanager
def written_afterwards() -> Iterator[None]:
    """Write what is refused in here when it is over, whatever was rolled back.

    For tasks and commands; put it around their transaction. Requests have it.
    """
    kept: list[AuditEntry] = []
    try:
        with keeping() as kept:
            yield
    finally:
        write(kept)


def write(entries: list[AuditEntry]) -> None:
    """Write refused attempts, as many as the limits allow.

    A database that fails now changes nothing of the refusal: it is logged.
    """
    for entry in entries:
        try:
            _write(entry, timezone.now())
        except DatabaseError:
            logger.exception(
                "A refused attempt was not written down.",
                extra={"action": entry.action, "reason": entry.reason},
            )


def _write(entry: AuditEntry, now: datetime) -> None:
    mine = _count(entry.actor, neighbourhood(entry.address), now)
    if mine > MOST_EACH or _count(EVERYBODY, "", now) > MOST_TOGETHER:
        return
    append(entry)


def _count(subject: str, address: str, now: datetime) -> int:
    """Count one refusal; return how many there were in this window."""
    count, started_at = _count_one(subject, address, now)
    if started_at <= now - WINDOW:
        summarize(now)
        count, _ = _count_one(subject, address, now)
    return count


def _count_one(subject: str, address: str, now: datetime) -> tuple[int, datetime]:
    values: dict[str, str | datetime] = {
        "key": hashlib.sha256(f"{subject}\0{address}".encode()).hexdigest(),
        "subject": subject,
        "address": address,
        "now": now,
        "over": now - WINDOW,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_ONE, values)
        count, started_at = cursor.fetchone()
    return count, started_at


def summarize(now: datetime) -> int:
    """Take up the windows that are over; return how many summaries were written."""
    with transaction.atomic():
        claims.serialize("audit:refusals")
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [now - WINDOW])
            rows = cursor.fetchall()
        summaries = _summaries(rows, now)
        for entry in summaries:
            append(entry)
    return len(summaries)


def _summaries(
    rows: list[tuple[str, str, int, datetime]], now: datetime
) -> list[AuditEntry]:
    """Return an entry for each that was refused more often than was written."""
    more = [
        (count - _limit(subject), subject, address, started_at)
        for subject, address, count, started_at in rows
        if count > _limit(subject)
    ]
    more.sort(reverse=True)
    named = [_summary(*row, until=now) for row in more[:MOST_SUMMARIES]]
    rest = more[MOST_SUMMARIES:]
    if rest:
        since = min(row[3] for row in rest)
        total = sum(row[0] for row in rest)
        others = f"{len(rest)} others"
        named.append(_summary(total, others, "", since, until=now))
    return named


def _limit(subject: str) -> int:
    return MOST_TOGETHER if subject == EVERYBODY else MOST_EACH


def _summary(
    count: int, subject: str, address: str, since: datetime, *, until: datetime
) -> AuditEntry:
    return AuditEntry(
        chain=HOUSE,
        action="refusals.counted",
        outcome=AuditEntry.Outcome.REFUSED,
        reason="More than were written one by one.",
        actor=subject,
        door="summary",
        address=address,
        after={"count": count, "from": moment(since), "until": moment(until)},
    )
