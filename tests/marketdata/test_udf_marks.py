"""``/udf/marks`` and ``/udf/timescale_marks``: what stands beside the bars."""

import datetime
from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from accounts.models import ApiKey, User
from marketdata import marks
from marketdata.marks import Asked, Mark, Place
from marketdata.models import BarGap, ContractExpiry, Instrument, Label, SessionGap
from tests.marketdata.builders import (
    epoch,
    ist,
    make_exchange,
    make_holiday,
    make_hours,
    make_instrument,
    utc_day,
)

Query = dict[str, str | int]

WEEK: Query = {
    "symbol": "NSE:ACME",
    "resolution": "5",
    "from": epoch("2025-11-17 00:00"),
    "to": epoch("2025-11-23 00:00"),
}


def on_bars(client: Client, **other: str | int) -> list[dict[str, object]]:
    answer = client.get("/udf/marks", WEEK | other)
    found: list[dict[str, object]] = answer.json()
    return found


def on_scale(client: Client, **other: str | int) -> list[dict[str, object]]:
    answer = client.get("/udf/timescale_marks", WEEK | other)
    found: list[dict[str, object]] = answer.json()
    return found


def make_label(user: User, instrument: Instrument, at: str, kind: str) -> Label:
    return Label.objects.create(
        user=user,
        instrument=instrument,
        label_type=kind,
        resolution="5",
        bar_at=ist(at),
        tags=["breakout", "volume"],
    )


@pytest.fixture
def someone(acme: Instrument) -> User:
    return User.objects.get_or_create(username="asha")[0]


def test_ones_own_labels_stand_on_their_bars(
    asha: Client, someone: User, acme: Instrument
):
    mine = make_label(someone, acme, "2025-11-20 09:20", "bullish")
    other = User.objects.create_user("ravi")
    make_label(other, acme, "2025-11-20 09:25", "bearish")

    assert on_bars(asha) == [
        {
            "id": f"label-{mine.pk}",
            "time": epoch("2025-11-20 09:20"),
            "color": "#00E676",
            "text": "Bullish\nbreakout, volume",
            "label": "B",
            "labelFontColor": "#FFFFFF",
            "minSize": 14,
        }
    ]
    assert on_scale(asha) == []


def test_labels_outside_the_range_or_of_another_symbol_are_left_out(
    asha: Client, someone: User, acme: Instrument
):
    make_label(someone, acme, "2025-11-16 09:20", "bullish")
    make_label(someone, acme, "2025-11-24 09:20", "bullish")
    make_label(someone, make_instrument("OTHER"), "2025-11-20 09:20", "bullish")

    assert on_bars(asha) == []


def test_an_expiry_stands_at_the_open_of_its_day(asha: Client, acme: Instrument):
    for cycle, day in (("weekly", "2025-11-20"), ("monthly", "2025-11-27")):
        ContractExpiry.objects.create(
            exchange=acme.exchange,
            underlying="ACME",
            expires_on=day,
            nominal_on=day,
            cycle=cycle,
            origin="listed",
        )

    assert on_scale(asha) == [
        {
            "id": "expiry-20251120",
            "time": epoch("2025-11-20 09:15"),
            "color": "#9CA3AF",
            "label": "E",
            "tooltip": ["Weekly expiry"],
        }
    ]


def test_a_contract_shows_its_own_end_on_a_daily_chart(asha: Client, acme: Instrument):
    make_instrument("ACME25NOVFUT", kind="future", expires_on="2025-11-20")

    (mark,) = on_scale(asha, symbol="ACME25NOVFUT", resolution="1D")

    assert mark["time"] == utc_day("2025-11-20")
    assert mark["tooltip"] == ["ACME25NOVFUT expires"]


def test_holidays_and_special_sessions_are_told(asha: Client, acme: Instrument):
    make_holiday(acme.exchange, "2025-11-18")
    make_holiday(acme.exchange, "2025-11-22", "18:10", "19:10")

    found = on_scale(asha)

    assert [(mark["label"], mark["time"], mark["tooltip"]) for mark in found] == [
        ("H", epoch("2025-11-18 00:00"), ["Test day", "Closed"]),
        ("S", epoch("2025-11-22 18:10"), ["Test day", "Open 18:10 to 19:10"]),
    ]


