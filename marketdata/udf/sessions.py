"""Trading hours in the notation of the chart: ``0915-1530``, ``24x7``, corrections.

Written from the dated calendar: the hours in force on a day, the closed days, and
the days with hours of their own.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, time

from django.db.models import Q

from marketdata.models import Holiday, Instrument, SessionHours

ALWAYS = "24x7"
_WORKING_DAYS = (0, 1, 2, 3, 4)
_EVERY_DAY = (*_WORKING_DAYS, 5, 6)


def session(instrument: Instrument, day: date) -> str:
    """Return the weekly hours in force on ``day``; without any, it never closes."""
    return _written(_in_force(_rows(instrument.exchange_id, day), instrument))


def of_all(exchange: str, instruments: Iterable[Instrument], day: date) -> list[str]:
    """Return the weekly hours of each of the instruments of one exchange."""
    rows = _rows(exchange, day)
    known: dict[str, str] = {}
    for instrument in instruments:
        if instrument.hours_segment not in known:
            text = _written(_in_force(rows, instrument))
            known[instrument.hours_segment] = text
    return [known[instrument.hours_segment] for instrument in instruments]


def exceptions(instrument: Instrument, day: date) -> dict[str, str]:
    """Return ``session_holidays`` and ``corrections``, each only if there are any."""
    closed, special = [], []
    for holiday in Holiday.objects.filter(exchange=instrument.exchange_id):
        if holiday.opens_at is None or holiday.closes_at is None:
            closed.append(f"{holiday.day:%Y%m%d}")
        else:
            span = _span(holiday.opens_at, holiday.closes_at)
            special.append(f"{span}:{holiday.day:%Y%m%d}")
    written = {
        "session_holidays": ",".join(closed),
        "corrections": ";".join([*special, *_early_close(instrument)]),
    }
    return {name: text for name, text in written.items() if text}


def _early_close(instrument: Instrument) -> Iterable[str]:
    """Yield the hours of the day on which it expires, where they end earlier."""
    expires_on = instrument.expires_on
    if expires_on is None or not instrument.is_on_index:
        return
    rows = _in_force(_rows(instrument.exchange_id, expires_on), instrument)
    for row in rows:
        if row.weekday == expires_on.weekday() and row.expiring_closes_at:
            span = _span(row.opens_at, row.expiring_closes_at)
            yield f"{span}:{expires_on:%Y%m%d}"


def _rows(exchange: str, day: date) -> list[SessionHours]:
    """Return the hours in force on ``day``, of all segments."""
    return list(
        SessionHours.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gte=day),
            exchange=exchange,
            valid_from__lte=day,
        ).order_by("segment", "valid_from")
    )


def _in_force(
    rows: Iterable[SessionHours], instrument: Instrument
) -> list[SessionHours]:
    """Return one row per weekday: the segment's own, else the exchange's."""
    segments = ("", instrument.hours_segment)
    newest = {row.weekday: row for row in rows if row.segment in segments}
    return [newest[weekday] for weekday in sorted(newest)]


def _written(rows: Iterable[SessionHours]) -> str:
    weekdays = defaultdict(list)
    for row in rows:
        weekdays[row.opens_at, row.closes_at].append(row.weekday)
    if not weekdays or weekdays.get((time(), time())) == list(_EVERY_DAY):
        return ALWAYS
    return "|".join(
        _span(opens, closes) + _days(days) for (opens, closes), days in weekdays.items()
    )


def _span(opens: time, closes: time) -> str:
    return f"{opens:%H%M}-{closes:%H%M}"


def _days(weekdays: list[int]) -> str:
    """Return the day digits, 1 being Sunday; Monday to Friday go without saying."""
    if tuple(weekdays) == _WORKING_DAYS:
        return ""
    return ":" + "".join(sorted(str((weekday + 1) % 7 + 1) for weekday in weekdays))
