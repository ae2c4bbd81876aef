"""Late ticks: correcting bars that have left memory, and the ones after them.

A bar's volume begins where the bar before it ended. So a tick that changes the end
of one bar changes the volume of the next, and the next one may still be in memory.
"""

from collections.abc import Iterable
from typing import Any

import psycopg

from marketdata.bars import (
    Bar,
    Late,
    Series,
    base_of,
    begin,
    merge,
    note_last,
)
from marketdata.ingest.store import Store


class Correction:
    """The bars of one series around its late ticks."""

    def __init__(self, series: Series) -> None:
        self._series = series
        self._bars: dict[int, Bar] = {}
        # Minutes that history or a file has filled: complete without us.
        self._foreign: set[int] = set()
        self._touched: set[int] = set()
        self.ignored = 0

    def know(self, bar: Bar, *, is_ours: bool) -> None:
        """Take a stored bar, or the one in memory where that is the same minute."""
        current = self._series.bar
        self._bars[bar.opened_at] = (
            current if bar.opened_at == current.opened_at else bar
        )
        if not is_ours:
            self._foreign.add(bar.opened_at)

    def put(self, late: Late) -> None:
        opened_at = late.opened_at
        if opened_at in self._foreign:
            self.ignored += 1
            return
        self._touched.add(opened_at)
        bar = self._bars.get(opened_at)
        if bar is None:
            bar = begin(self._series.instrument_id, late.tick)
            self._bars[opened_at] = bar
            is_last = True
        else:
            is_last = merge(bar, late.tick)
        if is_last:
            note_last(self._series, bar, late.tick)

    def settled(self) -> list[Bar]:
        """Return the bars to write: those touched, and successors whose base moved."""
        written: list[Bar] = []
        before: Bar | None = None
        for opened_at, bar in sorted(self._bars.items()):
            if opened_at not in self._foreign and self._rebased(bar, before):
                written.append(bar)
            before = bar
        return written

    def _rebased(self, bar: Bar, before: Bar | None) -> bool:
        is_touched = bar.opened_at in self._touched
        follows = before is not None and before.opened_at in self._touched
        if not is_touched and not follows:
            return False
        base = base_of(bar, self._series.trading_day(bar.opened_at), before)
        has_moved = base != bar.base_volume
        bar.base_volume = base
        return is_touched or has_moved


def correct(
    store: Store, cursor: psycopg.Cursor[Any], late: Iterable[Late]
) -> tuple[list[Bar], int]:
    """Return the bars that late ticks change, and how many ticks changed nothing.

    Runs in the transaction that writes, after the newer bars are in it.
    """
    corrections: dict[int, Correction] = {}
    spans: dict[int, tuple[int, int]] = {}
    late = list(late)
    for item in late:
        instrument_id, at = item.series.instrument_id, item.opened_at
        corrections.setdefault(instrument_id, Correction(item.series))
        first, last = spans.get(instrument_id, (at, at))
        spans[instrument_id] = (min(first, at), max(last, at))
    if not corrections:
        return [], 0
    wanted = [(key, first, last) for key, (first, last) in sorted(spans.items())]
    for bar, is_ours in store.neighbors(cursor, wanted):
        corrections[bar.instrument_id].know(bar, is_ours=is_ours)
    for item in late:
        corrections[item.series.instrument_id].put(item)
    changed = [bar for each in corrections.values() for bar in each.settled()]
    return changed, sum(each.ignored for each in corrections.values())
