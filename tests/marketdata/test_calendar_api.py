"""The calendar as programs ask it, and as staff keep it."""

import datetime
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from accounts.principals import Scope
from marketdata.imports import calendar
from marketdata.models import ContractExpiry, Holiday
from tests.accounts.builders import make_key, make_user
from tests.marketdata.builders import ist

SetClock = Callable[[str], None]
STATUS = "/api/v1/calendar/status"
KEPT = "/api/v1/admin/calendar/holidays"
CSV = (
    "calendar,date,name,opens_at,closes_at,is_holiday\n"
    "NFO,2026-12-15,Test day,,,\nNSE,2027-11-07,Muhurat 2027,18:15,19:15,true\n"
)


@pytest.fixture
def loaded(db: None):
    calendar.load()


@pytest.fixture
def keeper(client: Client, loaded: None):
    """The browser of a member of staff."""
    client.force_login(make_user("bob", is_staff=True))
    return client


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """Set the clock to a moment in India."""

    def set_clock(text: str) -> None:
        moment = ist(text).astimezone(datetime.UTC)
        monkeypatch.setattr(timezone, "now", lambda: moment)

    return set_clock


def bearer(user: User, *scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_key(user, scopes=scopes).text}"}


def fields(answer: Any) -> list[str]:
    return [error["field"] for error in orjson.loads(answer.content)["errors"]]


def test_an_open_market_tells_when_it_closes(asha: Client, loaded: None, at: SetClock):
    at("2026-11-23 15:35")

    answer = asha.get(STATUS, {"calendar": "NFO"}).json()

    assert answer["date"] == "2026-11-23"
    assert (answer["is_trading_day"], answer["current_session"]) == (True, "trading")
    assert (answer["session_start"], answer["session_end"]) == ("09:15", "15:40")
    assert answer["next_trading_day"] is None


def test_a_closed_market_tells_when_it_opens_again(
    asha: Client, loaded: None, at: SetClock
):
    at("2026-11-23 16:30")

    answer = asha.get(STATUS).json()

    assert (answer["current_session"], answer["is_trading_day"]) == ("closed", True)
    assert answer["next_trading_day"] == "2026-11-25"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (
            "2026-11-24",
            {
                "is_trading_day": False,
                "is_holiday": True,
                "holiday_name": "Prakash Gurpurb Sri Guru Nanak Dev",
                "event_type": "holiday",
                "session_start": None,
                "next_trading_day": "2026-11-25",
            },
        ),
        (
            "2026-11-08",
            {
                "is_trading_day": True,
                "is_weekend": True,
                "is_special_session": True,
                "is_provisional": True,
                "is_settlement_day": False,
                "event_type": "special_hours",
                "session_start": "18:15",
                "session_end": "19:15",
            },
        ),
        (
            "2026-02-01",
            {
                "is_trading_day": True,
                "is_holiday": False,
                "is_settlement_day": False,
                "special_event_name": "Budget day",
                "session_end": "15:30",
            },
        ),
        ("2026-02-19", {"is_trading_day": True, "is_settlement_day": False}),
        ("2026-11-22", {"is_trading_day": False, "is_holiday": False}),
        ("2031-11-24", {"is_trading_day": True, "is_covered": False}),
    ],
)
def test_a_day_is_what_the_circulars_say(
    asha: Client, loaded: None, day: str, expected: dict[str, object]
):
    answer = asha.get(STATUS, {"check_date": day}).json()

    assert {name: answer[name] for name in expected} == expected


def test_the_holidays_of_a_year_are_listed(asha: Client, loaded: None):
    rows = asha.get("/api/v1/calendar/holidays", {"year": "2026"}).json()

    closed = [row["date"] for row in rows if row["category"] == "holiday"]
    assert closed == [
        "2026-01-15", "2026-01-26", "2026-03-03", "2026-03-26", "2026-03-31",
        "2026-04-03", "2026-04-14", "2026-05-01", "2026-05-28", "2026-06-26",
        "2026-09-14", "2026-10-02", "2026-10-20", "2026-11-10", "2026-11-24",
        "2026-12-25",
    ]  # fmt: skip
    special = [row["date"] for row in rows if row["category"] == "special_session"]
    assert special == ["2026-02-01", "2026-11-08"]


