"""One at a time: leases with fencing tokens, runs done once, work in a queue.

A lease says who may work on a name until a moment of the database's clock::

    lease = claims.acquire("ticks:0", owner="ingestor-1", ttl_s=10)
    ...
    with transaction.atomic():
        claims.fence(lease)  # raises LeaseLost when somebody else took over
        bars.upsert(...)

A holder that was paused past its lease does not know it; the fence does: taking a
lease raises its token, and the fence keeps the row until COMMIT, so whoever takes
over waits for the write or the write is refused. There is no third outcome. All of
it is row locks and locks of the transaction: safe behind a transaction pooler.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models.functions import Now

from tradingsite.models.claims import ScheduledRun

# A holder frozen inside its transaction keeps the row: nobody waits for it here.
ACQUIRE = """
WITH taken AS (
    UPDATE claims
       SET owner = %(owner)s, token = token + 1, acquired_at = clock_timestamp(),
           expires_at = clock_timestamp() + make_interval(secs => %(ttl_s)s)
     WHERE name = (
           SELECT name FROM claims
            WHERE name = %(name)s AND expires_at <= clock_timestamp()
              FOR UPDATE SKIP LOCKED)
    RETURNING token, expires_at
), made AS (
    INSERT INTO claims (name, owner, token, acquired_at, expires_at)
    VALUES (%(name)s, %(owner)s, 1, clock_timestamp(),
            clock_timestamp() + make_interval(secs => %(ttl_s)s))
    ON CONFLICT (name) DO NOTHING
    RETURNING token, expires_at
)
SELECT token, expires_at FROM taken UNION ALL SELECT token, expires_at FROM made
"""
RENEW = """
UPDATE claims SET expires_at = clock_timestamp() + make_interval(secs => %s)
 WHERE name = %s AND owner = %s AND token = %s
RETURNING token, expires_at
"""
RELEASE = """
UPDATE claims SET expires_at = clock_timestamp()
 WHERE name = %s AND owner = %s AND token = %s AND expires_at > clock_timestamp()
"""
DISCARD = """
DELETE FROM claims WHERE name = %s AND owner = %s AND token = %s
"""
HOLDS = """
SELECT 1 FROM claims WHERE name = %s AND owner = %s AND token = %s
   AND expires_at > clock_timestamp()
"""
FENCE = """
SELECT 1 FROM claims WHERE name = %s AND owner = %s AND token = %s FOR SHARE
"""
ONCE = """
INSERT INTO scheduled_runs (job, due_at, taken_at) VALUES (%s, %s, clock_timestamp())
ON CONFLICT (job, due_at) DO NOTHING
"""


class Cursor(Protocol):
    """What a fence needs of a cursor: Django's and psycopg's both have it."""

    def execute(self, query: str, params: Sequence[Any], /) -> Any: ...

    def fetchone(self) -> Any: ...


class LeaseLost(RuntimeError):  # noqa: N818 - told by name wherever claims are used
    """Somebody else holds the name now: what was about to be written is stale."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A name held by an owner; ``token`` is higher than that of any holder before."""

    name: str
    owner: str
    token: int
    expires_at: datetime


def acquire(
    name: str, owner: str, ttl_s: float, *, using: str = DEFAULT_DB_ALIAS
) -> Lease | None:
    """Take ``name`` when it is free or its lease ran out; None when it is held."""
    with connections[using].cursor() as cursor:
        cursor.execute(ACQUIRE, {"name": name, "owner": owner, "ttl_s": ttl_s})
        row = cursor.fetchone()
    return Lease(name, owner, *row) if row else None


def renew(lease: Lease, ttl_s: float, *, using: str = DEFAULT_DB_ALIAS) -> Lease | None:
    """Make ``lease`` last ``ttl_s`` from now; None when somebody else took it."""
    with connections[using].cursor() as cursor:
        cursor.execute(RENEW, [ttl_s, lease.name, lease.owner, lease.token])
        row = cursor.fetchone()
    return Lease(lease.name, lease.owner, *row) if row else None


def release(lease: Lease, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Let go of ``lease``; nothing happens when it was lost already."""
    with connections[using].cursor() as cursor:
        cursor.execute(RELEASE, [lease.name, lease.owner, lease.token])


def discard(lease: Lease, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Let go of ``lease`` and of its name, which nobody will ask for again.

    Tokens of the name begin anew: only for owners that are never the same twice.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(DISCARD, [lease.name, lease.owner, lease.token])


def holds(lease: Lease, *, using: str = DEFAULT_DB_ALIAS) -> bool:
    """Tell whether ``lease`` is still good: a hint, the fence is the proof."""
    with connections[using].cursor() as cursor:
        cursor.execute(HOLDS, [lease.name, lease.owner, lease.token])
        return cursor.fetchone() is not None


def fence(lease: Lease, *, cursor: Cursor | None = None) -> None:
    """Refuse a stale holder inside the caller's transaction, and keep others out.

    Give the ``cursor`` of that transaction when it is not Django's default one.
    """
    if cursor is None:
        _require_transaction("fence")
        with connections[DEFAULT_DB_ALIAS].cursor() as own:
            fence(lease, cursor=own)
        return
    cursor.execute(FENCE, [lease.name, lease.owner, lease.token])
    if cursor.fetchone() is None:
        raise LeaseLost(f"{lease.name} is no longer held by {lease.owner}.")


def once(job: str, due_at: datetime) -> bool:
    """Return True to exactly one caller per job and due time.

    Called in the transaction of the job's effect, a crash undoes both, and the
    next caller gets True; until COMMIT other callers wait.
    """
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(ONCE, [job, due_at])
        return bool(cursor.rowcount)


def prune(age: timedelta) -> int:
    """Forget the due times that were taken longer than ``age`` ago."""
    deleted, _ = ScheduledRun.objects.filter(due_at__lt=Now() - age).delete()
    return deleted


def serialize(key: str) -> None:
    """Wait for every other transaction that serializes on ``key``; held to COMMIT."""
    _require_transaction("serialize")
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_number(key)])


def try_serialize(key: str) -> bool:
    """Tell at once whether this transaction got ``key``; if so, hold it to COMMIT."""
    _require_transaction("try_serialize")
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_number(key)])
        (got,) = cursor.fetchone()
        return bool(got)


def lock_number(key: str) -> int:
    """Return the number PostgreSQL locks for ``key``: 64 bits of its digest."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], signed=True)


def _require_transaction(verb: str) -> None:
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError(
            f"claims.{verb}() means nothing outside a transaction."
        )
