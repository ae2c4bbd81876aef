"""Every fact of the exchanges' circulars of 2025 and 2026, asked of the calendar.

Sessions, closed days, expiries, lots, freeze quantities: as the circulars print them.
Where a published list is at hand (shared data), all of its days are compared.
"""

import datetime
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from marketdata import calendars, days
from marketdata.calendars import labeled_expiries
from marketdata.imports import calendar
from marketdata.models import ContractExpiry, FreezeQuantity, Holiday, LotSize
from marketdata.models.instruments import FO_STOCKS
from tests.marketdata.builders import ist, make_instrument
from tests.simulator.builders import shared_data

PUBLISHED = shared_data() / "calendar" / "aion_holidays_2026.json"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_file(), reason="the published calendar is not here (shared data)"
)
STOCKS = ("NSE", "BSE")
CONTRACTS = ("NFO", "BFO")

CLOSED_2025 = (
    "02-26 03-14 03-31 04-10 04-14 04-18 05-01 08-15 08-27 10-02 10-22 11-05 12-25"
)
CLOSED_2026 = (
    "01-15 01-26 03-03 03-26 03-31 04-03 04-14 05-01 05-28 06-26 09-14 10-02 10-20"
    " 11-10 11-24 12-25"
)
EVENING_ALONE = "01-15 03-03 03-26 03-31 04-14 05-01 05-28 06-26 09-14 10-20"


@pytest.fixture
def loaded(db: None):
    calendar.load()


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def of_year(year: int, text: str) -> set[datetime.date]:
    return {day(f"{year}-{one}") for one in text.split()}


def hours(code: str, on: datetime.date, segment: str = "") -> str:
    session = calendars.calendar_of(code).session_on(on, segment)
    return f"{session.opens_at:%H:%M}-{session.closes_at:%H:%M}" if session else ""


def status_of(code: str, text: str, segment: str = "") -> days.Day:
    return days.day_on(code, calendars.calendar_of(code), day(text), segment)


def weekdays_without(code: str, year: int) -> set[datetime.date]:
    known = calendars.calendar_of(code)
    first = datetime.date(year, 1, 1)
    all_days = (first + datetime.timedelta(days=n) for n in range(365))
    return {
        one for one in all_days if one.weekday() < 5 and not known.is_trading_day(one)
    }


# --- closed days ----------------------------------------------------------------
def test_these_weekdays_are_closed_and_no_others(loaded: None):
    for code in (*STOCKS, *CONTRACTS):
        # The Muhurat session of 2025 is held on a Tuesday that is a holiday.
        assert weekdays_without(code, 2025) == of_year(2025, CLOSED_2025), code
        assert weekdays_without(code, 2026) == of_year(2026, CLOSED_2026), code


def test_the_session_of_lights_makes_no_business_day(loaded: None):
    for code in (*STOCKS, *CONTRACTS):
        known = calendars.calendar_of(code)
        for text in ("2025-10-21", "2026-11-08"):
            assert known.is_trading_day(day(text))
            assert not known.is_business_day(day(text))


def test_the_budget_is_traded_on_a_sunday_and_settled_later(loaded: None):
    for code in (*STOCKS, *CONTRACTS):
        sunday, monday = (status_of(code, f"2026-02-0{n}") for n in (1, 2))

        assert hours(code, sunday.date) == "09:15-15:30"
        assert (sunday.is_special, sunday.is_settlement_day) == (True, False)
        assert monday.is_settlement_day


def test_days_of_no_settlement_are_traded(loaded: None):
    for text in ("2026-02-19", "2026-03-19", "2026-04-01", "2026-08-26"):
        status = status_of("NSE", text)
        assert (status.is_trading_day, status.is_settlement_day) == (True, False)


def test_commodities_are_closed_all_day_on_four_days_of_2026(loaded: None):
    expected = of_year(2026, "01-26 04-03 10-02 12-25")

    assert weekdays_without("MCX", 2026) == expected


def test_on_other_holidays_commodities_begin_in_the_evening(loaded: None):
    for one in of_year(2026, EVENING_ALONE):
        assert hours("MCX", one) == "17:00-23:30", one
    # American winter time has begun; the exchange has not confirmed the end.
    for text in ("2026-11-10", "2026-11-24"):
        assert hours("MCX", day(text)) == "17:00-23:55"
        assert Holiday.objects.get(exchange="MCX", day=text).is_provisional


def test_on_new_year_commodities_end_before_the_evening(loaded: None):
    assert hours("MCX", day("2026-01-01")) == "09:00-17:00"


