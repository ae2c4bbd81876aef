"""Larger bars on the days of the real calendar whose sessions were others."""

import datetime

import pytest

from marketdata.calendars import calendar_of
from marketdata.imports import calendar
from marketdata.models import Instrument, IntradayBar, LongerBar
from marketdata.rollups import roll_up
from marketdata.rollups.verifying import Span, verify_all
from tests.marketdata.builders import ist, make_instrument, make_minutes

pytestmark = pytest.mark.django_db


@pytest.fixture
def loaded(db: None):
    calendar.load()


@pytest.fixture
def future(loaded: None):
    nifty = make_instrument("NIFTY", kind="index")
    return make_instrument(
        "NIFTY26DECFUT",
        "NFO",
        segment="NFO-FUT",
        kind="future",
        underlying=nifty,
        expires_on="2026-12-29",
    )


def last_bar(instrument: Instrument, minutes: int) -> tuple[datetime.datetime, int]:
    """Return when the last bar of so many minutes opened, and its volume."""
    bars = IntradayBar.objects.filter(instrument=instrument, minutes=minutes)
    bar = bars.latest("opened_at")
    return bar.opened_at, bar.volume


def opening(code: str, day: str) -> datetime.datetime:
    session = calendar_of(code).session_on(datetime.date.fromisoformat(day))
    assert session is not None
    return session.opens_at


def assert_right(*instruments: Instrument) -> None:
    found = list(verify_all(instruments, Span()))
    assert [one for compared in found for one in compared.differences] == []
    assert sum(compared.bars for compared in found) > 0


@pytest.mark.parametrize(
    ("day", "length", "last_hour", "last_ten"),
    [
        # Minutes of the session, of its last hour, and of its last ten minutes.
        ("2026-07-31", 375, 15, 5),
        ("2026-08-03", 385, 25, 5),
        ("2026-12-04", 385, 25, 5),
        ("2026-12-07", 390, 30, 10),
    ],
)
def test_the_last_bars_of_a_future_end_with_the_session_of_the_day(
    future: Instrument, day: str, length: int, last_hour: int, last_ten: int
):
    make_minutes(future, f"{day} 09:15", length)

    roll_up()

    whole = range(1, length + 1)
    assert last_bar(future, 60) == (ist(f"{day} 15:15"), sum(whole[-last_hour:]))
    ten_at = ist(f"{day} 09:15") + datetime.timedelta(minutes=length - last_ten)
    assert last_bar(future, 10) == (ten_at, sum(whole[-last_ten:]))
    assert_right(future)


def test_the_closing_auction_of_a_stock_is_of_its_day(loaded: None):
    stock = make_instrument("ACME", segment="NSE", has_derivatives=True)
    make_minutes(stock, "2026-08-03 09:15", 360)
    # Matched after the session, which ended at 15:15.
    make_minutes(stock, "2026-08-03 15:30", 5, first_close=900)

    roll_up()

    assert last_bar(stock, 60) == (ist("2026-08-03 15:15"), 1 + 2 + 3 + 4 + 5)
    day = LongerBar.objects.get(instrument=stock, unit="day")
    assert (day.open, day.close) == (100, 904)
    assert_right(stock)


def test_the_hour_of_muhurat_counts_from_its_own_open(loaded: None):
    stock = make_instrument("ACME", segment="NSE")
    opened_at = opening("NSE", "2026-11-08")
    make_minutes(stock, opened_at.strftime("%Y-%m-%d %H:%M"), 60)

    roll_up()

    assert last_bar(stock, 60) == (opened_at, sum(range(1, 61)))
    week = LongerBar.objects.get(instrument=stock, unit="week")
    # A Sunday: it ends the week that began on Monday the 2nd.
    assert (week.begins_on, week.first_on) == (
        datetime.date(2026, 11, 2),
        datetime.date(2026, 11, 8),
    )
    assert_right(stock)


@pytest.mark.parametrize(
    ("unit", "holiday", "first_on"),
    [
        # Republic Day was a Monday; 1 May, Maharashtra Day, a Friday.
        ("week", "2026-01-26", "2026-01-27"),
        ("month", "2026-05-01", "2026-05-04"),
    ],
)
def test_a_week_and_a_month_that_begin_with_a_holiday_show_their_first_session(
    loaded: None, unit: str, holiday: str, first_on: str
):
    first = datetime.date.fromisoformat(first_on)
    assert not calendar_of("NSE").is_trading_day(datetime.date.fromisoformat(holiday))
    assert calendar_of("NSE").is_trading_day(first)
    stock = make_instrument("ACME", segment="NSE")
    make_minutes(stock, f"{first_on} 09:15", 2)
    roll_up()
    make_minutes(stock, f"{first + datetime.timedelta(days=1)} 09:15", 2)
    roll_up()

    bar = LongerBar.objects.get(instrument=stock, unit=unit)
    assert bar.begins_on == datetime.date.fromisoformat(holiday)
    assert (bar.first_on, bar.volume) == (first, 6)
    assert_right(stock)
