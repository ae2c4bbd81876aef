"""What changed in the bars, the calendar or the instruments since one last looked.

One statement on one snapshot. A change is told by the transaction it was made in,
and a look asks for all transactions that the look before could not see the end of.
So none is missed, however long it took to commit, and Redis has no part in it.
"""

from dataclasses import dataclass

from django.db import connection

# More than so many days at once, and everything is forgotten instead.
MOST_CHANGES = 5000
_LOOK = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text,
       (SELECT version FROM market_versions WHERE name = 'epoch'),
       (SELECT version FROM market_versions WHERE name = 'instruments'),
       (SELECT version FROM market_versions WHERE name = 'calendar'),
       (SELECT array_agg(ARRAY[instrument_id, day - DATE '0001-01-01' + 1, version])
          FROM (SELECT * FROM bar_days WHERE changed_in >= %s::xid8 LIMIT %s) new)
"""
_NAME_EPOCH = """
INSERT INTO market_versions (name, version)
VALUES ('epoch', (random() * 9007199254740991)::bigint) ON CONFLICT (name) DO NOTHING
"""
# Greater than any transaction there is: who knows nothing has nothing to forget.
NOTHING_YET = str(2**63)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look saw; ``changes`` are (instrument, day, version), days as ordinals."""

    xmin: str
    epoch: int
    instruments: int
    calendar: int
    changes: frozenset[tuple[int, int, int]]

    @property
    def is_whole(self) -> bool:
        """Tell whether all changes are named."""
        return len(self.changes) <= MOST_CHANGES


def look(since: str = NOTHING_YET) -> Seen:
    """Return what changed in transactions from ``since``, the ``xmin`` of a look."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, [since, MOST_CHANGES + 1])
        xmin, epoch, instruments, calendar, changes = cursor.fetchone()
        if epoch is None:
            # A database that was emptied is another one to who remembers keys of it.
            cursor.execute(_NAME_EPOCH)
            return look(since)
    return Seen(
        xmin,
        epoch,
        instruments or 0,
        calendar or 0,
        frozenset(map(tuple, changes or ())),
    )
