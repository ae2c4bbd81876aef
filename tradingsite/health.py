"""The parts of our health that belong to the ground floor.

An app adds its own function to ``settings.HEALTH_PARTS``: no arguments, a ``Part``
back, a few milliseconds, no secrets in the words. Trouble with PostgreSQL, Redis
or the network may simply be raised.
"""

from datetime import timedelta

from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F, Q
from django.utils import timezone

from tradingsite import outbox as side_effects
from tradingsite import redis as redis_clients
from tradingsite.models import Process
from tradingsite.readiness import Part, Status, critical

__all__ = ["Part", "Status", "critical"]

# The pool may be full of slow requests while PostgreSQL itself is well.
DIRECT = "direct"
OUTBOX_AGE_S = 60
# A process reports every few seconds; one that is alive but silent is frozen.
SILENCE = timedelta(seconds=60)
# A process that was started by hand and ended is no trouble for ever.
FORGOTTEN = timedelta(hours=1)


@critical
def database() -> Part:
    """Tell whether PostgreSQL answers, and whether our pool has room."""
    with connections[DIRECT].cursor() as cursor:
        cursor.execute("SELECT 1")
    pool = getattr(connections["default"], "pool", None)
    stats = pool.get_stats() if pool else {}
    waiting = stats.get("requests_waiting", 0)
    if waiting and stats["pool_size"] >= stats["pool_max"]:
        return Part("database", Status.DEGRADED, f"{waiting} wait for a connection.")
    return Part("database")


@critical
def migrations() -> Part:
    """Tell whether the tables are those that this code was written for."""
    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations or {}
    applied = MigrationRecorder(connections[DIRECT]).applied_migrations()
    if missing := len(known.keys() - applied.keys()):
        return Part("migrations", Status.DOWN, f"{missing} not applied.")
    return Part("migrations")


def redis() -> Part:
    """Tell whether Redis answers."""
    redis_clients.client().ping()
    return Part("redis")


def outbox() -> Part:
    """Tell whether side effects are delivered in time."""
    backlog = side_effects.backlog()
    if backlog.dead:
        return Part("outbox", Status.DEGRADED, f"{backlog.dead} given up.")
    if backlog.oldest_s > OUTBOX_AGE_S:
        waits = f"{backlog.pending} wait, the oldest for {backlog.oldest_s:.0f} s."
        return Part("outbox", Status.DEGRADED, waits)
    return Part("outbox")


def worker() -> Part:
    """Tell whether tasks are done: beat keeps sending one that proves it."""
    workers = Process.objects.filter(kind="worker", status=Process.Status.RUNNING)
    if not workers.exists():
        return Part("worker", Status.DEGRADED, "None runs.")
    since = (timezone.now() - SILENCE * 2).isoformat()
    if workers.filter(detail__probe_finished_at__gt=since).exists():
        return Part("worker")
    return Part("worker", Status.DEGRADED, "No task was finished for two minutes.")


def processes() -> Part:
    """Tell whether what should run does run and is not silent."""
    now = timezone.now()
    fallen = Q(status__in=[Process.Status.BACKING_OFF, Process.Status.FAILED])
    frozen = Q(status=Process.Status.RUNNING, reported_at__lt=now - SILENCE) & (
        Q(last_seen_at__gt=F("reported_at")) | Q(reported_at__gt=now - FORGOTTEN)
    )
    troubled = Process.objects.filter(fallen | frozen).order_by("name")
    if names := [f"{process.name} ({process.status})" for process in troubled]:
        return Part("processes", Status.DEGRADED, f"In trouble: {', '.join(names)}.")
    return Part("processes")
