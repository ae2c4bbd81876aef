"""The database that pytest-django made, also as another process reaches it."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg.errors import DeadlockDetected, LockNotAvailable

FLUSHES = 5
# Then somebody holds a lock who should have ended: who, is worth more than waiting.
LOCKED_FOR = "30s"
HOLDERS = """
SELECT pid, application_name, state, xact_start, left(query, 200)
  FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid()
   AND state <> 'idle'
"""


def url_of_test_database() -> str:
    name = connection.settings_dict["NAME"]
    return urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl()


def flush_again_after_deadlocks(patch: pytest.MonkeyPatch) -> None:
    """Empty the tables again where a site that still reads was in the way.

    TRUNCATE locks table after table, and so does a query that joins: of two that wait
    for each other PostgreSQL ends one, which may be ours.
    """
    flush_once = DatabaseOperations.execute_sql_flush
    set_limit, no_limit = f"SET lock_timeout = '{LOCKED_FOR}'", "RESET lock_timeout"

    def flush(operations: DatabaseOperations, sql_list: Any) -> None:
        for left in reversed(range(FLUSHES)):
            try:
                return flush_once(operations, [set_limit, *sql_list, no_limit])
            except OperationalError as error:
                if left and isinstance(error.__cause__, DeadlockDetected):
                    continue
                if isinstance(error.__cause__, LockNotAvailable):
                    error.add_note(f"Tables are held by {holders()}")
                raise
        return None

    patch.setattr(DatabaseOperations, "execute_sql_flush", flush)


def holders() -> list[tuple[Any, ...]]:
    """Return who else does something in this database, and since when."""
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS)
        return list(cursor)
