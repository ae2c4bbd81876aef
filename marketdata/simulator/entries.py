"""Stream entries: ticks gathered by shard, and heartbeats that carry the time.

A heartbeat stands in every shard before any tick that is more than a second ahead
of the last one, so a reader's clock is never behind the ticks it reads.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from marketdata.simulator.ticks import Tick

TICKS = b"d"
HEARTBEAT = b"h"
_MOST_TICKS = 100
_HEARTBEAT_S = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of one shard: some ticks, or a heartbeat."""

    shard: int
    field: bytes
    body: bytes
    ticks: tuple[Tick, ...] = ()


class EntryWriter:
    """Turns ticks in order of time into entries in order of time."""

    def __init__(self, shards: int, *, batch: int = _MOST_TICKS) -> None:
        self._shards, self._batch = shards, min(batch, _MOST_TICKS)
        self._open: list[list[Tick]] = [[] for _ in range(shards)]
        self._beat_at = float("-inf")

    def written(self, ticks: Iterable[Tick], emit: Callable[[Entry], None]) -> None:
        for tick in ticks:
            if tick.at >= self._beat_at + _HEARTBEAT_S:
                self.beat(tick.at, emit)
            # The low byte is the segment, the same for every option.
            shard = tick.contract.token // 256 % self._shards
            gathered = self._open[shard]
            gathered.append(tick)
            if len(gathered) >= self._batch:
                self._close(shard, emit)
        self._close_all(emit)

    def beat(self, at: float, emit: Callable[[Entry], None]) -> None:
        """Tell every shard the time, after what has been gathered so far."""
        self._close_all(emit)
        self._beat_at = at
        for shard in range(self._shards):
            emit(Entry(shard, HEARTBEAT, b"%.3f" % at))

    def _close_all(self, emit: Callable[[Entry], None]) -> None:
        for shard in range(self._shards):
            self._close(shard, emit)

    def _close(self, shard: int, emit: Callable[[Entry], None]) -> None:
        gathered = self._open[shard]
        if not gathered:
            return
        body = b",".join(tick.body for tick in gathered)
        if len(gathered) > 1:
            body = b"[" + body + b"]"
        emit(Entry(shard, TICKS, body, tuple(gathered)))
        self._open[shard] = []
