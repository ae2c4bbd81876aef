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
    weekdays = defaultdict(list)
    for row in _hours(instrument, day):
        weekdays[row.opens_at, row.closes_at].append(row.weekday)
    if not weekdays or weekdays.get((time(), time())) == list(_EVERY_DAY):
        return ALWAYS
    return "|".join(
        _span(opens, closes) + _days(days) for (opens, closes), days in weekdays.items()
    )


def exceptions(instrument: Instrument) -> dict[str, str]:
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
        "corrections": ";".join(special),
    }
    return {name: text for name, text in written.items() if text}


def _hours(instrument: Instrument, day: date) -> Iterable[SessionHours]:
    """Return one row per weekday: the segment's own, else the exchange's."""
    rows = SessionHours.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gte=day),
        exchange=instrument.exchange_id,
        segment__in=["", instrument.segment],
        valid_from__lte=day,
    ).order_by("segment", "valid_from")
    newest = {row.weekday: row for row in rows}
    return [newest[weekday] for weekday in sorted(newest)]


def _span(opens: time, closes: time) -> str:
    return f"{opens:%H%M}-{closes:%H%M}"


def _days(weekdays: list[int]) -> str:
    """Return the day digits, 1 being Sunday; Monday to Friday go without saying."""
    if tuple(weekdays) == _WORKING_DAYS:
        return ""
    return ":" + "".join(sorted(str((weekday + 1) % 7 + 1) for weekday in weekdays))
