"""Instruments as programs ask for them."""

import datetime
from typing import Any

import orjson
import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.principals import Scope
from marketdata.imports import calendar
from marketdata.imports.instruments import load, parse
from tests.accounts.builders import make_key, make_user
from tests.marketdata.builders import make_instrument
from tests.marketdata.test_instrument_lists import HEADER, MONDAY, NIFTY, call, stock

LIST, SEARCH = "/api/v1/instruments/list", "/api/v1/instruments/search"
DETAIL = "/api/v1/instruments/detail"
TUESDAY = MONDAY + datetime.timedelta(days=1)


@pytest.fixture
def market(db: None):
    calendar.load()
    rows = NIFTY + stock("ACME", 257, name="ACME EXAMPLE") + call(24000, 514)
    gold = "770,1,GOLD26DECFUT,GOLD,0,2026-12-04,0,1,100,FUT,MCX-FUT,MCX\n"
    load(parse(HEADER + rows + gold + call(24050, 1026)), day=MONDAY)
    make_instrument("OLDCO", is_active=False)


def symbols(answer: Any) -> list[str]:
    rows = orjson.loads(answer.content)["instruments"]
    return [row["canonical_symbol"] for row in rows]


def test_a_list_has_the_active_instruments_and_their_number(asha: Client, market: None):
    answer = asha.get(LIST)

    assert symbols(answer) == [
        "MCX:GOLD26DECFUT",
        "NFO:NIFTY26DEC24000CE",
        "NFO:NIFTY26DEC24050CE",
        "NSE:ACME",
        "NSE:NIFTY 50",
    ]
    assert answer.json()["total"] == 5
    assert answer.json()["instruments"][1] | {"id": 0} == {
        "id": 0,
        "canonical_symbol": "NFO:NIFTY26DEC24000CE",
        "instrument_token": 514,
        "tradingsymbol": "NIFTY26DEC24000CE",
        "name": "NIFTY",
        "segment": "NFO-OPT",
        "instrument_type": "CE",
        "classification": "option",
        "exchange": "NFO",
        "expiry": "2026-12-29",
        "strike": 24000.0,
        "lot_size": 65,
    }


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ({"classification": "index"}, ["NSE:NIFTY 50"]),
        ({"classification": "stock"}, ["NSE:ACME"]),
        ({"classification": "commodity"}, ["MCX:GOLD26DECFUT"]),
        ({"classification": "future"}, []),
        ({"instrument_type": "CE", "limit": "1"}, ["NFO:NIFTY26DEC24000CE"]),
        ({"instrument_type": "CE", "offset": "1"}, ["NFO:NIFTY26DEC24050CE"]),
        ({"segments": "MCX-FUT, INDICES"}, ["MCX:GOLD26DECFUT", "NSE:NIFTY 50"]),
        ({"segment": "INDICES"}, ["NSE:NIFTY 50"]),
        ({"exchange": "NSE", "search": "exam"}, ["NSE:ACME"]),
        ({"search": "24050 ce"}, ["NFO:NIFTY26DEC24050CE"]),
        ({"search": "OLDCO"}, []),
        ({"search": "OLDCO", "only_active": "false"}, ["NSE:OLDCO"]),
    ],
)
def test_a_list_is_narrowed(
    asha: Client, market: None, question: dict[str, str], expected: list[str]
):
    assert symbols(asha.get(LIST, question)) == expected


def test_a_search_forgives_typing_errors(asha: Client, market: None):
    assert symbols(asha.get(SEARCH, {"q": "acmee"})) == ["NSE:ACME"]
    assert symbols(asha.get(SEARCH, {"q": "NIFYT 24050"})) == ["NFO:NIFTY26DEC24050CE"]
    assert symbols(asha.get(SEARCH, {"q": "nifty", "classification": "index"})) == [
        "NSE:NIFTY 50"
    ]


@pytest.mark.parametrize(
    ("path", "question", "field"),
    [
        (LIST, {"classification": "planet"}, "classification"),
        (LIST, {"limit": "1001"}, "limit"),
        (LIST, {"offset": "-1"}, "offset"),
        (LIST, {"offset": "99999999999"}, "offset"),
        (LIST, {"search": "x" * 65}, "search"),
        (LIST, {"exchange": "a\0"}, "exchange"),
        (LIST, {"only_active": "maybe"}, "only_active"),
        (SEARCH, {}, "q"),
        (SEARCH, {"q": ""}, "q"),
        (SEARCH, {"q": "x", "limit": "0"}, "limit"),
        ("/api/v1/instruments/fo-enabled", {"limit": "2001"}, "limit"),
        ("/api/v1/instruments/strikes", {"underlying": "NIFTY"}, "expiry"),
        (
            "/api/v1/instruments/strikes",
            {"underlying": "NOBODY", "expiry": "2026-12-29"},
            "underlying",
        ),
        (f"{DETAIL}/257", {"on": "soon"}, "on"),
    ],
)
def test_a_question_out_of_bounds_is_told_which_field(
    asha: Client, market: None, path: str, question: dict[str, str], field: str
):
    answer = asha.get(path, question)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("name", ["514", "NFO:NIFTY26DEC24000CE", "NIFTY26DEC24000CE"])