@needs_published
def test_every_closed_day_of_the_published_list_is_closed(loaded: None):
    ours = {
        "NSE_EQUITY": "NSE", "BSE_EQUITY": "BSE", "NSE_FNO": "NFO", "MCX": "MCX",
        "NSE_EQUITY_DERIVATIVES": "NFO", "NSE_CURRENCY": "CDS",
        "NSE_CURRENCY_DERIVATIVES": "CDS",
    }  # fmt: skip
    seen = 0
    for event in published("HOLIDAY"):
        for market in set(event["applies_to"]) & set(ours):
            on = day(event["start"][:10])
            overridden = event.get("session_override")
            expected = sessions_of(event) if overridden else ""
            assert hours(ours[market], on) == expected, (market, on)
            seen += 1
    assert seen > 50


@needs_published
def test_every_special_session_of_the_published_list_is_held(loaded: None):
    ours = {"NSE_EQUITY": "NSE", "BSE_EQUITY": "BSE", "MCX": "MCX"}
    # What the list leaves at its summer end, and we know by the winter hours.
    winter = {day("2026-11-10"), day("2026-11-24")}
    seen = 0
    for event in [*published("SPECIAL"), *published("MUHURAT"), *published("MUHRAT")]:
        for market in set(event["applies_to"]) & set(ours):
            on = day(event["start"][:10])
            if on not in winter:
                assert hours(ours[market], on) == sessions_of(event), (market, on)
                seen += 1
    assert seen >= 12


# --- hours ----------------------------------------------------------------------
def test_stocks_with_contracts_end_earlier_from_august_to_december(loaded: None):
    for code in STOCKS:
        for text, closes in (
            ("2026-07-31", "15:30"), ("2026-08-03", "15:15"),
            ("2026-12-04", "15:15"), ("2026-12-07", "15:30"),
        ):  # fmt: skip
            assert hours(code, day(text)) == "09:15-15:30"
            assert hours(code, day(text), FO_STOCKS) == f"09:15-{closes}", text


def test_contracts_are_traded_longer_from_august_and_from_december(loaded: None):
    for code in CONTRACTS:
        for text, closes, minutes in (
            ("2025-06-02", "15:30", 375), ("2026-07-31", "15:30", 375),
            ("2026-08-03", "15:40", 385), ("2026-12-04", "15:40", 385),
            ("2026-12-07", "15:45", 390),
        ):  # fmt: skip
            session = calendars.calendar_of(code).session_on(day(text))
            assert session is not None
            assert hours(code, day(text)) == f"09:15-{closes}"
            assert (session.closes_at - session.opens_at).seconds == minutes * 60


def test_only_contracts_on_an_index_stop_early_when_they_expire(loaded: None):
    for underlying, kind, closes in (
        ("index", "option", "15:30"), ("index", "future", "15:30"),
        ("stock", "option", "15:45"), ("stock", "future", "15:45"),
    ):  # fmt: skip
        base = make_instrument(f"{underlying}-{kind}", kind=underlying)
        option = {"strike": 100, "option_type": "CE"} if kind == "option" else {}
        contract = make_instrument(
            f"{underlying}-{kind}-DEC", "NFO", kind=kind, underlying=base, name="BASE",
            expires_on="2026-12-29", segment=f"NFO-{kind[:3].upper()}", **option,
        )  # fmt: skip
        session = calendars.session_of(contract, day("2026-12-29"))
        assert session is not None
        assert f"{session.closes_at:%H:%M}" == closes


def test_commodities_follow_american_winter_time(loaded: None):
    for text, closes in (
        ("2025-10-31", "23:30"), ("2025-11-03", "23:55"), ("2026-03-06", "23:55"),
        ("2026-03-09", "23:30"), ("2026-10-30", "23:30"), ("2026-11-02", "23:55"),
        ("2027-03-12", "23:55"), ("2027-03-15", "23:30"),
    ):  # fmt: skip
        assert hours("MCX", day(text)) == f"09:00-{closes}", text


def test_farm_produce_is_traded_less_long(loaded: None):
    for name, closes in (
        ("GOLDM", "23:55"), ("MENTHAOIL", "17:00"), ("COTTONCNDY", "21:00"),
    ):  # fmt: skip
        future = make_instrument(
            f"{name}26DECFUT", "MCX", kind="future", name=name, segment="MCX-FUT",
            expires_on="2026-12-31",
        )  # fmt: skip
        session = calendars.session_of(future, day("2026-11-23"))
        assert session is not None
        assert f"{session.opens_at:%H:%M}-{session.closes_at:%H:%M}" == (
            f"09:00-{closes}"
        )


