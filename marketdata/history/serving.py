"""What one process knows of closed days, and how it puts an answer together.

Nothing here waits. Bars that are not at hand are asked for by a :class:`Need`: its
``fetch`` waits in a thread, and what it brought is taken in where everything else
happens, in the event loop. A change that is seen meanwhile makes it worthless, and
then it is not taken in.

A day is closed half an hour after its midnight: until then its bars may come without
a word, later only with a new version (two minutes after them). Of the open day the
bars older than half an hour are kept in the same way, and the rest is always asked
for: the open bar is never kept.
"""

from collections.abc import Callable
from typing import Any

from marketdata.history import fragments, stores
from marketdata.history.asking import (
    Changes,
    Fresh,
    Need,
    Opened,
    OutOfReach,
    Wanted,
)
from marketdata.history.charted import Charted, month_versions
from marketdata.history.fragments import EMPTY, Fragment
from marketdata.history.memory import Kept
from marketdata.history.stores import Shelf
from marketdata.history.watch import Seen
from marketdata.resolutions import RESOLUTIONS

MINUTE_S = 60
SETTLED_S = 30 * MINUTE_S
# An answer that would walk over more days than this is left to PostgreSQL.
MOST_DAYS = 1000
# The bars a market brings in a session, and how much sooner they may run out.
USUAL_MINUTES = 375
SPARE_DAYS = 3
DAYS_AT_ONCE = 400
CODES = tuple(known.code for known in RESOLUTIONS if known.is_intraday)

# Where an instrument's number stands for all of their names.
NAMES = 0

Key = tuple[int, str, int]


