"""``/api/v1/futures/``: the positions of an underlying's contracts over REST."""

import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from marketdata.models import Exchange, Instrument
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_exchange,
    make_hours,
    make_instrument,
    save_bars,
)

NOW = ist("2026-11-20 12:00")  # a Friday
FRONT, NEXT = "NIFTY26NOVFUT", "NIFTY26DECFUT"


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def nifty(db: None) -> Instrument:
    make_hours(make_exchange("NSE"))
    return make_instrument("NIFTY", kind="index", name="NIFTY")


def make_future(nifty: Instrument, symbol: str, expires_on: str) -> Instrument:
    return make_instrument(
        symbol,
        kind="future",
        underlying=nifty,
        expires_on=expires_on,
        segment="NFO-FUT",
        lot_size=65,
    )


@pytest.fixture
def front(nifty: Instrument) -> Instrument:
    return make_future(nifty, FRONT, "2026-11-23")


@pytest.fixture
def after(nifty: Instrument) -> Instrument:
    return make_future(nifty, NEXT, "2026-12-29")


def trade(
    instrument: Instrument, at: str, close: float, interest: int | None, volume: int = 1
) -> None:
    bar = make_bar(instrument, ist(at), close, volume=volume, open_interest=interest)
    bar.last_tick_at = ist(at) + datetime.timedelta(seconds=59)
    save_bars([bar])


def get(client: Client, path: str, **query: Any) -> dict[str, Any]:
    response = client.get(f"/api/v1/futures/{path}", query)
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


def errors(client: Client, path: str, **query: Any) -> list[str]:
    response = client.get(f"/api/v1/futures/{path}", query)
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"
    return [error["field"] for error in response.json()["errors"]]


def test_a_bar_tells_who_moved_since_the_bar_before(asha: Client, front: Instrument):
    trade(front, "2026-11-20 09:15", 1000.0, 10_000, volume=7)
    trade(front, "2026-11-20 09:19", 1010.0, 10_200, volume=5)
    trade(front, "2026-11-20 09:21", 1005.0, 10_300, volume=3)

    found = get(asha, "position-signals", symbol="NIFTY", resolution=5)

    assert found["status"] == "ok"
    assert (found["symbol"], found["resolution"]) == ("NSE:NIFTY", 5)
    assert found["data_points"] == 2
    assert found["is_truncated"] is False
    first, second = found["series"]
    assert first["timestamp"] == "2026-11-20T03:45:00Z"
    assert (first["close"], first["open_interest"], first["volume"]) == (
        1010.0,
        10_200,
        12,
    )
    assert first["position_signal"] is None
    assert second == {
        "timestamp": "2026-11-20T03:50:00Z",
        "contract": FRONT,
        "expiry": "2026-11-23",
        "close": 1005.0,
        "open_interest": 10_300,
        "volume": 3,
        "price_change": -5.0,
        "price_change_pct": -0.495,
        "oi_change": 100,
        "oi_change_pct": 0.9804,
        "position_signal": "SHORT_BUILDUP",
        "signal_strength": 0.004853,
        "sentiment": "BEARISH",
    }


def test_the_first_bar_is_compared_with_the_last_one_before_the_range(
    asha: Client, front: Instrument
):
    trade(front, "2026-11-19 15:29", 1000.0, 10_000)
    trade(front, "2026-11-20 11:30", 1010.0, 9_000)

    found = get(asha, "position-signals", symbol="NIFTY", resolution=5, hours=1)

    assert [point["position_signal"] for point in found["series"]] == [
        "SHORT_UNWINDING"
    ]


def test_contracts_are_never_compared_with_one_another(
    asha: Client, front: Instrument, after: Instrument
):
    trade(front, "2026-11-20 09:15", 1000.0, 10_000)
    trade(after, "2026-11-20 09:20", 1100.0, 20_000)

    found = get(asha, "position-signals", symbol="NIFTY")

    assert [
        (point["contract"], point["position_signal"]) for point in found["series"]
    ] == [(FRONT, None), (NEXT, None)]