def test_currencies_are_traded_from_nine_to_five(loaded: None):
    assert hours("CDS", day("2026-11-23")) == "09:00-17:00"


# --- around the session ---------------------------------------------------------
PHASES = (
    ("NSE", "2026-09-04 09:07", "", "pre_open"),
    ("NSE", "2026-09-07 09:14", "", "pre_open"),
    ("NFO", "2025-12-05 09:05", "NFO-FUT", "closed"),
    ("NFO", "2025-12-08 09:05", "NFO-FUT", "pre_open"),
    ("NFO", "2025-12-08 09:05", "NFO-OPT", "closed"),
    ("NSE", "2026-07-31 15:20", FO_STOCKS, "trading"),
    ("NSE", "2026-08-03 15:15", FO_STOCKS, "closing_auction"),
    ("NSE", "2026-08-03 15:34", FO_STOCKS, "closing_auction"),
    ("NSE", "2026-08-03 15:35", FO_STOCKS, "closed"),
    ("NSE", "2026-12-07 15:29", FO_STOCKS, "trading"),
    ("NSE", "2026-12-07 15:30", FO_STOCKS, "closing_auction"),
    ("NSE", "2026-12-07 15:39", FO_STOCKS, "closing_auction"),
    ("NSE", "2026-12-07 15:40", FO_STOCKS, "closed"),
    ("NSE", "2026-07-31 15:40", "", "post_close"),
    ("NSE", "2026-08-03 15:40", "", "closed"),
    ("BSE", "2026-08-03 15:50", "", "post_close"),
    ("NSE", "2026-08-03 16:00", "", "closed"),
)


def test_the_phases_change_on_their_days(loaded: None):
    for code, at, segment, phase in PHASES:
        moment = ist(at)
        status = status_of(code, at[:10], segment)
        assert status.phase_at(moment) == phase, (code, at, segment)


def test_the_opening_auction_has_these_steps(loaded: None):
    for text, expected in (
        ("2026-09-04", "09:00-09:08 09:08-09:12 09:12-09:15"),
        ("2026-09-07", "09:00-09:05 09:05-09:10 09:10-09:12 09:12-09:15"),
    ):
        steps = [
            f"{one.opens_at:%H:%M}-{one.closes_at:%H:%M}"
            for one in status_of("NSE", text).phases
            if one.phase == "pre_open"
        ]
        assert steps == expected.split()


# --- expiries -------------------------------------------------------------------
def expiries_of(exchange: str, underlying: str, month: str) -> list[str]:
    rows = ContractExpiry.objects.of(exchange, underlying).order_by("expires_on")
    found = [f"{one:%Y-%m-%d}" for one in rows.values_list("expires_on", flat=True)]
    return [one[8:] for one in found if one.startswith(month)]


EXPIRIES = (
    # NIFTY: Thursdays until August 2025, then Tuesdays.
    ("NFO", "NIFTY", "2025-08", ["07", "14", "21", "28"]),
    ("NFO", "NIFTY", "2025-09", ["02", "09", "16", "23", "30"]),
    ("NFO", "NIFTY", "2025-12", ["02", "09", "16", "23", "30"]),
    ("NFO", "NIFTY", "2026-02", ["03", "10", "17", "24"]),
    # 3 and 31 March are holidays.
    ("NFO", "NIFTY", "2026-03", ["02", "10", "17", "24", "30"]),
    # As the exchange listed them on 1 October 2026.
    ("NFO", "NIFTY", "2026-10", ["06", "13", "19", "27"]),
    ("NFO", "NIFTY", "2026-11", ["03", "09", "17", "23"]),
    ("NFO", "BANKNIFTY", "2026-03", ["30"]),
    ("NFO", "BANKNIFTY", "2026-10", ["27"]),
    ("NFO", "FINNIFTY", "2026-11", ["23"]),
    ("NFO", "MIDCPNIFTY", "2026-12", ["29"]),
    # SENSEX: Fridays, Tuesdays from January 2025, Thursdays from September.
    ("BFO", "SENSEX", "2025-08", ["05", "12", "19", "26"]),
    ("BFO", "SENSEX", "2025-09", ["04", "11", "18", "25"]),
    # 2 October 2025 is a holiday, a Thursday, as 26 March 2026 is.
    ("BFO", "SENSEX", "2025-10", ["01", "09", "16", "23", "30"]),
    ("BFO", "SENSEX", "2026-03", ["05", "12", "19", "25"]),
    ("BFO", "BANKEX", "2026-11", ["26"]),
)


