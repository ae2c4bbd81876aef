"""One-minute candles of what was streamed, kept as plain numbers."""

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from marketdata.simulator.ticks import Tick

MINUTE_S = 60
_MOST_MINUTES = 720


class Candle(NamedTuple):
    """What a contract did in a minute; ``volume`` is of the minute alone."""

    opened_at: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    open_interest: int


_WIDTH = len(Candle._fields)


class _OpenCandle:
    """The minute that is being traded."""

    def __init__(self, tick: Tick, base_volume: int) -> None:
        self.opened_at = int(tick.at // MINUTE_S) * MINUTE_S
        self.open = self.high = self.low = self.close = tick.price
        self.base_volume, self.volume = base_volume, tick.volume
        self.open_interest = tick.open_interest

    def add(self, tick: Tick) -> None:
        self.high = max(self.high, tick.price)
        self.low = min(self.low, tick.price)
        self.close = tick.price
        if tick.volume < self.volume:  # a new day began to count
            self.base_volume = 0
        self.volume = tick.volume
        self.open_interest = tick.open_interest

    def values(self) -> Candle:
        return Candle(
            self.opened_at,
            self.open,
            self.high,
            self.low,
            self.close,
            self.volume - self.base_volume,
            self.open_interest,
        )


class CandleBook:
    """Closed minutes per contract, the newest ``_MOST_MINUTES`` of them."""

    def __init__(self, most_minutes: int = _MOST_MINUTES) -> None:
        self._minutes: dict[int, None] = {}
        self._most = most_minutes * _WIDTH
        self._open: dict[int, _OpenCandle] = {}
        self._closed: dict[int, array[float]] = {}
        self._last: dict[int, Tick] = {}

    def add(self, tick: Tick) -> None:
        self._minutes[int(tick.at // MINUTE_S)] = None
        token = tick.contract.token
        candle = self._open.get(token)
        if candle is not None and tick.at < candle.opened_at + MINUTE_S:
            candle.add(tick)
        else:
            self._open[token] = self._opened(tick, candle)
        self._last[token] = tick

    def _opened(self, tick: Tick, before: _OpenCandle | None) -> _OpenCandle:
        if before is None:
            return _OpenCandle(tick, tick.volume)
        closed = self._closed.setdefault(tick.contract.token, array("d"))
        closed.extend(before.values())
        if len(closed) > self._most:
            del closed[: len(closed) - self._most]
        is_new_day = tick.volume < before.volume
        return _OpenCandle(tick, 0 if is_new_day else before.volume)

    def was_streamed(self, opened_at: float) -> bool:
        """Say whether this whole minute was on the stream, and is still kept."""
        number = int(opened_at // MINUTE_S)
        first = next(iter(self._minutes), number)
        oldest = next(reversed(self._minutes), number) - self._most // _WIDTH
        return number in self._minutes and number > max(first, oldest)

    def last(self, token: int) -> Tick | None:
        return self._last.get(token)

    def between(self, token: int, start: float, end: float) -> Iterator[Candle]:
        """Give the closed minutes that opened from ``start`` to ``end``, both meant."""
        closed = self._closed.get(token, array("d"))
        for place in range(0, len(closed), _WIDTH):
            if start <= closed[place] <= end:
                yield _candle(closed[place : place + _WIDTH])
        candle = self._open.get(token)
        if candle is not None and start <= candle.opened_at <= end:
            yield candle.values()


def _candle(row: "array[float]") -> Candle:
    opened_at, opening, high, low, close, volume, interest = row
    return Candle(int(opened_at), opening, high, low, close, int(volume), int(interest))
