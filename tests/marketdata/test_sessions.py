import datetime
from zoneinfo import ZoneInfo

from marketdata.sessions import Calendar, Hours
from tests.marketdata.builders import ist

NINE_FIFTEEN, HALF_PAST_THREE = datetime.time(9, 15), datetime.time(15, 30)
LONGER_FROM = datetime.date(2026, 8, 3)
HOLIDAY = datetime.date(2026, 11, 24)
SUNDAY = datetime.date(2026, 11, 8)

CALENDAR = Calendar(
    ZoneInfo("Asia/Kolkata"),
    [
        Hours(day, NINE_FIFTEEN, HALF_PAST_THREE, datetime.date(2000, 1, 1), valid_to)
        for day in range(5)
        for valid_to in [LONGER_FROM - datetime.timedelta(days=1)]
    ]
    + [
        Hours(day, NINE_FIFTEEN, datetime.time(15, 40), LONGER_FROM) for day in range(5)
    ],
    {HOLIDAY: None, SUNDAY: (datetime.time(18), datetime.time(19))},
)
ALWAYS = Calendar(
    ZoneInfo("Asia/Kolkata"),
    [
        Hours(day, datetime.time(), datetime.time(), datetime.date(2000, 1, 1))
        for day in range(7)
    ],
)


def test_the_market_is_open_from_its_first_to_before_its_last_second():
    assert CALENDAR.is_open(ist("2026-11-23 09:15"))
    assert not CALENDAR.is_open(ist("2026-11-23 09:14:59"))
    assert not CALENDAR.is_open(ist("2026-11-23 15:40"))


def test_an_old_day_keeps_its_own_hours():
    assert not CALENDAR.is_open(ist("2026-07-31 15:35"))
    assert CALENDAR.is_open(ist("2026-08-03 15:35"))


def test_a_holiday_is_closed_and_a_special_session_open():
    assert not CALENDAR.is_open(ist("2026-11-24 10:00"))
    assert CALENDAR.is_open(ist("2026-11-08 18:30"))


def test_the_next_opening_skips_the_holiday():
    assert CALENDAR.next_open(ist("2026-11-23 16:00")) == ist("2026-11-25 09:15")


def test_a_market_that_never_closes_is_open_at_midnight():
    assert ALWAYS.is_open(ist("2026-11-22 00:00"))
    assert ALWAYS.is_open(ist("2026-11-22 23:59:59"))


def test_a_trading_day_is_the_day_of_the_exchange():
    day = CALENDAR.trading_day(ist("2026-11-23 10:00").timestamp())

    assert day.begins_at == ist("2026-11-23 00:00").timestamp()
    assert day.opens_at == ist("2026-11-23 09:15").timestamp()
    assert day.ends_at == ist("2026-11-24 00:00").timestamp()


def test_a_market_without_hours_never_opens():
    assert Calendar(ZoneInfo("UTC")).next_open(ist("2026-11-23 10:00")) is None
