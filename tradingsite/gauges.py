"""What the ground floor reads of itself when Prometheus asks."""

from collections.abc import Iterator

from django.db import connection

from tradingsite import outbox as side_effects
from tradingsite import redis
from tradingsite.breaker import State
from tradingsite.metrics import Reading
from tradingsite.models import Process


def database_pool() -> Iterator[Reading]:
    """Yield how the pool of this process is doing; nothing where there is none."""
    pool = getattr(connection, "pool", None)
    for name, value in (pool.get_stats() if pool else {}).items():
        yield Reading(f"tradingsite_database_{name}", value, "Of the connection pool.")


def redis_breaker() -> Iterator[Reading]:
    """Yield whether Redis is being skipped."""
    is_skipped = redis.clients().breaker().state is not State.CLOSED
    yield Reading("tradingsite_redis_skipped", is_skipped, "1 while it is left alone.")


def outbox() -> Iterator[Reading]:
    """Yield how many messages wait, how long the oldest has, how many are dead."""
    backlog = side_effects.backlog()
    for name, value in backlog._asdict().items():
        yield Reading(f"tradingsite_outbox_{name}", value, "Of the outbox.")


def processes() -> Iterator[Reading]:
    """Yield whether each process runs and how often it was restarted."""
    for process in Process.objects.all():
        labels = (("name", process.name), ("kind", process.kind))
        is_up = process.status == Process.Status.RUNNING
        yield Reading("tradingsite_process_up", is_up, "1 when it runs.", labels)
        restarts = float(process.restarts)
        yield Reading("tradingsite_process_restarts", restarts, "Restarts.", labels)
