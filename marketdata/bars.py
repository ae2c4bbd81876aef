"""One-minute bars from ticks: pure, with time handed in.

Each instrument has a :class:`Series` that holds the bar of its newest minute. A
tick of that minute changes the bar, wherever in the minute it belongs; a tick of a
newer minute begins the next bar; a tick of an older minute is *late* and handed
out, to be merged into the bar where that is kept (:func:`merge`).

A bar remembers time and day-cumulative volume of its first and last tick, so the
order in which ticks arrive does not matter; of two ticks of the same instant the
one that arrived first opens, the one that arrived last closes.

*Volume* is the day-cumulative volume at the end of the bar less that at its
beginning (``base_volume``): the end of the previous bar of the same day. The first
bar of a day has no previous one. When it is the bar in which the market opened, or
stands before, the day began at 0; otherwise what was traded before our first tick
is unknown, and counting begins at that tick. A counter that stands lower than at
the beginning of the bar began anew inside it, and all it shows is the bar's.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from marketdata.sessions import TradingDay
from marketdata.ticks import Tick

MINUTE_S = 60
# How long after its minute a bar is still expected to change.
LAG_S = 2.0
# How far a tick may be ahead of the clock.
LEAD_S = 2.0


@dataclass(slots=True)
class Bar:
    """The minute of one instrument that opened at the epoch second ``opened_at``."""

    instrument_id: int
    opened_at: int
    open: float
    high: float
    low: float
    close: float
    first_at: float
    last_at: float
    first_volume: int | None = None
    last_volume: int | None = None
    base_volume: int | None = None
    open_interest: int | None = None
    # Waiting to be written; announced as closed; known to rollups as still running:
    # the builder's notes.
    is_changed: bool = False
    is_closed: bool = False
    is_marked: bool = False
    option_tick: Tick | None = None
    depth_tick: Tick | None = None

    @property
    def volume(self) -> int:
        base = self.first_volume if self.base_volume is None else self.base_volume
        if self.last_volume is None or base is None:
            return 0
        if self.last_volume < base:
            return self.last_volume
        return self.last_volume - base


# Stands where an instrument has no bar yet.
NOTHING = Bar(0, -MINUTE_S, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(slots=True)
class Series:
    """What the builder keeps of one instrument."""

    instrument_id: int
    exchange: str
    trading_day: Callable[[float], TradingDay]
    is_option: bool = False
    bar: Bar = field(default_factory=lambda: NOTHING)
    # The minute of the bar, as floats: the loop compares them with every tick.
    begins_at: float = 0.0
    ends_at: float = 0.0
    # Until when ticks were lost: what was traded meanwhile belongs to no later bar.
    gap_at: float = 0.0
    day: TradingDay = TradingDay(0.0, 0.0, None)  # noqa: RUF009 - it is frozen

    def hold(self, bar: Bar) -> None:
        """Make ``bar`` that of the newest minute."""
        self.bar = bar
        self.begins_at = float(bar.opened_at)
        self.ends_at = float(bar.opened_at + MINUTE_S)


@dataclass(frozen=True, slots=True)
class Late:
    """A tick of a minute that its series has left behind."""

    series: Series
    tick: Tick

    @property
    def opened_at(self) -> int:
        return minute_of(time_of(self.tick))


@dataclass(slots=True)
class Drained:
    """What changed since the last drain."""

    bars: list[Bar]
    late: list[Late]


def price_of(tick: Tick) -> float:
    return tick.price or tick.last_price or tick.close


def time_of(tick: Tick) -> float:
    return tick.ts or tick.timestamp


def open_interest_of(tick: Tick) -> int | None:
    return tick.oi if tick.oi is not None else tick.open_interest


def minute_of(at: float) -> int:
    return int(at // MINUTE_S) * MINUTE_S


def begin(instrument_id: int, tick: Tick) -> Bar:
    """Return the bar of the minute of ``tick``, holding that tick only."""
    price, at = price_of(tick), time_of(tick)
    return Bar(
        instrument_id=instrument_id,
        opened_at=minute_of(at),
        open=price,
        high=price,
        low=price,
        close=price,
        first_at=at,
        last_at=at,
        first_volume=tick.volume,
        last_volume=tick.volume,
        open_interest=open_interest_of(tick),
    )


def merge(bar: Bar, tick: Tick) -> bool:
    """Put ``tick`` into the bar of its minute; tell whether it is the last one now."""
    price, at = price_of(tick), time_of(tick)
    if price > bar.high:
        bar.high = price
    elif price < bar.low:
        bar.low = price
    if at >= bar.last_at:
        bar.last_at, bar.close = at, price
        if tick.volume is not None:
            bar.last_volume = tick.volume
        oi = open_interest_of(tick)
        if oi is not None:
            bar.open_interest = oi
        return True
    if at < bar.first_at:
        bar.first_at, bar.open = at, price
        if tick.volume is not None:
            bar.first_volume = tick.volume
    return False


def base_of(bar: Bar, day: TradingDay, before: Bar | None) -> int | None:
    """Return the cumulative volume before ``bar``; None when its first tick tells."""
    if before is not None and before.opened_at >= day.begins_at:
        return before.last_volume
    if day.opens_at is not None and bar.opened_at <= day.opens_at:
        return 0
    return None


class BarBuilder:
    """Turns ticks into bars; one owner feeds it, drains it, and then writes.

    Draining hands over what changed and waits for nothing: there is no lock, and
    no moment in which the builder is half emptied.
    """

    def __init__(self) -> None:
        self._changed: list[Bar] = []
        self._late: list[Late] = []
        self._open: dict[int, Bar] = {}
        self._over: list[Bar] = []

    def add(self, series: Series, tick: Tick) -> None:
        """Count ``tick``, which is complete and not ahead of the clock.

        The ingestor's loop does what this does without the call for each tick;
        a test holds the two together.
        """
        bar = series.bar
        at = time_of(tick)
        if at < series.begins_at:
            self.postpone(series, tick)
            return
        if at >= series.ends_at:
            self.roll(series, tick)
            return
        if merge(bar, tick):
            note_last(series, bar, tick)
        if not bar.is_changed:
            self.touch(bar)

    def roll(self, series: Series, tick: Tick) -> None:
        """Begin the bar of a newer minute with its first tick."""
        before = series.bar
        bar = begin(series.instrument_id, tick)
        if bar.opened_at >= series.day.ends_at:
            series.day = series.trading_day(bar.opened_at)
        is_known = before is not NOTHING and before.last_at >= series.gap_at
        bar.base_volume = base_of(bar, series.day, before if is_known else None)
        note_last(series, bar, tick)
        series.hold(bar)
        self.touch(bar)
        if before is not NOTHING and not before.is_closed:
            self._over.append(before)
        self._open[bar.instrument_id] = bar

    def touch(self, bar: Bar) -> None:
        """Note that ``bar`` is to be written."""
        bar.is_changed = True
        self._changed.append(bar)

    def postpone(self, series: Series, tick: Tick) -> None:
        """Keep a late tick for the next drain."""
        self._late.append(Late(series, tick))

    def restore(self, series: Series, bar: Bar) -> None:
        """Take up a series where its last written bar left it."""
        series.hold(bar)
        series.day = series.trading_day(bar.opened_at)
        self._open[bar.instrument_id] = bar

    @property
    def pending(self) -> int:
        return len(self._changed) + len(self._late)

    @property
    def changed(self) -> Sequence[Bar]:
        """Return what the next drain will hand over; to look at, not to keep."""
        return self._changed

    def is_open(self, bar: Bar) -> bool:
        """Tell whether ``bar`` still grows; of what is closed, `close` told."""
        return self._open.get(bar.instrument_id) is bar

    def drain(self) -> Drained:
        """Hand over what changed since the last time."""
        drained = Drained(self._changed, self._late)
        self._changed, self._late = [], []
        for bar in drained.bars:
            bar.is_changed = False
        return drained

    def close(self, now: float) -> list[Bar]:
        """Return the bars whose minute is over at ``now``, each of them once."""
        limit = now - LAG_S - MINUTE_S
        over = [bar for bar in self._open.values() if bar.opened_at <= limit]
        for bar in over:
            del self._open[bar.instrument_id]
        closed, self._over = self._over + over, []
        for bar in closed:
            bar.is_closed = True
        return closed


def note_last(series: Series, bar: Bar, tick: Tick) -> None:
    """Keep the tick whose book, IV and greeks stand for the minute."""
    if tick.depth:
        bar.depth_tick = tick
    if series.is_option:
        bar.option_tick = tick


def rebuild(series: Series, ticks: Iterable[Tick]) -> list[Bar]:
    """Return the bars of one instrument from all its ticks, in any order."""
    bars: dict[int, Bar] = {}
    for tick in ticks:
        opened_at = minute_of(time_of(tick))
        if opened_at in bars:
            merge(bars[opened_at], tick)
        else:
            bars[opened_at] = begin(series.instrument_id, tick)
    before: Bar | None = None
    for _, bar in sorted(bars.items()):
        bar.base_volume = base_of(bar, series.trading_day(bar.opened_at), before)
        before = bar
    return [bar for _, bar in sorted(bars.items())]