def test_contracts_expire_on_these_days(loaded: None):
    for exchange, underlying, month, expected in EXPIRIES:
        assert expiries_of(exchange, underlying, month) == expected, (underlying, month)


def test_weekly_contracts_are_on_one_index_of_each_exchange(loaded: None):
    weekly = ContractExpiry.objects.filter(cycle="weekly")

    assert set(weekly.values_list("exchange_id", "underlying")) == {
        ("NFO", "NIFTY"),
        ("BFO", "SENSEX"),
    }


def test_the_expiries_of_the_first_of_october_are_called(loaded: None):
    found = labeled_expiries("NFO", "NIFTY", day("2026-10-01"))[:6]

    assert [(f"{one.expiry.expires_on:%d%b}".upper(), one.label) for one in found] == [
        ("06OCT", "NWeek+0"),
        ("13OCT", "NWeek+1"),
        ("19OCT", "NWeek+2"),
        ("27OCT", "NMonth+0"),
        ("03NOV", "NWeek+3"),
        # 10 November is a holiday: the Monday before it.
        ("09NOV", "NWeek+4"),
    ]


def test_a_month_that_ends_on_a_holiday_is_still_the_month(loaded: None):
    found = ContractExpiry.objects.of("NFO", "NIFTY").get(expires_on="2026-11-23")

    assert (found.nominal_on, found.cycle) == (day("2026-11-24"), "monthly")
    quarter = ContractExpiry.objects.of("NFO", "NIFTY").get(expires_on="2026-03-30")
    assert quarter.cycle == "quarterly"


# --- lots and freeze quantities -------------------------------------------------
def lot(underlying: str, expires_on: str, exchange: str = "NFO") -> int:
    contract = make_instrument(
        f"{underlying}FUT{expires_on}", exchange, kind="future", name=underlying,
        expires_on=expires_on, lot_size=1,
    )  # fmt: skip
    return contract.lot_size_on(contract.expires_on or day(expires_on))


def test_lots_change_with_the_contracts_of_2026(loaded: None):
    for underlying, expires_on, expected in (
        ("NIFTY", "2025-12-23", 75), ("NIFTY", "2025-12-30", 75),
        ("NIFTY", "2026-01-06", 65), ("NIFTY", "2026-01-27", 65),
        ("BANKNIFTY", "2025-12-30", 35), ("BANKNIFTY", "2026-01-27", 30),
        ("FINNIFTY", "2025-12-30", 65), ("FINNIFTY", "2026-01-27", 60),
        ("MIDCPNIFTY", "2025-12-30", 140), ("MIDCPNIFTY", "2026-01-27", 120),
        ("NIFTYNXT50", "2026-01-27", 25),
    ):  # fmt: skip
        assert lot(underlying, expires_on) == expected, (underlying, expires_on)
    assert lot("SENSEX", "2026-12-31", "BFO") == 20
    assert lot("BANKEX", "2026-12-31", "BFO") == 30


def test_the_largest_order_changes_by_the_month(loaded: None):
    contract = make_instrument("FUT", "NFO", kind="future", expires_on="2026-12-29")
    for name, on, expected in (
        ("NIFTY", "2025-08-15", 1800), ("NIFTY", "2026-08-15", 1800),
        ("BANKNIFTY", "2025-08-15", 600), ("BANKNIFTY", "2025-09-15", 900),
        ("BANKNIFTY", "2025-11-15", 600), ("BANKNIFTY", "2026-03-31", 600),
        ("BANKNIFTY", "2026-04-01", 900), ("BANKNIFTY", "2026-06-30", 900),
        ("BANKNIFTY", "2026-07-01", 600), ("MIDCPNIFTY", "2026-05-01", 2800),
        ("NIFTYNXT50", "2026-05-01", 600), ("FINNIFTY", "2025-12-01", 1200),
    ):  # fmt: skip
        contract.name = name
        assert contract.freeze_quantity_on(day(on)) == expected, (name, on)


def test_every_dated_row_says_where_it_is_from(loaded: None):
    assert not Holiday.objects.exclude(exchange="DEMO").filter(source="").exists()
    assert not LotSize.objects.filter(source="").exists()
    assert not FreezeQuantity.objects.filter(source="").exists()


@cache
def events() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(PUBLISHED.read_text())["events"]
    return found


def published(kind: str) -> Iterator[dict[str, Any]]:
    return (one for one in events() if f"_{kind}_" in f"{one['id']}_")


def sessions_of(event: dict[str, Any]) -> str:
    """Return the main session of an event: the last, after what precedes it."""
    last = event["session_override"][-1]
    return f"{last['open'][:5]}-{last['close'][:5]}"
