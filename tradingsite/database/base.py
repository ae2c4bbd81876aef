"""Django's PostgreSQL engine with two watchers on every statement, in every process.

They are installed with the connection, so no process and no thread is forgotten.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base as postgresql

from tradingsite import deadline, metrics

logger = logging.getLogger(__name__)

LOGGED_SQL_LENGTH = 2000
# So long a request may rely on the time limit that its connection began with.
YOUNG_S = 1.0

HAS_TIMESCALE = """
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
    OR EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')
"""
SAVEPOINT_WORDS = ("SAVEPOINT", "ROLLBACK TO", "RELEASE")

Run = Callable[[Any, Any, bool, dict[str, Any]], Any]


def log_if_slow(
    run: Run,
    sql: Any,
    params: Any,
    many: bool,  # noqa: FBT001 - Django's signature
    context: dict[str, Any],
) -> Any:
    """Log a statement that took longer than SLOW_QUERY_S, without its parameters."""
    started_at = time.perf_counter()
    try:
        return run(sql, params, many, context)
    finally:
        took_s = time.perf_counter() - started_at
        if took_s > settings.SLOW_QUERY_S:
            metrics.current().slow_queries.inc()
            logger.warning(
                "Slow query: %.0f ms.",
                took_s * 1000,
                extra={
                    "sql": str(sql)[:LOGGED_SQL_LENGTH],
                    "duration_ms": round(took_s * 1000),
                    "database": context["connection"].alias,
                },
            )


def keep_deadline(
    run: Run,
    sql: Any,
    params: Any,
    many: bool,  # noqa: FBT001 - Django's signature
    context: dict[str, Any],
) -> Any:
    """Let no statement outlive the request that waits for it.

    ``SET LOCAL`` travels in the same message as the statement: PostgreSQL takes the
    two as one transaction, so nothing of it is left on the connection, which may
    be another's the next moment (a pool, PgBouncer).
    """
    left_s = deadline.remaining()
    limit_s = context["connection"].settings_dict.get("STATEMENT_TIMEOUT_S", 0)
    is_covered = left_s is not None and 0 < limit_s <= left_s + YOUNG_S
    if left_s is None or is_covered or many or not is_work(sql):
        return run(sql, params, many, context)
    if left_s <= 0:
        raise deadline.DeadlineExceeded
    left_ms = max(1, int(left_s * 1000))
    limited = f"SET LOCAL statement_timeout = {left_ms}; {sql}"
    answer = run(limited, params, many, context)
    # The first result is that of SET; the statement's own is the next.
    context["cursor"].nextset()
    return answer


def is_work(sql: Any) -> bool:
    """Tell work from the book-keeping of savepoints.

    That takes no time, must be done when the time is over, and in a failed
    transaction PostgreSQL takes nothing else: no SET before it.
    """
    return isinstance(sql, str) and not sql.startswith(SAVEPOINT_WORDS)


class DatabaseWrapper(postgresql.DatabaseWrapper):
    """A connection to PostgreSQL that is watched."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The first stands outermost: the log shows the SQL as it was written.
        self.execute_wrappers += [log_if_slow, keep_deadline]

    def prepare_database(self) -> None:
        """Say in a sentence that TimescaleDB is missing, before migrations need it."""
        super().prepare_database()
        if settings.DATABASE_ENGINE != "timescale":
            return
        with self.cursor() as cursor:
            cursor.execute(HAS_TIMESCALE)
            if not cursor.fetchone()[0]:
                raise ImproperlyConfigured(
                    "DATABASE_ENGINE=timescale, but this server has no TimescaleDB."
                )
