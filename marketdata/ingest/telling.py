"""Telling prices between two flushes, while there is time for it.

A flush waits for half a second of ticks, a screen should not. So every few
milliseconds the prices that moved are published; what was not told because the
ingestor is behind comes with the flush.
"""

import time
from collections.abc import Iterable

from marketdata import quotes
from marketdata.bars import Bar, BarBuilder

TELL_EVERY_S = 0.02
Mark = tuple[float, float, int | None, int | None]


class Teller:
    """Knows what was told of each instrument."""

    def __init__(self, every_s: float = TELL_EVERY_S) -> None:
        self._every_s = every_s
        self._told: dict[int, Mark] = {}
        self._next_at = 0.0

    def tell(self, builders: Iterable[BarBuilder], *, is_behind: bool) -> None:
        """Publish the prices that moved, if it is time and nothing waits to be read."""
        now = time.monotonic()
        if is_behind or now < self._next_at:
            return
        self._next_at = now + self._every_s
        quotes.tell(self._news(builders))

    def _news(self, builders: Iterable[BarBuilder]) -> list[Bar]:
        news: dict[int, Bar] = {}
        for builder in builders:
            for bar in builder.changed:
                mark = (bar.last_at, bar.close, bar.last_volume, bar.open_interest)
                told = self._told.get(bar.instrument_id)
                # An older minute of a series that has gone on has no news.
                if told is None or (mark != told and bar.last_at >= told[0]):
                    self._told[bar.instrument_id] = mark
                    news[bar.instrument_id] = bar
        return list(news.values())
