"""What the exchanges' circulars say, as it stands in the database after loading."""

import datetime

import pytest
from django.core.management import call_command

from marketdata import calendars, days
from marketdata.imports import calendar, seeding
from marketdata.models import (
    ContractExpiry,
    Holiday,
    SeedRecord,
    SessionHours,
)
from tests.marketdata.builders import ist, make_instrument

FO_STOCKS = "FO-STOCKS"


@pytest.fixture
def loaded(db: None):
    calendar.load()


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def hours(code: str, text: str, segment: str = "") -> str:
    session = calendars.calendar_of(code).session_on(day(text), segment)
    return f"{session.opens_at:%H:%M}-{session.closes_at:%H:%M}" if session else ""


@pytest.mark.parametrize(
    ("code", "text", "segment", "expected"),
    [
        ("NSE", "2026-11-23", "", "09:15-15:30"),
        ("NSE", "2026-07-31", FO_STOCKS, "09:15-15:30"),
        ("NSE", "2026-08-03", FO_STOCKS, "09:15-15:15"),
        ("BSE", "2026-12-04", FO_STOCKS, "09:15-15:15"),
        ("NSE", "2026-12-07", FO_STOCKS, "09:15-15:30"),
        ("NFO", "2026-07-31", "NFO-OPT", "09:15-15:30"),
        ("NFO", "2026-08-03", "NFO-OPT", "09:15-15:40"),
        ("NFO", "2026-12-04", "NFO-FUT", "09:15-15:40"),
        ("NFO", "2026-12-07", "NFO-FUT", "09:15-15:45"),
        ("BFO", "2026-12-07", "BFO-OPT", "09:15-15:45"),
        ("CDS", "2026-11-23", "", "09:00-17:00"),
        ("MCX", "2026-10-30", "", "09:00-23:30"),
        ("MCX", "2026-11-02", "", "09:00-23:55"),
        ("MCX", "2027-03-12", "", "09:00-23:55"),
        ("MCX", "2027-03-15", "", "09:00-23:30"),
        ("NSE", "2026-02-01", "", "09:15-15:30"),
        ("NSE", "2026-11-08", "", "18:15-19:15"),
        ("NSE", "2026-11-24", "", ""),
        ("NSE", "2026-01-15", "", ""),
        ("CDS", "2026-08-26", "", ""),
        ("NSE", "2026-08-26", "", "09:15-15:30"),
        ("MCX", "2026-01-01", "", "09:00-17:00"),
        ("MCX", "2026-10-20", "", "17:00-23:30"),
        ("MCX", "2026-12-25", "", ""),
        ("DEMO", "2026-11-22", "", "00:00-00:00"),
    ],
)
def test_a_market_keeps_the_hours_of_the_day(
    loaded: None, code: str, text: str, segment: str, expected: str
):
    assert hours(code, text, segment) == expected


@pytest.mark.parametrize(
    ("text", "minutes"), [("2026-07-31", 375), ("2026-08-03", 385), ("2026-12-07", 390)]
)
def test_a_day_of_contracts_has_this_many_minutes(
    loaded: None, text: str, minutes: int
):
    session = calendars.calendar_of("NFO").session_on(day(text))

    assert session is not None
    assert (session.closes_at - session.opens_at).total_seconds() / 60 == minutes


@pytest.mark.parametrize(
    ("text", "closes"),
    [("2026-12-29", "15:30"), ("2026-12-28", "15:45"), ("2026-10-27", "15:40")],
)
def test_contracts_on_an_index_stop_early_on_the_day_they_expire(
    loaded: None, text: str, closes: str
):
    nifty = make_instrument("NIFTY 50", kind="index")
    option = make_instrument(
        "NIFTY26DEC24000CE", "NFO", kind="option", underlying=nifty, name="NIFTY",
        expires_on=text if text != "2026-12-28" else "2026-12-29", strike=24000,
        option_type="CE", segment="NFO-OPT",
    )  # fmt: skip

    session = calendars.session_of(option, day(text))

    assert session is not None
    assert f"{session.closes_at:%H:%M}" == closes


def test_a_stock_with_contracts_keeps_the_hours_of_such_stocks(loaded: None):
    plain = make_instrument("ACME")
    traded = make_instrument("OTHER", has_derivatives=True)

    ends = [calendars.session_of(one, day("2026-11-23")) for one in (plain, traded)]

    assert [f"{one.closes_at:%H:%M}" for one in ends if one] == ["15:30", "15:15"]