def test_one_is_described_by_number_or_name(asha: Client, market: None, name: str):
    answer = asha.get(f"{DETAIL}/{name}", {"on": "2026-11-23"}).json()

    assert answer["tradingsymbol"] == "NIFTY26DEC24000CE"
    assert (answer["lot_size"], answer["tick_size"]) == (65, 0.05)
    assert answer["freeze_quantity"] == 1800
    assert answer["underlying"] == "NSE:NIFTY 50"
    assert answer["tokens"] == [
        {"token": 514, "valid_from": "2026-11-16", "valid_to": None}
    ]


def test_an_alias_leads_to_the_index(asha: Client, market: None):
    answer = asha.get(f"{DETAIL}/NIFTY50").json()

    assert answer["canonical_symbol"] == "NSE:NIFTY 50"
    assert answer["has_derivatives"]
    assert "NSEI" in answer["aliases"]


def test_a_number_means_whoever_had_it_on_the_day(asha: Client, market: None):
    later = datetime.date(2026, 12, 30)
    load(parse(HEADER + NIFTY + call(25000, 514, expiry="2027-01-25")), day=later)

    def holder(on: str) -> str:
        answer = asha.get(f"{DETAIL}/514", {"on": on})
        return str(answer.json()["tradingsymbol"])

    assert holder("2026-11-16") == "NIFTY26DEC24000CE"
    assert holder("2026-12-30") == "NIFTY26JAN25000CE"
    assert asha.get(f"{DETAIL}/514", {"on": "2020-01-01"}).status_code == 404


def test_a_number_of_two_exchanges_must_be_told_apart(asha: Client, market: None):
    demo = NIFTY.replace("NIFTY 50,NIFTY 50", "NIFTY,NIFTY 50").replace("NSE", "DEMO")
    load(parse(HEADER + demo), day=MONDAY)
    on = {"on": f"{TUESDAY}"}

    both = asha.get(f"{DETAIL}/256265", on)
    one = asha.get(f"{DETAIL}/256265", on | {"exchange": "DEMO"})

    assert (both.status_code, both.json()["code"]) == (404, "ambiguous_token")
    assert one.json()["canonical_symbol"] == "DEMO:NIFTY"


@pytest.mark.parametrize("name", ["NOBODY", "9" * 30, "0", "%00", "-1"])
def test_what_is_not_there_is_not_found(asha: Client, market: None, name: str):
    answer = asha.get(f"{DETAIL}/{name}")

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_the_counts_are_those_of_the_active_ones(asha: Client, market: None):
    answer = asha.get("/api/v1/instruments/stats").json()

    assert (answer["total_instruments"], answer["active_instruments"]) == (6, 5)
    assert answer["by_classification"] == {
        "index": 1, "stock": 1, "option": 2, "commodity": 1,
    }  # fmt: skip
    assert answer["by_exchange"] == {"NSE": 2, "NFO": 2, "MCX": 1}


def test_underlyings_with_contracts_are_listed(asha: Client, market: None):
    answer = asha.get("/api/v1/instruments/fo-enabled", {"nse_only": "true"})

    assert symbols(answer) == ["NSE:NIFTY 50"]


def test_strikes_are_those_that_are_listed(asha: Client, market: None):
    question = {"underlying": "NIFTY", "expiry": "2026-12-29"}

    answer = asha.get("/api/v1/instruments/strikes", question).json()

    assert answer["strikes"] == [24000.0, 24050.0]


def test_a_list_of_many_takes_the_same_queries(
    asha: Client, market: None, django_assert_num_queries: DjangoAssertNumQueries
):
    with django_assert_num_queries(6):
        asha.get(LIST, {"limit": "1"})
    with django_assert_num_queries(6):
        asha.get(LIST, {"limit": "1000"})


@pytest.mark.parametrize(
    "path", ["list", "search?q=x", "stats", "fo-enabled", "detail/1", "strikes"]
)
def test_every_answer_needs_the_scope_of_the_market(
    client: Client, market: None, path: str
):
    key = make_key(make_user("alice"), scopes=[Scope.READ_ACCOUNTS])
    headers = {"Authorization": f"Bearer {key.text}"}
    address = f"/api/v1/instruments/{path}"

    assert client.get(address).status_code == 401
    assert client.get(address, headers=headers).status_code == 403
