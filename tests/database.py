"""The database that pytest-django made, also as another process reaches it."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.backends.postgresql.operations import DatabaseOperations
from psycopg.errors import DeadlockDetected

FLUSHES = 5


def url_of_test_database() -> str:
    name = connection.settings_dict["NAME"]
    return urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl()


def flush_again_after_deadlocks(patch: pytest.MonkeyPatch) -> None:
    """Empty the tables again where a site that still reads was in the way.

    TRUNCATE locks table after table, and so does a query that joins: of two that wait
    for each other PostgreSQL ends one, which may be ours.
    """
    flush_once = DatabaseOperations.execute_sql_flush

    def flush(operations: DatabaseOperations, sql_list: Any) -> None:
        for left in reversed(range(FLUSHES)):
            try:
                return flush_once(operations, sql_list)
            except OperationalError as error:
                if not (left and isinstance(error.__cause__, DeadlockDetected)):
                    raise
        return None

    patch.setattr(DatabaseOperations, "execute_sql_flush", flush)