@pytest.mark.parametrize(
    ("at", "segment", "phase"),
    [
        ("2026-11-23 09:05", "", "pre_open"),
        ("2026-11-23 09:15", "", "trading"),
        ("2026-11-23 15:20", "", "trading"),
        ("2026-11-23 15:20", FO_STOCKS, "closing_auction"),
        ("2026-11-23 15:37", FO_STOCKS, "closed"),
        ("2026-12-07 15:37", FO_STOCKS, "closing_auction"),
        ("2026-11-23 15:55", FO_STOCKS, "post_close"),
        ("2026-07-31 15:45", "", "post_close"),
        ("2026-11-23 15:45", "", "closed"),
        ("2026-11-24 09:05", "", "closed"),
    ],
)
def test_the_phases_around_the_session_are_dated(
    loaded: None, at: str, segment: str, phase: str
):
    moment = ist(at)

    day_there = days.day_on("NSE", calendars.calendar_of("NSE"), moment.date(), segment)

    assert day_there.phase_at(moment) == phase


@pytest.mark.parametrize(
    ("underlying", "exchange", "year", "expected"),
    [
        ("NIFTY", "NFO", 2026, ["2026-03-30", "2026-10-19", "2026-11-23"]),
        ("NIFTY", "NFO", 2026, ["2026-01-06", "2026-02-03", "2026-09-15"]),
        ("NIFTY", "NFO", 2025, ["2025-08-28", "2025-09-02", "2025-10-20"]),
        ("NIFTY", "NFO", 2025, ["2025-12-23", "2025-12-30"]),
        ("BANKNIFTY", "NFO", 2026, ["2026-02-24", "2026-11-23", "2026-12-29"]),
        ("SENSEX", "BFO", 2026, ["2026-11-19", "2026-11-26", "2026-12-31"]),
        ("SENSEX", "BFO", 2025, ["2025-08-26", "2025-09-04", "2025-12-24"]),
        ("BANKEX", "BFO", 2026, ["2026-11-26", "2026-12-31"]),
    ],
)
def test_the_expiries_are_those_that_the_exchange_had(
    loaded: None, underlying: str, exchange: str, year: int, expected: list[str]
):
    known = ContractExpiry.objects.of(exchange, underlying).filter(
        expires_on__year=year
    )

    found = {f"{one:%Y-%m-%d}" for one in known.values_list("expires_on", flat=True)}

    assert set(expected) <= found


def test_only_one_index_of_an_exchange_expires_by_the_week(loaded: None):
    weekly = ContractExpiry.objects.filter(cycle="weekly", expires_on__year=2026)

    assert set(weekly.values_list("exchange_id", "underlying")) == {
        ("NFO", "NIFTY"),
        ("BFO", "SENSEX"),
    }


def test_nothing_expires_on_a_holiday_on_which_a_session_is_held(loaded: None):
    found = ContractExpiry.objects.of("NFO", "NIFTY")

    assert not found.filter(expires_on="2025-10-21").exists()


def test_loading_twice_writes_nothing(loaded: None):
    assert calendar.load() == 0


def test_the_command_says_what_it_wrote(db: None, capsys: pytest.CaptureFixture[str]):
    call_command("load_calendar")
    call_command("load_calendar")

    assert capsys.readouterr().out.splitlines()[1] == "0 rows new or corrected."


def test_what_staff_changed_or_removed_stays_so(loaded: None):
    Holiday.objects.filter(exchange="NSE", day="2026-12-25").delete()
    Holiday.objects.filter(exchange="NSE", day="2026-11-08").update(
        opens_at="18:00", closes_at="19:00", is_provisional=False
    )

    calendar.load()

    assert hours("NSE", "2026-12-25") == "09:15-15:30"
    assert hours("NSE", "2026-11-08") == "18:00-19:00"


def test_a_correction_of_ours_reaches_a_row_that_nobody_touched(loaded: None):
    given = Holiday.objects.get(exchange="NSE", day="2026-11-08")
    record = SeedRecord.objects.get(key="holiday:NSE|2026-11-08")
    # As if an older version had shipped other hours.
    Holiday.objects.filter(pk=given.pk).update(opens_at="17:00", closes_at="18:00")
    given.refresh_from_db()
    record.fingerprint = _fingerprint(given)
    record.save()

    assert calendar.load() == 1
    assert hours("NSE", "2026-11-08") == "18:15-19:15"


def test_a_holiday_that_is_added_moves_the_expiry_that_falls_on_it(loaded: None):
    Holiday.objects.create(exchange_id="NFO", day="2026-12-15", name="Test day")

    calendar.load()

    december = ContractExpiry.objects.of("NFO", "NIFTY").filter(
        expires_on__range=("2026-12-09", "2026-12-18")
    )
    assert [f"{one.expires_on}" for one in december] == ["2026-12-14"]


def test_the_rows_of_a_regular_week_are_five_and_those_of_the_demo_seven(
    loaded: None,
):
    rows = SessionHours.objects.filter(segment="")

    assert rows.filter(exchange="NSE").count() == 5
    assert rows.filter(exchange="DEMO").count() == 7


def _fingerprint(holiday: Holiday) -> str:
    fields = seeding.said_fields(Holiday, ["exchange_id", "day"])
    return seeding.fingerprint(holiday, fields)
