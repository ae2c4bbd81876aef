"""The loop that makes ticks when they are due and hands them to the streams."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from marketdata.simulator.clock import StreamClock
from marketdata.simulator.entries import EntryWriter
from marketdata.simulator.streams import Delivery
from marketdata.simulator.ticks import Feed, Tick

logger = logging.getLogger(__name__)

_FLUSH_S = 0.1
_TICKS_A_TURN = 500
_BEAT_S = 0.5
_PROGRESS_S = 10.0
_FURTHEST_BEHIND_S = 10.0
_CLOSING_S = 120.0
_LAST_TRY_S = 5.0


@dataclass(slots=True)
class Progress:
    """How far the stream has come."""

    made: int = 0
    skipped: int = 0
    stream_at: float = 0.0
    is_finished: bool = False


class Publisher:
    """One feed, played to one delivery by one clock."""

    def __init__(
        self,
        feed: Feed,
        clock: StreamClock,
        delivery: Delivery,
        writer: EntryWriter,
        max_ticks: int | None = None,
    ) -> None:
        self.progress = Progress(stream_at=feed.opened_at)
        self.delivery = delivery
        self._feed, self._clock, self._writer = feed, clock, writer
        self._left: float = math.inf if max_ticks is None else max_ticks
        self._listeners: list[Callable[[Tick], None]] = []
        self._beaten_at = self._told_at = time.monotonic()

    def listen(self, listener: Callable[[Tick], None]) -> None:
        """Show every tick to ``listener``, whether the stream takes it or not."""
        self._listeners.append(listener)

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until the feed ends, the ticks are counted out, or we are told."""
        while not stopping.is_set() and not self.progress.is_finished:
            is_behind = self._produce()
            await self.delivery.flush()
            self._tell()
            await self._rest(stopping, is_behind=is_behind)
        await self._drain()

    async def _rest(self, stopping: asyncio.Event, *, is_behind: bool) -> None:
        if is_behind and self.delivery.is_empty:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(stopping.wait(), _FLUSH_S)
        except TimeoutError:
            return

    async def _drain(self) -> None:
        deadline = time.monotonic() + _LAST_TRY_S
        while not self.delivery.is_empty and time.monotonic() < deadline:
            await self.delivery.flush()
            await asyncio.sleep(_FLUSH_S / 10)

    def _produce(self) -> bool:
        """Make the ticks that are due; say whether more are due already."""
        if self.delivery.is_full and self._clock.speed == 0:
            return False
        until = self._clock.now()
        self._catch_up(until)
        wanted = int(min(_TICKS_A_TURN, self._left))
        made = self._feed.take(until, wanted)
        self._writer.written(made, self.delivery.add)
        for tick in made:
            for listener in self._listeners:
                listener(tick)
        self._count(made, until)
        self.delivery.drop_oldest()
        return len(made) == wanted and not self.progress.is_finished

    def _catch_up(self, until: float) -> None:
        """Leave out what a stopped machine would otherwise have to play at once."""
        if until < math.inf:
            behind = _FURTHEST_BEHIND_S * max(self._clock.speed, 1.0)
            self.progress.skipped += self._feed.skip(until - behind)

    def _count(self, made: list[Tick], until: float) -> None:
        progress = self.progress
        progress.made += len(made)
        self._left -= len(made)
        if made:
            progress.stream_at = made[-1].at
        if len(made) < _TICKS_A_TURN and until < math.inf:
            progress.stream_at = max(progress.stream_at, until)
        progress.is_finished = self._left <= 0 or self._feed.is_exhausted
        self._beat()

    def _beat(self) -> None:
        if self.progress.is_finished:
            # One more, late enough that every open bar closes.
            self._writer.beat(self.progress.stream_at + _CLOSING_S, self.delivery.add)
        elif time.monotonic() - self._beaten_at >= _BEAT_S:
            self._writer.beat(self.progress.stream_at, self.delivery.add)
            self._beaten_at = time.monotonic()

    def _tell(self) -> None:
        if time.monotonic() - self._told_at < _PROGRESS_S:
            return
        self._told_at = time.monotonic()
        counts = self.delivery.counts
        logger.info(
            "%d ticks made, %d accepted, %d lost, %d failures",
            self.progress.made,
            counts.accepted,
            counts.lost,
            counts.failures,
        )