def test_what_is_missing_is_told(asha: Client, acme: Instrument):
    SessionGap.objects.create(
        instrument=acme,
        day="2025-11-20",
        opens_at=ist("2025-11-20 09:15"),
        closes_at=ist("2025-11-20 15:30"),
        surveyed_until=ist("2025-11-20 15:30"),
        missing=[3, 4, 5],
        status="open",
        reason="never_fetched",
    )
    BarGap.objects.create(
        stream="ticks:0",
        instrument=acme,
        from_at=ist("2025-11-21 10:00"),
        to_at=ist("2025-11-21 10:05"),
        reason="trimmed",
    )

    found = on_scale(asha)

    assert [(mark["label"], mark["time"], mark["tooltip"]) for mark in found] == [
        ("G", epoch("2025-11-20 09:15"), ["3 minutes are missing", "Never fetched"]),
        ("G", epoch("2025-11-21 10:00"), ["Trimmed before it was read"]),
    ]


def two_fills(asked: Asked) -> Iterator[Mark]:
    """Stand for a source of an app above."""
    if asked.place is Place.BAR:
        yield Mark("fill-1", asked.start, "#123456", "F", ("Bought 75",))
        yield Mark("fill-2", asked.start - 1, "#123456", "F", ("Too early",))


def test_an_app_above_adds_its_own_line(
    asha: Client, acme: Instrument, settings: Settings
):
    settings.UDF_MARKS = [*settings.UDF_MARKS, f"{__name__}.two_fills"]

    assert [mark["id"] for mark in on_bars(asha)] == ["fill-1"]


def test_of_too_many_the_newest_are_kept(
    asha: Client, someone: User, acme: Instrument, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(marks, "MOST_MARKS", 2)
    for minute in (20, 25, 30):
        make_label(someone, acme, f"2025-11-20 09:{minute}", "neutral")

    assert [mark["time"] for mark in on_bars(asha)] == [
        epoch("2025-11-20 09:25"),
        epoch("2025-11-20 09:30"),
    ]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"symbol": "NOBODY"}, "unknown_symbol"),
        ({"resolution": "7"}, "this resolution is not supported"),
        ({"from": ""}, "from is missing"),
        ({"to": "soon"}, "to must be a whole number"),
        ({"to": 1}, "from must not be after to"),
        (
            {"to": 179540950000000},
            "to must be a whole number",
        ),
        ({"to": 179540950000}, "to is out of range: it is asked for in seconds"),
    ],
)
@pytest.mark.parametrize("name", ["marks", "timescale_marks"])
def test_a_wrong_question_is_an_error_of_the_protocol(
    asha: Client, acme: Instrument, name: str, other: Query, message: str
):
    response = asha.get(f"/udf/{name}", WEEK | other)

    assert response.status_code == 200
    assert response.json() == {"s": "error", "errmsg": message}


def test_a_range_of_all_times_is_answered(asha: Client, acme: Instrument):
    make_holiday(acme.exchange, "2025-11-18")

    found = on_scale(asha, **{"from": -99999999999, "to": 99999999999})

    assert len(found) == 1


def test_a_program_sees_the_labels_of_its_user(
    client: Client, someone: User, acme: Instrument
):
    make_label(someone, acme, "2025-11-20 09:20", "exit_bullish")
    key = ApiKey.objects.issue(
        user_id=someone.pk,
        name="robot",
        scopes=["read:market"],
        now=datetime.datetime.now(datetime.UTC),  # noqa: TID251 - as good as any
    )
    headers = {"Authorization": f"Bearer {key.text}"}

    found = client.get("/udf/marks", WEEK, headers=headers).json()

    assert [mark["color"] for mark in found] == ["#FFA726"]


def test_marks_take_few_queries(
    asha: Client, acme: Instrument, django_assert_num_queries: DjangoAssertNumQueries
):
    make_hours(make_exchange("NSE"))
    for day in ("2025-11-18", "2025-11-19", "2025-11-20"):
        make_holiday(acme.exchange, day)

    # Session, user, instrument; thrice the calendar's three; one or two per source.
    with django_assert_num_queries(18):
        on_scale(asha)