def test_one_contract_may_be_asked_for(
    asha: Client, front: Instrument, after: Instrument
):
    trade(front, "2026-11-20 09:15", 1000.0, 10_000)
    trade(after, "2026-11-20 09:15", 1100.0, 20_000)

    found = get(asha, "position-signals", symbol="NIFTY", contract=NEXT)

    assert [point["contract"] for point in found["series"]] == [NEXT]


def test_bars_count_from_the_open_of_the_session(asha: Client, front: Instrument):
    for minute in ("10:14", "10:15"):
        trade(front, f"2026-11-20 {minute}", 1000.0, 10_000)

    found = get(asha, "position-signals", symbol="NIFTY", resolution=60)

    assert [point["timestamp"] for point in found["series"]] == [
        "2026-11-20T03:45:00Z",
        "2026-11-20T04:45:00Z",
    ]


def test_a_bar_without_open_interest_has_no_signal(asha: Client, front: Instrument):
    trade(front, "2026-11-20 09:15", 1000.0, 10_000)
    trade(front, "2026-11-20 09:20", 1010.0, None)
    trade(front, "2026-11-20 09:25", 1020.0, 10_100)

    found = get(asha, "position-signals", symbol="NIFTY")

    assert [point["position_signal"] for point in found["series"]] == [None] * 3


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "symbol"),
        ({"symbol": "NOBODY"}, "symbol"),
        ({"symbol": "A" * 97}, "symbol"),
        ({"symbol": "A\0"}, "symbol"),
        ({"symbol": "NIFTY", "resolution": "7"}, "resolution"),
        ({"symbol": "NIFTY", "resolution": "1D"}, "resolution"),
        ({"symbol": "NIFTY", "hours": "0"}, "hours"),
        ({"symbol": "NIFTY", "hours": "721"}, "hours"),
        ({"symbol": "NIFTY", "hours": "many"}, "hours"),
        ({"symbol": "NIFTY", "threshold_pct": "nan"}, "threshold_pct"),
        ({"symbol": "NIFTY", "threshold_pct": "inf"}, "threshold_pct"),
        ({"symbol": "NIFTY", "threshold_pct": "-1"}, "threshold_pct"),
        ({"symbol": "NIFTY", "contract": "NOBODY"}, "contract"),
        ({"symbol": "NIFTY", "contract": "NIFTY"}, "contract"),
    ],
)
def test_a_bad_question_names_its_field(
    asha: Client, front: Instrument, query: dict[str, str], field: str
):
    assert errors(asha, "position-signals", **query) == [field]


def test_a_symbol_of_two_exchanges_is_asked_back(asha: Client, nifty: Instrument):
    make_instrument("NIFTY", "BSE", kind="index")

    assert errors(asha, "summary", symbol="NIFTY") == ["symbol"]
    assert get(asha, "summary", symbol="NSE:NIFTY")["symbol"] == "NSE:NIFTY"


def test_pressure_builds_as_the_expiry_comes_near(
    asha: Client, front: Instrument, after: Instrument
):
    trade(front, "2026-11-20 11:59", 1000.0, 6_000, volume=40)
    trade(after, "2026-11-20 11:59", 1010.0, 4_000, volume=10)

    found = get(asha, "rollover-metrics", symbol="NIFTY")

    assert found == {
        "status": "ok",
        "symbol": "NSE:NIFTY",
        "threshold_days": 5,
        "total_oi": 10_000,
        "expiry_count": 2,
        "current_month_expiry": "2026-11-23",
        "current_month_oi_pct": 60.0,
        "current_month_pressure": 9.6,
        "expiries": [
            {
                "expiry": "2026-11-23",
                "total_oi": 6_000,
                "total_volume": 40,
                "days_to_expiry": 3,
                "contract_count": 1,
                "oi_pct": 60.0,
                "rollover_pressure": 9.6,
                "rollover_status": "LOW",
            },
            {
                "expiry": "2026-12-29",
                "total_oi": 4_000,
                "total_volume": 10,
                "days_to_expiry": 39,
                "contract_count": 1,
                "oi_pct": 40.0,
                "rollover_pressure": 0.0,
                "rollover_status": "LOW",
            },
        ],
    }


