"""Makes sure that the month of a bar has its partition, before the bar is written.

The role that serves may not create tables; the database function may (docs,
decision 4).
"""

import datetime
from collections.abc import Iterable

from django.db import connection

TABLES = ("minute_bars", "fo_option_strike_bars")


def month_of(opened_at: datetime.datetime) -> datetime.date:
    """Return the first day of the UTC month in which ``opened_at`` falls."""
    return opened_at.astimezone(datetime.UTC).date().replace(day=1)


def ensure(table: str, months: Iterable[datetime.date]) -> None:
    """Make the partitions of ``table`` that cover ``months``, where missing."""
    with connection.cursor() as cursor:
        for month in sorted(set(months)):
            cursor.execute("SELECT ensure_partition(%s, %s)", [table, month])
