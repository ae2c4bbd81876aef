"""Bars as they are sent: six columns of JSON numbers that are cut and joined as bytes.

Pure. The numbers are those that PostgreSQL wrote; nothing here reads a price, and a
time only where a column is cut.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

COLUMNS = 6
# What a fragment costs beside its columns, in bytes: objects and their keys.
OVERHEAD = 600
_PACKED_BY = b"\n"


@dataclass(frozen=True, slots=True)
class Fragment:
    """Bars, oldest first: times, open, high, low, close and volume, comma-separated."""

    count: int
    first_at: int
    last_at: int
    columns: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return OVERHEAD + sum(map(len, self.columns))


EMPTY = Fragment(0, 0, 0, (b"",) * COLUMNS)


def made_of(columns: Sequence[bytes]) -> Fragment:
    """Return the fragment of these columns."""
    times = columns[0]
    if not times:
        return EMPTY
    first, last = times.partition(b",")[0], times.rpartition(b",")[2]
    return Fragment(times.count(b",") + 1, int(first), int(last), tuple(columns))


def packed(fragment: Fragment) -> bytes:
    return _PACKED_BY.join(fragment.columns)


def unpacked(text: bytes) -> Fragment:
    """Return the fragment that ``packed`` wrote; raise ValueError for anything else."""
    columns = text.split(_PACKED_BY)
    if len(columns) != COLUMNS:
        raise ValueError("These are not six columns.")
    return made_of(columns)


def within(fragment: Fragment, start: int, end: int) -> Fragment:
    """Return the bars with ``start <= t < end``."""
    if not fragment.count or (fragment.first_at >= start and fragment.last_at < end):
        return fragment
    if fragment.last_at < start or fragment.first_at >= end:
        return EMPTY
    times = fragment.columns[0].split(b",")
    first = bisect_left(times, start, key=int)
    return _cut(fragment, first, bisect_left(times, end, key=int))


def newest(fragment: Fragment, count: int) -> Fragment:
    """Return the last ``count`` bars, or all there are."""
    if fragment.count <= count:
        return fragment
    return _cut(fragment, fragment.count - count, fragment.count)


def joined(fragments: Sequence[Fragment]) -> Fragment:
    """Return the bars of fragments that follow one another, oldest first."""
    filled = [fragment for fragment in fragments if fragment.count]
    if len(filled) < 2:
        return filled[0] if filled else EMPTY
    return Fragment(
        sum(fragment.count for fragment in filled),
        filled[0].first_at,
        filled[-1].last_at,
        tuple(map(b",".join, zip(*(each.columns for each in filled), strict=True))),
    )


def split(fragment: Fragment, edges: Sequence[int]) -> list[Fragment]:
    """Return the bars of each span between two ``edges``, which hold them all."""
    if not fragment.count:
        return [EMPTY] * (len(edges) - 1)
    columns = [column.split(b",") for column in fragment.columns]
    places = [bisect_left(columns[0], edge, key=int) for edge in edges]
    return [
        made_of([b",".join(column[first:last]) for column in columns])
        for first, last in pairwise(places)
    ]


def body(fragment: Fragment) -> bytes:
    """Return the answer of the chart's protocol."""
    return b'{"s":"ok","t":[%b],"o":[%b],"h":[%b],"l":[%b],"c":[%b],"v":[%b]}' % (
        fragment.columns
    )


def _cut(fragment: Fragment, first: int, last: int) -> Fragment:
    if first >= last:
        return EMPTY
    return made_of(
        [b",".join(column.split(b",")[first:last]) for column in fragment.columns]
    )