def test_without_open_interest_there_are_no_shares(asha: Client, front: Instrument):
    found = get(asha, "rollover-metrics", symbol="NIFTY")

    assert found["total_oi"] == 0
    assert found["current_month_oi_pct"] is None
    assert found["expiries"][0]["rollover_pressure"] == 0


@pytest.mark.parametrize("days", ["0", "61", "x"])
def test_the_days_of_pressure_are_bounded(asha: Client, nifty: Instrument, days: str):
    assert errors(asha, "rollover-metrics", symbol="NIFTY", threshold_days=days) == [
        "threshold_days"
    ]


def test_the_summary_is_of_the_nearest_contract(
    asha: Client, nifty: Instrument, front: Instrument, after: Instrument
):
    make_future(nifty, "NIFTY26OCTFUT", "2026-10-27")
    trade(nifty, "2026-11-20 11:59", 24_000.0, None)
    trade(front, "2026-11-19 15:29", 24_000.0, 10_000)
    trade(front, "2026-11-20 09:15", 24_100.0, 10_100, volume=4)
    trade(front, "2026-11-20 11:59", 24_060.0, 9_900, volume=6)

    found = get(asha, "summary", symbol="NIFTY")

    contracts = found.pop("contracts")
    assert found == {
        "status": "ok",
        "symbol": "NSE:NIFTY",
        "contract": FRONT,
        "expiry": "2026-11-23",
        "last_update": "2026-11-20T06:29:59Z",
        "close": 24_060.0,
        "open_interest": 9_900,
        "volume": 10,
        "active_contracts": 3,
    }
    line = contracts[1]
    assert line["contract"] == FRONT
    assert (line["basis"], line["basis_pct"]) == (60.0, 0.25)
    assert line["basis_annual_pct"] == pytest.approx(0.25 * 365 / 3, abs=0.01)
    assert (line["price_change_pct"], line["oi_change"]) == (0.25, -100)
    assert (line["position_signal"], line["sentiment"]) == (
        "SHORT_UNWINDING",
        "BULLISH",
    )
    assert contracts[2]["close"] is None


def test_an_underlying_without_futures_has_an_empty_summary(
    asha: Client, nifty: Instrument
):
    found = get(asha, "summary", symbol="NIFTY")

    assert (found["contract"], found["active_contracts"]) == (None, 0)
    assert get(asha, "position-signals", symbol="NIFTY")["series"] == []
    assert get(asha, "rollover-metrics", symbol="NIFTY")["expiries"] == []


@pytest.mark.parametrize("path", ["position-signals", "rollover-metrics", "summary"])
def test_a_stranger_is_told_nothing(client: Client, db: None, path: str):
    response = client.get(f"/api/v1/futures/{path}", {"symbol": "NIFTY"})

    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_signals_take_few_queries(
    asha: Client,
    front: Instrument,
    after: Instrument,
    django_assert_max_num_queries: DjangoAssertNumQueries,
):
    trade(front, "2026-11-20 09:15", 1000.0, 10_000)

    # Session, user, underlying, contracts, four of the calendar, bars.
    with django_assert_max_num_queries(11):
        get(asha, "position-signals", symbol="NIFTY")


def test_exchanges_that_are_not_asked_do_not_matter(asha: Client, front: Instrument):
    Exchange.objects.create(code="ELSE", name="Elsewhere")
    trade(front, "2026-11-20 09:15", 1000.0, 10_000)

    assert get(asha, "position-signals", symbol="NIFTY")["data_points"] == 1
