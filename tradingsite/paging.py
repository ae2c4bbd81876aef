"""Pages of big tables: nothing is counted that PostgreSQL already knows to be much.

``BoundedPaginator`` lists the first ``MOST_LISTED`` rows. Whether there are that many
is asked of the planner's estimate; only a small or a filtered table is counted, and no
further than anybody pages.
"""

from typing import Any

from django.core.paginator import Paginator
from django.db import connections
from django.db.models import QuerySet
from django.utils.functional import cached_property

MOST_LISTED = 10_000

# Partitions count for their parent, which has no rows of its own.
ESTIMATE = """
WITH RECURSIVE parts AS (
    SELECT %s::regclass::oid AS oid
    UNION ALL
    SELECT inhrelid FROM pg_inherits JOIN parts ON inhparent = parts.oid
)
SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint
FROM pg_class JOIN parts USING (oid)
"""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of a big table, to as far as anybody pages."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        if not rows.query.where and estimated(rows) >= MOST_LISTED:
            return MOST_LISTED
        return rows.order_by()[:MOST_LISTED].count()


def estimated(rows: QuerySet[Any]) -> int:
    """Return how many rows the table of ``rows`` has, as it was last analysed."""
    table = connections[rows.db].ops.quote_name(rows.model._meta.db_table)
    with connections[rows.db].cursor() as cursor:
        cursor.execute(ESTIMATE, [table])
        return int(cursor.fetchone()[0])
