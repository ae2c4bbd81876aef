"""``/api/v1/monitor/``: what there is to watch around an underlying, and how it is."""

import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from marketdata import quotes
from marketdata.models import Instrument, ShardPosition
from tests.marketdata.builders import ist, make_instrument
from tests.marketdata.chains import (
    Line,
    Quote,
    make_options,
    make_underlying,
    save_chain,
)
from tradingsite import redis as ground

NOW = ist("2026-11-20 12:00")  # a Friday
WEEK, MONTH = "2026-11-23", "2026-12-29"
STRIKES = [23_900.0, 23_950.0, 24_000.0, 24_100.0, 24_200.0]
# The forward is 24,000: there call and put cost the same.
LINES = [
    Line(23_900.0, Quote(180.0, 100, 5), Quote(80.0, 400, 6)),
    Line(23_950.0, Quote(150.0, 200, 7), Quote(100.0, 500, 8)),
    Line(24_000.0, Quote(120.0, 300, 9), Quote(120.0, 300, 10)),
    Line(24_100.0, Quote(75.0, 500, 11), Quote(175.0, 100, 12)),
    Line(24_200.0, Quote(45.0, 600, 13), Quote(0.0)),
]


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    ground.client().delete(quotes.keys().prices)


@pytest.fixture
def nifty(db: None) -> Instrument:
    underlying = make_underlying()
    Instrument.objects.filter(pk=underlying.pk).update(broker_token=256265)
    options = make_options(underlying, WEEK, STRIKES)
    for number, option in enumerate(options.values()):
        Instrument.objects.filter(pk=option.pk).update(broker_token=1000 + number)
    save_chain(underlying, options, LINES, "2026-11-20 11:59", spot=23_990.0)
    return Instrument.objects.get(pk=underlying.pk)


def get(client: Client, path: str, **query: Any) -> dict[str, Any]:
    response = client.get(f"/api/v1/monitor/{path}", query)
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


def test_metadata_names_the_strikes_around_the_money(asha: Client, nifty: Instrument):
    make_options(nifty, MONTH, [24_000.0])
    make_instrument(
        "NIFTY26NOVFUT",
        "NFO",
        kind="future",
        underlying=nifty,
        expires_on=WEEK,
        broker_token=77,
        lot_size=65,
    )

    found = get(asha, "metadata", symbol="NIFTY", otm_levels=1, expiry_limit=2)

    assert found["underlying"] == {
        "symbol": "NSE:NIFTY",
        "token": 256265,
        "name": "NIFTY",
        "last_price": 23_990.0,
        "last_price_at": "2026-11-20T06:29:59Z",
        "change": 0.0,
        "change_percent": 0.0,
    }
    assert [future["token"] for future in found["futures"]] == [77]
    near, far = found["options"]
    assert (near["expiry"], near["atm_strike"]) == (WEEK, 24_000.0)
    assert near["strike_gap"] == 50.0
    assert [row["strike"] for row in near["strikes"]] == [23_950.0, 24_000.0, 24_100.0]
    assert near["strikes"][0]["call"] == {
        "token": 1002,
        "tradingsymbol": f"NIFTY{WEEK}23950CE",
        "lot_size": 65,
    }
    assert far["expiry"] == MONTH
    assert found["meta"] == {"otm_levels": 1, "expiry_limit": 2}


def test_the_step_of_strikes_is_as_listed_not_a_constant(
    asha: Client, nifty: Instrument
):
    Instrument.objects.filter(strike="23950.00").update(is_active=False)
    found = get(asha, "metadata", symbol="NIFTY", expiry_limit=1, otm_levels=100)

    # What has traded is still shown; what was never listed is not made up.
    assert [row["strike"] for row in found["options"][0]["strikes"]] == STRIKES


def test_the_snapshot_is_keyed_by_token(asha: Client, nifty: Instrument):
    found = get(asha, "snapshot", symbol="NIFTY", expiry_limit=1, otm_levels=1)

    assert set(found["options"]) == {str(number) for number in range(1002, 1008)}
    option = found["options"]["1004"]
    assert option["tradingsymbol"] == f"NIFTY{WEEK}24000CE"
    assert (option["price"], option["oi"], option["volume"]) == (120.0, 300, 9)
    assert (option["type"], option["strike"]) == ("CE", 24_000.0)
    assert option["state"] == "valid"
    assert 0.05 < option["iv"] < 0.5
    assert option["theta"] < 0 < option["vega"]