class Serving:
    """The fragments of one process; of the event loop only."""

    def __init__(self, capacity: int) -> None:
        self.days: Kept[Key, Fragment] = Kept(capacity)
        self.opened: Kept[tuple[int, str], Opened] = Kept(capacity // 8)
        self.seen: Seen | None = None
        self._changes = Changes()
        self._charts: dict[int, Charted] = {}

    # --- what changed ---------------------------------------------------------
    def take_look(self, seen: Seen) -> bool:
        """Forget what changed; tell whether instruments or everything did."""
        before, self.seen = self.seen, seen
        self._changes.looks += 1
        if before is None or not seen.is_whole or _is_elsewhere(before, seen):
            self.forget_all()
            return True
        for instrument_id, day, _ in seen.changes - before.changes:
            self._forget(instrument_id, day)
        if seen.instruments == before.instruments:
            return False
        self._charts.clear()
        self._changes.of[NAMES] = self._changes.looks
        return True

    def forget_all(self) -> None:
        self.days.clear()
        self.opened.clear()
        self._charts.clear()
        self._changes.of.clear()
        self._changes.of_all = self._changes.looks

    def _forget(self, instrument_id: int, day: int) -> None:
        self._changes.of[instrument_id] = self._changes.looks
        for code in CODES:
            # A long bar of the day before may reach into this one.
            self.days.drop((instrument_id, code, day - 1))
            self.days.drop((instrument_id, code, day))
            self.opened.drop((instrument_id, code))
        chart = self._charts.get(instrument_id)
        if chart is not None:
            chart.first_day = min(chart.first_day, day)
            chart.months = None

    @property
    def looks(self) -> int:
        return self._changes.looks

    def has_changed(self, instrument_id: int, *, since: int) -> bool:
        """Tell whether a look after the look ``since`` saw a change of it."""
        return self._changes.since(since, instrument_id)

    def know(self, chart: Charted) -> Charted:
        """Return the one chart of this instrument."""
        return self._charts.setdefault(chart.id, chart)

    def is_closed(self, chart: Charted, end: int, now: float) -> bool:
        """Tell whether all bars before ``end`` stand on days that are closed."""
        return end <= _opens(chart, now)

    # --- putting together -----------------------------------------------------
    def gather(self, wanted: Wanted, fresh: Fresh, now: float) -> Fragment | Need:
        """Return the bars, or what must be fetched first."""
        chart = wanted.charted
        opens = _opens(chart, now)
        parts: list[Fragment] = []
        if wanted.end > opens:
            newest = self._of_open_day(wanted, fresh, now)
            if isinstance(newest, Need):
                return newest
            parts.append(newest)
        last = chart.day_of(min(wanted.end, opens) - 1)
        return self._of_closed_days(wanted, last, parts)

    def _of_closed_days(
        self, wanted: Wanted, day: int, parts: list[Fragment]
    ) -> Fragment | Need:
        """Walk back from ``day`` until there are enough bars, or no more."""
        chart, code = wanted.charted, wanted.resolution.code
        left = wanted.limit - sum(part.count for part in parts)
        last = max(chart.day_of(wanted.start), chart.first_day)
        walked = 0
        while left > 0 and day >= last:
            found = self.days.get((chart.id, code, day))
            if found is None:
                return self._missing(wanted, range(last, day + 1), left, walked)
            if found.count:
                found = fragments.within(found, wanted.start, wanted.end)
                parts.append(fragments.newest(found, left))
                left -= found.count
            day -= 1
            walked += 1
            if walked > MOST_DAYS:
                raise OutOfReach
        return fragments.joined(parts[::-1])

    def _missing(self, wanted: Wanted, days: range, left: int, walked: int) -> Need:
        """Ask for as many of the last ``days`` as the rest will usually take."""
        chart, resolution = wanted.charted, wanted.resolution
        day = days[-1]
        a_day = max(1, USUAL_MINUTES // resolution.minutes)
        # Where little was found, it is looked for in ever longer strides.
        usual = max(left * 7 // (a_day * 5) + SPARE_DAYS, walked)
        first = max(days[0], day - min(usual, DAYS_AT_ONCE))
        while first < day and (chart.id, resolution.code, first) in self.days:
            first += 1
        seen = self.seen
        assert seen is not None
        shelf = Shelf(chart, resolution, seen.epoch, seen.calendar)
        if chart.months is None:
            return self._months(chart)
        return self.need(
            ("days", chart.id, resolution.code, first, day),
            lambda: stores.days(shelf, first, day),
            lambda found: self._put(chart.id, resolution.code, found),
            of=chart.id,
        )

    def _months(self, chart: Charted) -> Need:
        def take(months: dict[int, int]) -> None:
            chart.months = months

        return self.need(
            ("months", chart.id), lambda: month_versions(chart.id), take, of=chart.id
        )

    def _of_open_day(self, wanted: Wanted, fresh: Fresh, now: float) -> Fragment | Need:
        opened = fresh.opened or self._opened(wanted, now)
        if wanted.end > opened.cut and fresh.tail is None:
            return self._tail(wanted, opened, fresh)
        bars = fragments.joined([opened.bars, fresh.tail or EMPTY])
        if fresh.tail is not None:
            self._settle(wanted, fresh, bars, now)
        return fragments.newest(
            fragments.within(bars, wanted.start, wanted.end), wanted.limit
        )

    def _opened(self, wanted: Wanted, now: float) -> Opened:
        chart = wanted.charted
        opens = _opens(chart, now)
        day = chart.day_of(opens)
        known = self.opened.get((chart.id, wanted.resolution.code))
        return known if known and known.day == day else Opened(day, opens)

    def _tail(self, wanted: Wanted, opened: Opened, fresh: Fresh) -> Need:
        chart, resolution, look = wanted.charted, wanted.resolution, self._changes.looks

        def take(tail: Fragment) -> None:
            fresh.tail, fresh.opened, fresh.look = tail, opened, look

        return self.need(
            ("tail", chart.id, resolution.code, id(fresh)),
            lambda: stores.tail(chart, resolution, opened.cut),
            take,
            of=chart.id,
        )

    def _settle(self, wanted: Wanted, fresh: Fresh, bars: Fragment, now: float) -> None:
        """Keep the bars of the open day that are over for so long that they stay."""
        chart, resolution = wanted.charted, wanted.resolution
        settled = int(now) - SETTLED_S - resolution.minutes * MINUTE_S
        known = self._opened(wanted, now)
        is_due = settled - known.cut >= SETTLED_S
        is_its_end = fresh.opened is not None and fresh.opened.cut == known.cut
        has_changed = self._changes.since(fresh.look, chart.id)
        if not is_due or not is_its_end or has_changed:
            return
        opened = Opened(known.day, settled, fragments.within(bars, 0, settled))
        self.opened.put((chart.id, resolution.code), opened, opened.bars.size)

    def _put(self, instrument_id: int, code: str, found: dict[int, Fragment]) -> None:
        for day, fragment in found.items():
            self.days.put((instrument_id, code, day), fragment, fragment.size)

    def need(
        self,
        name: tuple[Any, ...],
        fetch: Callable[[], Any],
        take: Callable[[Any], None],
        *,
        of: int = NAMES,
    ) -> Need:
        """Return a need whose find is taken only if ``of`` has not changed since."""
        asked_at = self._changes.looks

        def take_if_unchanged(found: Any) -> None:
            if not self._changes.since(asked_at, of):
                take(found)

        return Need(name, fetch, take_if_unchanged)


def _opens(chart: Charted, now: float) -> int:
    """Return when the first day began that is not closed yet."""
    return chart.midnight(chart.day_of(int(now) - SETTLED_S))


def _is_elsewhere(before: Seen, seen: Seen) -> bool:
    """Tell whether names, sessions or the database itself are others now."""
    return (before.epoch, before.calendar) != (seen.epoch, seen.calendar)