def test_the_next_trading_day_skips_weekend_and_holiday(asha: Client, loaded: None):
    answer = asha.get(
        "/api/v1/calendar/next-trading-day",
        {"calendar": "NFO", "from_date": "2026-10-01"},
    )

    assert answer.json()["next_trading_day"] == "2026-10-05"


def test_the_sessions_of_a_range_carry_their_zone(asha: Client, loaded: None):
    answer = asha.get(
        "/api/v1/calendar/sessions",
        {"calendar": "NFO", "from_date": "2026-11-20", "to_date": "2026-11-25"},
    )

    assert answer.json()["sessions"] == [
        {
            "date": f"2026-11-{day}",
            "opens_at": f"2026-11-{day}T03:45:00Z",
            "closes_at": f"2026-11-{day}T10:10:00Z",
        }
        for day in (20, 23, 25)
    ]


def test_the_calendars_tell_which_years_they_know(asha: Client, loaded: None):
    rows = asha.get("/api/v1/calendar/calendars").json()

    years = {row["code"]: row["holiday_years"] for row in rows}
    assert years["NSE"] == [2025, 2026]
    assert years["CDS"] == [2026]


def test_expiries_are_labeled_as_of_a_day(asha: Client, loaded: None):
    answer = asha.get(
        "/api/v1/calendar/expiries",
        {"underlying": "Nifty 50", "as_of": "2026-10-01", "limit": "5"},
    ).json()

    assert (answer["exchange"], answer["underlying"]) == ("NFO", "NIFTY")
    assert [(row["expiry"], row["label"]) for row in answer["expiries"]] == [
        ("2026-10-06", "NWeek+0"),
        ("2026-10-13", "NWeek+1"),
        ("2026-10-19", "NWeek+2"),
        ("2026-10-27", "NMonth+0"),
        ("2026-11-03", "NWeek+3"),
    ]
    assert answer["expiries"][2]["nominal_date"] == "2026-10-20"


@pytest.mark.parametrize(
    ("path", "question", "field"),
    [
        ("status", {"calendar": "XYZ"}, "calendar"),
        ("status", {"check_date": "soon"}, "check_date"),
        ("status", {"check_date": "0001-01-01"}, "check_date"),
        ("holidays", {"year": "1"}, "year"),
        ("holidays", {"calendar": "N" * 17}, "calendar"),
        ("next-trading-day", {"from_date": "9999-12-31"}, "from_date"),
        ("sessions", {"from_date": "2020-01-01", "to_date": "2026-01-01"}, "to_date"),
        ("sessions", {"from_date": "2026-01-02", "to_date": "2026-01-01"}, "to_date"),
        ("sessions", {"to_date": "2026-01-01"}, "from_date"),
        ("expiries", {"underlying": "NOBODY"}, "underlying"),
        ("expiries", {"underlying": "NIFTY", "limit": "0"}, "limit"),
        ("expiries", {"underlying": "NIFTY", "exchange": "XYZ"}, "exchange"),
    ],
)
def test_a_question_out_of_bounds_is_told_which_field(
    asha: Client, loaded: None, path: str, question: dict[str, str], field: str
):
    answer = asha.get(f"/api/v1/calendar/{path}", question)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert fields(answer) == [field]


def test_nobody_is_told_anything_without_a_principal(client: Client, db: None):
    assert client.get(STATUS).status_code == 401


def test_a_key_needs_the_scope_of_the_market(client: Client, loaded: None):
    user = make_user("alice")

    wrong = client.get(STATUS, headers=bearer(user, Scope.READ_ACCOUNTS))
    right = client.get(STATUS, headers=bearer(user, Scope.READ_MARKET))

    assert (wrong.status_code, right.status_code) == (403, 200)


def test_a_status_takes_few_queries(
    asha: Client, loaded: None, django_assert_num_queries: DjangoAssertNumQueries
):
    with django_assert_num_queries(10):
        asha.get(STATUS, {"check_date": "2026-11-27"})


def test_staff_add_a_holiday_and_the_expiry_moves(keeper: Client):
    entry = {"calendar": "NFO", "date": "2026-12-15", "name": "Test day"}

    answer = keeper.post(KEPT, entry, content_type="application/json")

    assert answer.status_code == 201
    expiries = ContractExpiry.objects.of("NFO", "NIFTY")
    assert expiries.filter(expires_on="2026-12-14").exists()
    assert not expiries.filter(expires_on="2026-12-15").exists()
    gone = keeper.delete(f"{KEPT}/{answer.json()['id']}")
    assert gone.status_code == 204
    assert expiries.filter(expires_on="2026-12-15").exists()


