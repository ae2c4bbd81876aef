"""Comparing every derived bar with a plain rebuild from the minutes.

Bars that hold a dirty minute are passed over: they are due to be made again. The
tables move while they are read, so what differs is looked at once more before it is
called a difference.
"""

import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from marketdata.buckets import Key, Larger, Values, begins, joined_side, larger
from marketdata.calendars import calendars
from marketdata.models import (
    DirtyBucket,
    Instrument,
    IntradayBar,
    IntradayStrikeBar,
    LongerBar,
    LongerStrikeBar,
    MinuteBar,
    StrikeBar,
)
from marketdata.resolutions import RESOLUTIONS, Resolution
from marketdata.rollups.strikes import LAST_BY, SIDES
from marketdata.sessions import Calendar

LOOKS = 3
# What partitions can hold.
FIRST_ON = datetime.date(1990, 1, 1)
AFTER_ON = datetime.date(2101, 1, 1)
LARGER = tuple(one for one in RESOLUTIONS if one.minutes != 1)
FIELDS = ("open", "high", "low", "close", "volume", "open_interest")
SIDE_COLUMNS = (*LAST_BY, "volume")
Bars = dict[Key, tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A bar of the tables that is not what its minutes make."""

    what: str
    resolution: Resolution
    begins: Key
    found: tuple[Any, ...] | None
    wanted: tuple[Any, ...] | None

    def __str__(self) -> str:
        return (
            f"{self.what} {self.resolution.code} {self.begins}:"
            f" is {self.found}, should be {self.wanted}"
        )


@dataclass(frozen=True, slots=True)
class Span:
    """The days to look at; a bar that reaches out of them is not compared."""

    first_on: datetime.date = FIRST_ON
    after_on: datetime.date = AFTER_ON

    def holds(self, key: Key, resolution: Resolution, calendar: Calendar) -> bool:
        day = calendar.day_of(key) if isinstance(key, datetime.datetime) else key
        return (
            self.first_on <= resolution.first_day(day)
            and resolution.day_after(day) <= self.after_on
        )

    def instants(self, calendar: Calendar) -> tuple[datetime.datetime, ...]:
        return tuple(
            datetime.datetime.combine(day, datetime.time(), calendar.timezone)
            for day in (self.first_on, self.after_on)
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """How many bars were compared, and which of them differ."""

    bars: int
    differences: list[Difference]


def verify_all(instruments: Iterable[Instrument], span: Span) -> Iterator[Compared]:
    """Compare each instrument, and each strike that an option among them belongs to."""
    known = calendars()
    strikes: dict[tuple[Any, ...], Instrument] = {}
    for instrument in instruments:
        calendar = known[instrument.exchange_id]
        yield settled(partial(_compare, instrument, calendar, span))
        if instrument.kind == Instrument.Kind.OPTION and instrument.underlying_id:
            strikes.setdefault(tuple(_strike_of(instrument).values()), instrument)
    for option in strikes.values():
        calendar = known[option.exchange_id]
        yield settled(partial(_compare_strike, option, calendar, span))


def settled(compare: Callable[[], Compared]) -> Compared:
    """Return what ``compare`` says, asked again while it finds differences."""
    compared = compare()
    for _ in range(LOOKS - 1):
        if not compared.differences:
            break
        compared = compare()
    return compared


def _compare(instrument: Instrument, calendar: Calendar, span: Span) -> Compared:
    found = {
        resolution: _stored(instrument, resolution, calendar) for resolution in LARGER
    }
    start, end = span.instants(calendar)
    rows = MinuteBar.objects.for_instrument(instrument.pk).between(start, end)
    minutes = [(row.opened_at, values_of(row)) for row in rows.iterator()]
    wanted = {
        resolution: _rows(larger(minutes, resolution, calendar, instrument.segment))
        for resolution in LARGER
    }
    dirty = _dirty([instrument], calendar)
    return _contrast(str(instrument), Contrast(found, wanted, dirty), calendar, span)


@dataclass(frozen=True, slots=True)
class Contrast:
    """What is stored, what should be, and what cannot be told yet; by resolution."""

    found: dict[Resolution, Bars]
    wanted: dict[Resolution, Bars]
    dirty: dict[Resolution, set[Key]]


def _contrast(
    what: str, contrast: Contrast, calendar: Calendar, span: Span
) -> Compared:
    compared = 0
    differences: list[Difference] = []
    for resolution in LARGER:
        found, wanted = contrast.found[resolution], contrast.wanted[resolution]
        keys = {
            key
            for key in found.keys() | wanted.keys()
            if span.holds(key, resolution, calendar)
        } - contrast.dirty[resolution]
        compared += len(keys)
        differences += _differing(what, resolution, keys, found, wanted)
    return Compared(compared, differences)


def _differing(
    what: str, resolution: Resolution, keys: Iterable[Key], found: Bars, wanted: Bars
) -> Iterator[Difference]:
    for key in sorted(keys):
        is_, should_be = found.get(key), wanted.get(key)
        if is_ != should_be:
            yield Difference(what, resolution, key, is_, should_be)


def _dirty(
    instruments: Sequence[Instrument], calendar: Calendar
) -> dict[Resolution, set[Key]]:
    marks = DirtyBucket.objects.filter(instrument__in=instruments)
    minutes = list(marks.values_list("opened_at", flat=True))
    segment = instruments[0].segment
    return {
        resolution: {begins(at, resolution, calendar, segment) for at in minutes}
        for resolution in LARGER
    }


def values_of(bar: MinuteBar | IntradayBar | LongerBar) -> Values:
    return Values(*(getattr(bar, field) for field in FIELDS))


def _rows(made: dict[Key, Larger]) -> Bars:
    return {key: _row(bar.first_on, bar.values) for key, bar in made.items()}


def _row(first_on: datetime.date, values: Values) -> tuple[Any, ...]:
    return (first_on, *(getattr(values, field) for field in FIELDS))


def _stored(instrument: Instrument, resolution: Resolution, calendar: Calendar) -> Bars:
    if not resolution.is_intraday:
        longer = LongerBar.objects.filter(instrument=instrument, unit=resolution.unit)
        return {bar.begins_on: _row(bar.first_on, values_of(bar)) for bar in longer}
    intraday = IntradayBar.objects.filter(
        instrument=instrument, minutes=resolution.minutes
    )
    return {
        bar.opened_at: _row(calendar.day_of(bar.opened_at), values_of(bar))
        for bar in intraday
    }


# --- strikes ------------------------------------------------------------------------
def _strike_of(option: Instrument) -> dict[str, Any]:
    return {
        "underlying_id": option.underlying_id,
        "expires_on": option.expires_on,
        "strike": option.strike,
    }


def _compare_strike(option: Instrument, calendar: Calendar, span: Span) -> Compared:
    strike = _strike_of(option)
    options = list(Instrument.objects.filter(kind=Instrument.Kind.OPTION, **strike))
    found = {resolution: _stored_strike(strike, resolution) for resolution in LARGER}
    start, end = span.instants(calendar)
    rows = StrikeBar.objects.filter(
        **strike, opened_at__gte=start, opened_at__lt=end
    ).order_by("opened_at")
    minutes = [(row.opened_at, _sides(row)) for row in rows.iterator()]
    wanted = {
        resolution: _made(minutes, resolution, calendar, option.segment)
        for resolution in LARGER
    }
    what = f"{option.underlying} {option.expires_on} {option.strike}"
    contrast = Contrast(found, wanted, _dirty(options, calendar))
    return _contrast(what, contrast, calendar, span)


Sides = tuple[dict[str, Any], ...]


def _sides(bar: StrikeBar | IntradayStrikeBar | LongerStrikeBar) -> Sides:
    return tuple(
        {column: getattr(bar, f"{side}_{column}") for column in SIDE_COLUMNS}
        for side in SIDES
    )


def _made(
    minutes: Iterable[tuple[datetime.datetime, Sides]],
    resolution: Resolution,
    calendar: Calendar,
    segment: str,
) -> Bars:
    nothing = dict.fromkeys(SIDE_COLUMNS)
    made: dict[Key, Sides] = {}
    for at, sides in minutes:
        key = begins(at, resolution, calendar, segment)
        before = made.get(key, (nothing, nothing))
        made[key] = tuple(
            joined_side(so_far, side)
            for so_far, side in zip(before, sides, strict=True)
        )
    return {key: _flat(sides) for key, sides in made.items()}


def _flat(sides: Sides) -> tuple[Any, ...]:
    return tuple(side[column] for side in sides for column in SIDE_COLUMNS)


def _stored_strike(strike: dict[str, Any], resolution: Resolution) -> Bars:
    if resolution.is_intraday:
        intraday = IntradayStrikeBar.objects.filter(
            **strike, minutes=resolution.minutes
        )
        return {bar.opened_at: _flat(_sides(bar)) for bar in intraday}
    longer = LongerStrikeBar.objects.filter(**strike, unit=resolution.unit)
    return {bar.begins_on: _flat(_sides(bar)) for bar in longer}
