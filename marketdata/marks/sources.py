"""The marks that the market itself has: labels, expiries, special days, gaps."""

import datetime
from collections.abc import Iterable, Iterator
from zoneinfo import ZoneInfo

from marketdata import calendars
from marketdata.marks import MOST_MARKS, Asked, Color, Mark, Place
from marketdata.models import BarGap, ContractExpiry, Holiday, Instrument, Label
from marketdata.models import SessionGap as Gap
from marketdata.sessions import Calendar

_LETTERS = {
    Label.Type.BULLISH: ("B", Color.BULLISH),
    Label.Type.BEARISH: ("S", Color.BEARISH),
    Label.Type.NEUTRAL: ("N", Color.NEUTRAL),
    Label.Type.EXIT_BULLISH: ("x", Color.EXIT_BULLISH),
    Label.Type.EXIT_BEARISH: ("x", Color.EXIT_BEARISH),
}


def labels(asked: Asked) -> Iterator[Mark]:
    """Yield the labels of who is asking, on the bars they were put on."""
    if asked.place is not Place.BAR:
        return
    rows = Label.objects.of_user(asked.user_id).filter(instrument=asked.instrument)
    start, end = _instant(asked.start), _instant(asked.end + 1)
    newest = rows.between(start, end).order_by("-bar_at", "-created_at", "-id")
    for label in newest[:MOST_MARKS]:
        kind = Label.Type(label.label_type)
        letter, color = _LETTERS[kind]
        tags = ", ".join(map(str, label.tags))
        lines = (kind.label, tags) if tags else (kind.label,)
        at = int(label.bar_at.timestamp())
        yield Mark(f"label-{label.pk}", at, color, letter, lines)


def expiries(asked: Asked) -> Iterator[Mark]:
    """Yield the days on which contracts on this underlying, or it itself, end."""
    if asked.place is not Place.SCALE:
        return
    instrument = asked.instrument
    calendar = calendars.calendar_of(instrument.exchange_id)
    for day, words in _expiring(instrument, _days(asked, calendar)):
        at = _time_of(asked, calendar, day)
        yield Mark(f"expiry-{day:%Y%m%d}", at, Color.NEUTRAL, "E", (words,))


def special_days(asked: Asked) -> Iterator[Mark]:
    """Yield holidays, and days with a session at hours of their own."""
    if asked.place is not Place.SCALE:
        return
    exchange = asked.instrument.exchange_id
    calendar = calendars.calendar_of(exchange)
    rows = Holiday.objects.between(*_days(asked, calendar)).filter(exchange=exchange)
    for holiday in rows:
        letter, lines = "H", (holiday.name, "Closed")
        if holiday.opens_at is not None and holiday.closes_at is not None:
            hours = f"Open {holiday.opens_at:%H:%M} to {holiday.closes_at:%H:%M}"
            letter, lines = "S", (holiday.name, hours)
        at = _time_of(asked, calendar, holiday.day)
        key = f"day-{exchange}-{holiday.day:%Y%m%d}"
        yield Mark(key, at, Color.EXIT_BEARISH, letter, lines)


def gaps(asked: Asked) -> Iterator[Mark]:
    """Yield the sessions of which minutes are missing, and what was lost on the way."""
    if asked.place is not Place.SCALE:
        return
    calendar = calendars.calendar_of(asked.instrument.exchange_id)
    rows = Gap.objects.filter(
        instrument=asked.instrument,
        status=Gap.Status.OPEN,
        day__range=_days(asked, calendar),
    )
    for gap in rows.order_by("-day")[:MOST_MARKS]:
        at = _time_of(asked, calendar, gap.day)
        reason = Gap.Reason(gap.reason).label
        lines = (f"{len(gap.missing)} minutes are missing", reason)
        yield Mark(f"gap-{gap.pk}", at, Color.BEARISH, "G", lines)
    yield from _lost(asked)


def _lost(asked: Asked) -> Iterator[Mark]:
    """Yield the open gaps of the stream that this instrument alone lost."""
    rows = BarGap.objects.open().filter(
        instrument=asked.instrument,
        from_at__lte=_instant(asked.end),
        to_at__gte=_instant(asked.start),
    )
    for gap in rows[:MOST_MARKS]:
        at = max(int(gap.from_at.timestamp()), asked.start)
        reason = BarGap.Reason(gap.reason).label
        yield Mark(f"lost-{gap.pk}", at, Color.BEARISH, "G", (reason,))


def _expiring(
    instrument: Instrument, days: tuple[datetime.date, datetime.date]
) -> Iterable[tuple[datetime.date, str]]:
    if instrument.expires_on is not None:
        words = f"{instrument.symbol} expires"
        return [(instrument.expires_on, words)]
    rows = ContractExpiry.objects.filter(
        underlying=instrument.symbol, expires_on__range=days
    )
    cycles: dict[datetime.date, set[str]] = {}
    for row in rows.order_by("expires_on"):
        cycles.setdefault(row.expires_on, set()).add(row.cycle)
    return [
        (day, f"{' and '.join(sorted(known)).capitalize()} expiry")
        for day, known in cycles.items()
    ]


def _days(asked: Asked, calendar: Calendar) -> tuple[datetime.date, datetime.date]:
    first, last = _instant(asked.start), _instant(asked.end)
    return calendar.day_of(first), calendar.day_of(last)


def _time_of(asked: Asked, calendar: Calendar, day: datetime.date) -> int:
    """Return where ``day`` stands on the chart: the time of its first bar."""
    if not asked.resolution.is_intraday:
        zone: datetime.tzinfo = datetime.UTC
    else:
        session = calendar.session_on(day, asked.instrument.hours_segment)
        if session is not None:
            return int(session.opens_at.timestamp())
        zone = ZoneInfo(str(calendar.timezone))
    return int(datetime.datetime.combine(day, datetime.time(), zone).timestamp())


def _instant(at: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.UTC)
