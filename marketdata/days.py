"""What a day is on an exchange: traded or not, its hours, its phases, what comes next.

Days of years whose holidays nobody has entered are answered by the weekdays alone,
and say so: ``is_covered`` is false.
"""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q

from marketdata.models import Exchange, Holiday, SessionPhase, SettlementHoliday
from marketdata.models.contracts import holds_on
from marketdata.sessions import Calendar, Session

SATURDAY = 5
CLOSED = "closed"
TRADING = "trading"
# What others call the same market.
CODES = {"NSE_CURRENCY": "CDS", "BSE_CURRENCY": "BCD"}


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the day around the session."""

    phase: str
    step: str
    opens_at: datetime.time
    closes_at: datetime.time


@dataclass(frozen=True)
class Day:
    """One day of an exchange, or of one of its segments."""

    calendar: Calendar
    code: str
    date: datetime.date
    session: Session | None
    holiday: Holiday | None
    phases: list[Phase]
    is_covered: bool
    is_settlement_holiday: bool

    @property
    def is_trading_day(self) -> bool:
        return self.session is not None

    @property
    def is_weekend(self) -> bool:
        return self.date.weekday() >= SATURDAY

    @property
    def is_special(self) -> bool:
        return self.holiday is not None and self.holiday.is_open

    @property
    def is_holiday(self) -> bool:
        return self.holiday is not None and self.holiday.is_holiday

    @property
    def is_settlement_day(self) -> bool:
        is_working = self.is_trading_day and not self.is_holiday
        return is_working and not self.is_settlement_holiday

    def phase_at(self, now: datetime.datetime) -> str:
        """Return the phase at ``now``, ``trading`` or ``closed``."""
        if self.calendar.day_of(now) != self.date or self.session is None:
            return CLOSED
        if self.session.contains(now):
            return TRADING
        time = now.astimezone(self.calendar.timezone).time()
        running = (
            one.phase for one in self.phases if one.opens_at <= time < one.closes_at
        )
        return next(running, CLOSED)


def code_of(name: str) -> str:
    """Return our code of a calendar that others may call otherwise."""
    return CODES.get(name.upper(), name.upper())


def day_on(
    code: str, calendar: Calendar, date: datetime.date, segment: str = ""
) -> Day:
    """Return one day of the exchange ``code``, whose calendar is given."""
    holiday = Holiday.objects.filter(exchange_id=code, day=date).first()
    session = calendar.session_on(date, segment)
    is_regular = session is not None and holiday is None
    settlement = SettlementHoliday.objects.filter(exchange_id=code, day=date)
    return Day(
        calendar=calendar,
        code=code,
        date=date,
        session=session,
        holiday=holiday,
        phases=_phases(code, date, segment) if is_regular else [],
        is_covered=covers(calendar, date.year),
        is_settlement_holiday=settlement.exists(),
    )


def covers(calendar: Calendar, year: int) -> bool:
    """Tell whether the closed days of ``year`` are known, or there are none ever."""
    weekdays = {hours.weekday for hours in calendar.hours}
    return len(weekdays) == len(range(7)) or any(
        day.year == year and times is None for day, times in calendar.special.items()
    )


def sessions_between(
    calendar: Calendar, start: datetime.date, end: datetime.date, segment: str = ""
) -> Iterator[tuple[datetime.date, Session]]:
    """Yield the days from ``start`` through ``end`` that have a session."""
    for day in calendar.trading_days(start, end, segment):
        session = calendar.session_on(day, segment)
        assert session is not None
        yield day, session


def covered_years() -> dict[str, list[int]]:
    """Return the years whose closed days are known, by exchange."""
    found: dict[str, list[int]] = {code: [] for code in _codes()}
    years = Holiday.objects.filter(opens_at__isnull=True).order_by(
        "exchange_id", "day__year"
    )
    for code, year in years.values_list("exchange_id", "day__year").distinct():
        found[code].append(year)
    return found


def _codes() -> list[str]:
    return list(Exchange.objects.values_list("code", flat=True))


def _phases(code: str, day: datetime.date, segment: str) -> list[Phase]:
    """Return the phases of the segment's own rows, else of the exchange's, by phase."""
    rows = SessionPhase.objects.filter(
        holds_on(day), Q(segment="") | Q(segment=segment), exchange_id=code
    ).order_by("opens_at")
    own = {row.phase for row in rows if row.segment}
    return [
        Phase(row.phase, row.step, row.opens_at, row.closes_at)
        for row in rows
        if row.segment or row.phase not in own
    ]
