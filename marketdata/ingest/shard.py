"""One stream shard as its single owner holds it: place, clock, builders, refusals."""

import time
from collections import Counter
from dataclasses import dataclass

import msgspec

from marketdata import ticks
from marketdata.bars import LEAD_S, Bar, BarBuilder, Series, time_of
from marketdata.ingest.clock import StreamClock
from marketdata.ingest.counting import count
from marketdata.ingest.directory import Directory, Key, key_of
from marketdata.ingest.quarantine import Quarantine
from marketdata.ingest.streams import (
    BEGINNING,
    Entry,
    Look,
    Loss,
    Place,
    reconcile,
)
from marketdata.models import Instrument
from marketdata.ticks import Refusal, Tick
from tradingsite.claims import Lease

TICKS = b"d"
HEARTBEAT = b"h"
# How the JSON of one tick begins, where that of an array does otherwise.
OBJECT = b"{"


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time whose ticks were lost before they were read."""

    reason: str
    entries: int | None
    from_at: float
    to_at: float


@dataclass(slots=True)
class Memory:
    """What is read back from the database when a shard is taken over."""

    place: Place | None
    clock_at: float | None
    last_tick_at: float | None
    counters: dict[str, int]
    # The newest bar of an instrument, and until when history filled what follows it.
    bars: dict[int, tuple[Bar, float]]


class Shard:
    """Takes the entries of one shard and turns them into changed bars.

    Nothing here waits or writes: the ingestor reads the entries and flushes what
    changed.
    """

    def __init__(
        self, key: str, number: int, lease: Lease, directory: Directory, memory: Memory
    ) -> None:
        self.key = key
        self.number = number
        self.lease = lease
        self.builder = BarBuilder()
        self.quarantine = Quarantine()
        self.counters = Counter(memory.counters)
        self.place = memory.place
        self.last_tick_at = memory.last_tick_at
        self.look = Look("")
        self.gaps: list[Gap] = []
        self.has_moved = False
        self.misses_instruments = False
        self._losses: list[tuple[Loss, float | None]] = []
        self._sure_at = memory.last_tick_at
        self._gap_at = 0.0
        self._clock = StreamClock(memory.clock_at)
        self._directory = directory
        self._restored = memory.bars
        self._series: dict[int, Series] = {}
        self._known: dict[Key, Series] = {}
        self._entry_id = b""

    @property
    def clock_at(self) -> float | None:
        return self._clock.beat_at

    def now(self) -> float:
        return self._clock.now()

    @property
    def is_settled(self) -> bool:
        """Tell whether every loss has its gap: before that our place must not move."""
        return not self._losses

    @property
    def lag_s(self) -> float:
        """Return how much older our place is than the newest entry."""
        if self.place is None or self.place.ordinal >= self.look.added:
            return 0.0
        ours, _, _ = self.place.entry_id.partition(b"-")
        newest, _, _ = self.look.last_id.partition(b"-")
        return max(0.0, (int(newest) - int(ours)) / 1000) if int(ours) else 0.0

    @property
    def lag_entries(self) -> int:
        return max(0, self.look.added - self.place.ordinal) if self.place else 0

    @property
    def after(self) -> bytes:
        """Return the entry after which we read on."""
        return self.place.entry_id if self.place else BEGINNING

    def compare(self, look: Look) -> bool:
        """Find out what was lost after our place; tell whether we read on from it."""
        self.look = look
        after = self.after
        place, loss = reconcile(self.place, look)
        if place != self.place:
            self.place = place
            self.has_moved = True
        if loss is not None:
            self._losses.append((loss, self._begun(loss)))
            self.counters["gaps"] += 1
        if place.entry_id == look.last_id:
            self._sure_at = self.last_tick_at
        return place.entry_id == after

    def _begun(self, loss: Loss) -> float | None:
        """Return the time of the last tick that was surely read before ``loss``."""
        last_at = self._sure_at if loss.is_overdue else self.last_tick_at
        return last_at or self.last_tick_at or self.clock_at

    def rebind(self) -> None:
        """Ask the directory again who is who; bars in progress go on."""
        self._known.clear()
        for series in self._series.values():
            instrument = self._directory.instruments.get(series.instrument_id)
            if instrument is not None:
                series.trading_day = self._directory.trading_day_of(instrument)
                series.is_option = series.instrument_id in self._directory.contracts

    def take(self, entries: list[Entry]) -> None:
        """Count the ticks of ``entries``, in their order."""
        assert self.place is not None
        begun = 0
        for number, (_, fields) in enumerate(entries):
            if fields[0] == TICKS and fields[1][:1] == OBJECT and len(fields) == 2:
                continue
            self._take_run(entries[begun:number])
            self._take_other(*entries[number])
            begun = number + 1
        self._take_run(entries[begun:])
        self.place = Place(
            self.place.epoch, entries[-1][0], self.place.ordinal + len(entries)
        )
        self.counters["entries"] += len(entries)
        self.has_moved = True

    def _take_run(self, run: list[Entry]) -> None:
        """Count entries of one tick each, decoded in one go."""
        if not run:
            return
        self._entry_id = run[-1][0]
        found = ticks.decode_run([fields[1] for _, fields in run])
        if found is not None:
            self._count(found)
            return
        for self._entry_id, fields in run:
            self._sift(fields[1])

    def _take_other(self, entry_id: bytes, fields: list[bytes]) -> None:
        self._entry_id = entry_id
        name, body = fields if len(fields) == 2 else (b"", b"")
        if name == TICKS and body:
            self._take_array(body)
        elif name == HEARTBEAT:
            self._beat(body)
        else:
            self._refuse(Refusal("not_a_tick", "unknown entry", b" ".join(fields)))

    def _take_array(self, body: bytes) -> None:
        found = ticks.decode_array(body)
        if found is None:
            self._sift(body)
        else:
            self._count(found)

    def _sift(self, body: bytes) -> None:
        accepted, refused = ticks.sift(body)
        for refusal in refused:
            self._refuse(refusal)
        self._count(accepted)

    def _count(self, found: list[Tick]) -> None:
        if not found:
            return
        if self._losses:
            self._settle_losses(time_of(found[0]))
        self.counters["ticks"] += len(found)
        count(
            self.builder, self._known, found, self._clock.now() + LEAD_S, self._unusual
        )
        self.last_tick_at = time_of(found[-1]) or self.last_tick_at

    def _beat(self, body: bytes) -> None:
        try:
            at = float(body)
        except ValueError:
            at = 0.0
        if not ticks.FIRST_SECOND <= at < ticks.LAST_SECOND:
            self._refuse(Refusal("bad_heartbeat", "not a time", body))
            return
        self._clock.beat(at)
        if self._losses:
            self._settle_losses(at)

    def _settle_losses(self, until: float) -> None:
        """Give lost entries the time they span, now that it goes on."""
        if until <= 0:
            return
        for loss, begun in self._losses:
            first, last = sorted((begun or until, until))
            self.gaps.append(Gap(loss.reason, loss.entries, first, last))
        self._losses = []
        self._gap_at = until
        for series in self._series.values():
            series.gap_at = until

    def _unusual(self, tick: Tick) -> None:
        """Deal with a tick that the hot loop does not know what to do with."""
        reason = "mock" if tick.is_mock else ticks.why_unusable(tick)
        if not reason and time_of(tick) > self._clock.now() + LEAD_S:
            reason = "future"
        series = None if reason else self._series_of(tick)
        if series is None:
            payload = msgspec.json.encode(tick)
            self._refuse(Refusal(reason or "unknown_instrument", "", payload))
        else:
            self.builder.add(series, tick)

    def _series_of(self, tick: Tick) -> Series | None:
        instrument = self._directory.find(tick)
        if instrument is None:
            self.misses_instruments = True
            return None
        series = self._series.get(instrument.id)
        if series is None:
            series = self._series[instrument.id] = self._begun_series(instrument)
        self._known.setdefault(key_of(tick), series)
        return series

    def _begun_series(self, instrument: Instrument) -> Series:
        series = Series(
            instrument.id,
            instrument.exchange_id,
            self._directory.trading_day_of(instrument),
            is_option=instrument.id in self._directory.contracts,
            gap_at=self._gap_at,
        )
        bar, filled_until = self._restored.pop(instrument.id, (None, 0.0))
        if bar is not None:
            self.builder.restore(series, bar)
            series.gap_at = max(self._gap_at, filled_until)
        return series

    def _refuse(self, refusal: Refusal) -> None:
        self.quarantine.add(refusal, self._entry_id, time.time())
        self.counters["refused"] += 1
        self.counters[f"refused_{refusal.reason}"] += 1