def test_staff_correct_the_hours_of_a_session(keeper: Client):
    muhurat = Holiday.objects.get(exchange="NSE", day="2026-11-08")

    answer = keeper.patch(
        f"{KEPT}/{muhurat.pk}",
        {"opens_at": "18:00", "closes_at": "19:00", "is_provisional": False},
        content_type="application/json",
    )

    assert answer.status_code == 200
    status = keeper.get(STATUS, {"check_date": "2026-11-08"}).json()
    assert (status["session_start"], status["is_provisional"]) == ("18:00", False)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"date": "2026-12-25"}, "date"),
        ({"date": "1900-01-01"}, "date"),
        ({"calendar": "XYZ"}, "calendar"),
        ({"opens_at": "18:00"}, "closes_at"),
        ({"opens_at": "18:00", "closes_at": "17:00"}, "closes_at"),
        ({"is_holiday": False}, "is_holiday"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a\0b"}, "name"),
    ],
)
def test_a_holiday_that_makes_no_sense_is_refused(
    keeper: Client, changed: dict[str, object], field: str
):
    entry = {"calendar": "NSE", "date": "2026-12-15", "name": "Test day"} | changed

    answer = keeper.post(KEPT, entry, content_type="application/json")

    assert answer.status_code == 400
    assert fields(answer) == [field]


def test_the_kept_days_come_in_pages(keeper: Client):
    answer = keeper.get(KEPT, {"calendar": "NSE", "year": "2026", "limit": "2"}).json()

    assert answer["count"] == 18
    assert [row["date"] for row in answer["results"]] == ["2026-12-25", "2026-11-24"]


def test_only_staff_keep_the_calendar(client: Client, asha: Client, loaded: None):
    assert asha.get(KEPT).status_code == 403
    key = bearer(make_user("bob", is_staff=True), Scope.READ_MARKET)
    assert Client().get(KEPT, headers=key).status_code == 403
    admin = bearer(make_user("carol", is_staff=True), Scope.ADMIN)
    assert Client().get(KEPT, headers=admin).status_code == 200


def imported(keeper: Client, text: str):
    return keeper.post(f"{KEPT}/bulk-import", text, content_type="text/csv")


def test_a_file_of_holidays_is_loaded_and_changes_nothing_twice(keeper: Client):
    assert imported(keeper, CSV).json() == {"rows": 2, "written": 2}
    assert imported(keeper, CSV).json() == {"rows": 2, "written": 0}

    assert Holiday.objects.get(exchange="NSE", day="2027-11-07").is_open
    assert ContractExpiry.objects.filter(expires_on="2026-12-14").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CSV.replace("NFO", "XYZ"), "Line 2: calendar"),
        (CSV.replace("2027-11-07", "2027-13-07"), "Line 3: date"),
        (CSV.replace("19:15", "17:15"), "Line 3: closes_at"),
        (CSV.replace("19:15", "soon"), "Line 3: closes_at"),
        (CSV.replace("19:15,true", "19:15,perhaps"), "Line 3: is_holiday"),
        (CSV + "NFO,2026-12-15,Again,,,\n", "Line 4: date"),
        (CSV + "NFO,2026-12-16\n", "Line 4: the number of columns"),
        (CSV.replace("name", "title"), "Line 1: missing columns name"),
        ("", "Line 1"),
    ],
)
def test_a_bad_file_names_its_line_and_loads_nothing(
    keeper: Client, text: str, said: str
):
    before = Holiday.objects.count()

    answer = imported(keeper, text)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["detail"].startswith(said)
    assert Holiday.objects.count() == before


def test_a_file_that_is_too_large_or_no_text_is_refused(keeper: Client):
    assert imported(keeper, CSV + "x" * 1_048_576).status_code == 400
    binary = keeper.post(
        f"{KEPT}/bulk-import", b"\xff\xfe\0\0", content_type="text/csv"
    )
    assert binary.status_code == 400
    json = keeper.post(f"{KEPT}/bulk-import", {}, content_type="application/json")
    assert json.status_code == 415