def test_the_snapshot_may_be_keyed_by_symbol(asha: Client, nifty: Instrument):
    found = get(asha, "snapshot", symbol="NIFTY", key="tradingsymbol", otm_levels=1)

    assert f"NIFTY{WEEK}24000PE" in found["options"]


def test_an_option_that_never_traded_has_no_values(asha: Client, nifty: Instrument):
    found = get(asha, "snapshot", symbol="NIFTY", otm_levels=100)

    option = found["options"]["1009"]
    assert (option["price"], option["iv"], option["last_update"]) == (None, None, None)
    assert option["state"] == "no_data"


def test_an_old_price_is_stale(
    asha: Client, nifty: Instrument, monkeypatch: pytest.MonkeyPatch
):
    later = NOW + datetime.timedelta(minutes=5)
    monkeypatch.setattr(timezone, "now", lambda: later)

    found = get(asha, "snapshot", symbol="NIFTY", otm_levels=1)

    assert {option["state"] for option in found["options"].values()} == {"stale"}


def test_an_underlying_without_options_has_an_empty_snapshot(
    asha: Client, acme: Instrument
):
    found = get(asha, "snapshot", symbol="ACME")

    assert found["options"] == {}
    assert found["underlying"]["last_price"] is None
    assert get(asha, "metadata", symbol="ACME")["options"] == []


@pytest.mark.parametrize("path", ["metadata", "snapshot"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "symbol"),
        ({"symbol": "NOBODY"}, "symbol"),
        ({"symbol": "NIFTY", "expiry_limit": "0"}, "expiry_limit"),
        ({"symbol": "NIFTY", "expiry_limit": "13"}, "expiry_limit"),
        ({"symbol": "NIFTY", "otm_levels": "0"}, "otm_levels"),
        ({"symbol": "NIFTY", "otm_levels": "101"}, "otm_levels"),
    ],
)
def test_a_bad_question_names_its_field(
    asha: Client, nifty: Instrument, path: str, query: dict[str, str], field: str
):
    response = asha.get(f"/api/v1/monitor/{path}", query)

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_search_finds_by_symbol(asha: Client, nifty: Instrument):
    found = get(asha, "search", query="nifty", limit=1)

    assert found["count"] == 1
    assert found["instruments"][0]["tradingsymbol"] == "NIFTY"
    assert found["instruments"][0]["token"] == 256265


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "query"),
        ({"query": "x" * 65}, "query"),
        ({"query": "x", "limit": "0"}, "limit"),
        ({"query": "x", "limit": "101"}, "limit"),
    ],
)
def test_a_search_is_bounded(asha: Client, db: None, query: dict[str, str], field: str):
    response = asha.get("/api/v1/monitor/search", query)

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_the_status_tells_of_the_feed(asha: Client, nifty: Instrument):
    at = NOW - datetime.timedelta(seconds=2)
    ShardPosition.objects.create(
        stream="ticks:0", epoch="a", clock_at=at, last_tick_at=at
    )

    found = get(asha, "status")

    assert found == {
        "status": "ok",
        "feed": "live",
        "is_running": True,
        "is_open": True,
        "last_tick_at": "2026-11-20T06:29:58Z",
        "tick_age_s": 2.0,
        "lag_s": 2.0,
        "open_gaps": 0,
        "quarantined": 0,
        "instruments": {"index": 1, "option": 10},
    }


def test_the_status_of_a_market_that_never_ticked(asha: Client, db: None):
    found = get(asha, "status")

    assert (found["feed"], found["is_running"]) == ("waiting", False)


@pytest.mark.parametrize("path", ["metadata", "snapshot", "search", "status"])
def test_a_stranger_is_told_nothing(client: Client, db: None, path: str):
    assert client.get(f"/api/v1/monitor/{path}").status_code == 401


def test_a_snapshot_takes_few_queries(
    asha: Client,
    nifty: Instrument,
    django_assert_max_num_queries: DjangoAssertNumQueries,
):
    # Session, user, underlying, expiries and rules, chain and its end, tokens, day.
    with django_assert_max_num_queries(16):
        get(asha, "snapshot", symbol="NIFTY", expiry_limit=1)
