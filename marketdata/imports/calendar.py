"""The calendars we know: Indian exchanges with their dated hours, and the demo's.

Rows, not rules: what stands here is only where the tables begin. Source of the
hours and holidays: the exchanges' circulars up to October 2026.
"""

from collections.abc import Iterable
from datetime import date, time

from django.db import transaction

from marketdata.models import Exchange, Holiday, SessionHours

DEMO = "DEMO"
LONG_AGO = date(2000, 1, 1)
WEEKDAYS = range(5)
EVERY_DAY = range(7)

EXCHANGES = {
    "NSE": "National Stock Exchange",
    "BSE": "Bombay Stock Exchange",
    "NFO": "NSE futures and options",
    "BFO": "BSE futures and options",
    "CDS": "NSE currency derivatives",
    DEMO: "Demo market, open at all hours",
}
CASH: list[tuple[date, date | None, time, time]] = [
    (LONG_AGO, None, time(9, 15), time(15, 30))
]
# The closing auction of August 2026 and its revision of December made F&O longer.
DERIVATIVES: list[tuple[date, date | None, time, time]] = [
    (LONG_AGO, date(2026, 8, 2), time(9, 15), time(15, 30)),
    (date(2026, 8, 3), date(2026, 12, 6), time(9, 15), time(15, 40)),
    (date(2026, 12, 7), None, time(9, 15), time(15, 45)),
]
HOURS: dict[str, list[tuple[date, date | None, time, time]]] = {
    "NSE": CASH,
    "BSE": CASH,
    "NFO": DERIVATIVES,
    "BFO": DERIVATIVES,
    "CDS": [(LONG_AGO, None, time(9, 0), time(17, 0))],
    DEMO: [(LONG_AGO, None, time(0, 0), time(0, 0))],
}
HOLIDAYS = {
    2025: "02-26 03-14 03-31 04-10 04-14 04-18 05-01 08-15 08-27 10-02 10-22 11-05"
    " 12-25",
    2026: "01-15 01-26 03-03 03-26 03-31 04-03 04-14 05-01 05-28 06-26 09-14 10-02"
    " 10-20 11-10 11-24 12-25",
}
HOLIDAY_EXCHANGES = ("NSE", "BSE", "NFO", "BFO")
# A Sunday on which the budget was read and the market was open.
BUDGET_DAY = date(2026, 2, 1)


@transaction.atomic
def load() -> None:
    """Add the rows that are missing; rows that somebody changed stay as they are."""
    Exchange.objects.bulk_create(
        [Exchange(code=code, name=name) for code, name in EXCHANGES.items()],
        ignore_conflicts=True,
    )
    SessionHours.objects.bulk_create(
        [row for code in EXCHANGES for row in _hours(code)], ignore_conflicts=True
    )
    Holiday.objects.bulk_create(
        [row for code in HOLIDAY_EXCHANGES for row in _holidays(code)],
        ignore_conflicts=True,
    )


def _hours(code: str) -> list[SessionHours]:
    weekdays: Iterable[int] = EVERY_DAY if code == DEMO else WEEKDAYS
    return [
        SessionHours(
            exchange_id=code,
            weekday=weekday,
            valid_from=valid_from,
            valid_to=valid_to,
            opens_at=opens_at,
            closes_at=closes_at,
        )
        for valid_from, valid_to, opens_at, closes_at in HOURS[code]
        for weekday in weekdays
    ]


def _holidays(code: str) -> list[Holiday]:
    closed = [
        Holiday(
            exchange_id=code,
            day=date.fromisoformat(f"{year}-{day}"),
            name="Trading holiday",
        )
        for year, days in HOLIDAYS.items()
        for day in days.split()
    ]
    budget = Holiday(
        exchange_id=code,
        day=BUDGET_DAY,
        name="Budget day, normal hours",
        opens_at=time(9, 15),
        closes_at=time(15, 30),
    )
    return [*closed, budget]
