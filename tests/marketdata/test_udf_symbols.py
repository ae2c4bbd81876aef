"""``/udf/symbols``, ``/udf/search``, ``/udf/config`` and ``/udf/time``."""

from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import ApiKey, User
from marketdata.models import Instrument
from marketdata.udf.symbols import price_scale
from tests.marketdata.builders import (
    make_exchange,
    make_holiday,
    make_hours,
    make_instrument,
)

ADDRESSES = [
    "config",
    "time",
    "symbols",
    "search",
    "history",
    "marks",
    "timescale_marks",
    "quotes",
    "symbol_info",
]
RESOLUTIONS = ["1", "2", "3", "5", "10", "15", "30", "60", "1D", "1W", "1M"]


def symbol(asha: Client, name: str) -> dict[str, object]:
    answer = asha.get("/udf/symbols", {"symbol": name})
    described: dict[str, object] = answer.json()
    return described


def found(asha: Client, **query: str) -> list[str]:
    return [row["full_name"] for row in asha.get("/udf/search", query).json()]


def test_a_stock_is_described_in_full(asha: Client, acme: Instrument):
    assert symbol(asha, "ACME") == {
        "name": "ACME",
        "full_name": "NSE:ACME",
        "ticker": "NSE:ACME",
        "description": "Acme Example",
        "type": "stock",
        "session": "0915-1530",
        "timezone": "Asia/Kolkata",
        "exchange": "NSE",
        "listed_exchange": "NSE",
        "minmov": 5,
        "pricescale": 100,
        "minmove2": 0,
        "fractional": False,
        "pointvalue": 1,
        "format": "price",
        "currency_code": "INR",
        "has_intraday": True,
        "has_daily": True,
        "has_weekly_and_monthly": True,
        "intraday_multipliers": ["1", "2", "3", "5", "10", "15", "30", "60"],
        "supported_resolutions": RESOLUTIONS,
        "volume_precision": 0,
        "visible_plots_set": "ohlcv",
        "data_status": "streaming",
    }


def test_a_future_says_when_it_expired(asha: Client, acme: Instrument):
    make_instrument("ACME20JANFUT", kind="future", expires_on="2020-01-30")

    described = symbol(asha, "ACME20JANFUT")

    assert described["type"] == "futures"
    assert described["description"] == "Acme20Janfut Example 30 Jan 2020 Future"
    assert described["expired"] is True
    assert described["expiration_date"] == 1580342400


def test_a_market_that_never_closes_says_so(asha: Client):
    make_hours(make_exchange("DEMO"), opens="00:00", closes="00:00", weekdays=range(7))
    make_instrument("NIFTY", "DEMO", kind="index")

    assert symbol(asha, "DEMO:NIFTY")["session"] == "24x7"


def test_an_index_has_no_volume_to_show(asha: Client):
    make_instrument("NIFTY", "DEMO", kind="index")

    assert symbol(asha, "DEMO:NIFTY")["visible_plots_set"] == "ohlc"


def test_an_option_is_called_by_expiry_strike_and_right(asha: Client):
    make_instrument(
        "NIFTY26NOV24000PE",
        kind="option",
        name="NIFTY",
        expires_on="2026-11-04",
        strike="24000",
        option_type="PE",
    )

    described = symbol(asha, "NIFTY26NOV24000PE")

    assert described["description"] == "NIFTY 4 Nov 2026 24000 Put"


def test_days_of_other_hours_are_written_apart(asha: Client, acme: Instrument):
    acme.exchange.session_hours.filter(weekday=4).update(closes_at="13:00")
    acme.exchange.session_hours.create(
        weekday=6, opens_at="10:00", closes_at="11:00", valid_from="2000-01-01"
    )

    assert symbol(asha, "ACME")["session"] == "0915-1530:2345|0915-1300:6|1000-1100:1"


def test_hours_are_those_in_force_today(asha: Client, acme: Instrument):
    hours = acme.exchange.session_hours
    hours.update(valid_to="2020-12-31")
    for weekday in range(5):
        hours.create(
            weekday=weekday,
            opens_at="09:15",
            closes_at="15:40",
            valid_from="2021-01-01",
        )

    assert symbol(asha, "ACME")["session"] == "0915-1540"


def test_holidays_and_special_sessions_are_named(asha: Client, acme: Instrument):
    make_holiday(acme.exchange, "2026-11-24")
    make_holiday(acme.exchange, "2026-12-25")
    make_holiday(acme.exchange, "2026-11-08", "18:00", "19:00")

    described = symbol(asha, "ACME")

    assert described["session_holidays"] == "20261124,20261225"
    assert described["corrections"] == "1800-1900:20261108"


@pytest.mark.parametrize(
    ("tick_size", "scale"),
    [
        ("0.05", (100, 5)),
        ("0.1", (100, 10)),
        ("0.01", (100, 1)),
        ("1", (100, 100)),
        ("0.0025", (10000, 25)),
        ("0.0500", (100, 5)),
        ("10", (100, 1000)),
    ],
)
def test_a_tick_size_becomes_scale_and_movement(tick_size: str, scale: tuple[int, int]):
    assert price_scale(Decimal(tick_size)) == scale


@pytest.mark.parametrize("name", ["", "NOBODY", "NSE:NOBODY", "\0"])
def test_an_unknown_symbol_is_refused(asha: Client, acme: Instrument, name: str):
    assert symbol(asha, name) == {"s": "error", "errmsg": "unknown_symbol"}


def test_a_symbol_takes_three_queries_besides_the_log_in(
    asha: Client, acme: Instrument, django_assert_num_queries: DjangoAssertNumQueries
):
    # Session, user; then instrument, hours, holidays.
    with django_assert_num_queries(7):
        symbol(asha, "ACME")


@pytest.fixture
def market(acme: Instrument) -> None:
    make_instrument("NIFTY", kind="index", name="Nifty 50")
    make_instrument("NIFTYBEES", name="Nippon Example ETF")
    make_instrument("NIFTY26DECFUT", kind="future", expires_on="2026-12-29")
    make_instrument("NIFTY26NOVFUT", kind="future", expires_on="2026-11-24")
    make_instrument(
        "NIFTY26NOV24000CE",
        kind="option",
        expires_on="2026-11-24",
        strike="24000",
        option_type="CE",
    )
    make_instrument("OLDNIFTY", is_active=False)
    make_instrument("NIFTY", "DEMO", kind="index", name="Demo Nifty")


def test_a_search_answers_the_best_fit_first(asha: Client, market: None):
    assert found(asha, query="NIFTY") == [
        "DEMO:NIFTY",
        "NSE:NIFTY",
        "NSE:NIFTYBEES",
        "NSE:NIFTY26NOVFUT",
        "NSE:NIFTY26DECFUT",
        "NSE:NIFTY26NOV24000CE",
    ]


def test_a_search_row_is_what_the_client_reads(asha: Client, market: None):
    rows = asha.get("/udf/search", {"query": "NSE:NIFTY", "limit": "1"}).json()

    assert rows == [
        {
            "symbol": "NIFTY",
            "full_name": "NSE:NIFTY",
            "ticker": "NSE:NIFTY",
            "description": "Nifty 50",
            "exchange": "NSE",
            "type": "index",
        }
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"query": "NIFTY 24000"}, ["NSE:NIFTY26NOV24000CE"]),
        ({"query": "nippon"}, ["NSE:NIFTYBEES"]),
        ({"query": "NIFTY", "type": "futures", "limit": "1"}, ["NSE:NIFTY26NOVFUT"]),
        ({"query": "NIFTY", "exchange": "DEMO"}, ["DEMO:NIFTY"]),
        ({"query": "DEMO:NIF"}, ["DEMO:NIFTY"]),
        ({"query": "%"}, []),
        ({"query": "_"}, []),
        ({"query": "\0"}, []),
        ({"query": "NIFTY", "exchange": "\0"}, []),
        ({"query": "NIFTY", "type": "spaceship"}, []),
        ({"query": "OLDNIFTY"}, []),
        ({"query": "X" * 5000}, []),
    ],
)
def test_a_search_holds_every_word(
    asha: Client, market: None, query: dict[str, str], names: list[str]
):
    assert found(asha, **query) == names


def test_an_empty_search_begins_with_the_indices(asha: Client, market: None):
    assert found(asha, query="", limit="2") == ["DEMO:NIFTY", "NSE:NIFTY"]


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5"])
def test_a_limit_that_is_none_is_refused(asha: Client, market: None, limit: str):
    answer = asha.get("/udf/search", {"query": "NIFTY", "limit": limit}).json()

    assert answer["s"] == "error"


def test_a_search_never_answers_more_than_fifty(asha: Client, acme: Instrument):
    Instrument.objects.bulk_create(
        Instrument(exchange=acme.exchange, symbol=f"X{number}", kind="stock")
        for number in range(60)
    )

    assert len(found(asha, query="X", limit="1000")) == 50


def test_the_search_takes_one_query_besides_the_log_in(
    asha: Client, market: None, django_assert_num_queries: DjangoAssertNumQueries
):
    with django_assert_num_queries(5):
        found(asha, query="NIFTY")


def test_the_config_promises_what_there_is(asha: Client, acme: Instrument):
    assert asha.get("/udf/config").json() == {
        "supports_search": True,
        "supports_group_request": False,
        "supports_marks": True,
        "supports_timescale_marks": True,
        "supports_time": True,
        "supported_resolutions": RESOLUTIONS,
        "exchanges": [
            {"value": "", "name": "All exchanges", "desc": ""},
            {"value": "NSE", "name": "NSE", "desc": "NSE test"},
        ],
        "symbols_types": [
            {"name": "All types", "value": ""},
            {"name": "Index", "value": "index"},
            {"name": "Stock", "value": "stock"},
            {"name": "Future", "value": "futures"},
            {"name": "Option", "value": "option"},
        ],
    }


def test_the_time_is_now_in_seconds(asha: Client):
    before = int(timezone.now().timestamp())

    response = asha.get("/udf/time")

    assert response.headers["Content-Type"].startswith("text/plain")
    assert before <= int(response.content) <= before + 5


@pytest.mark.parametrize("name", ADDRESSES)
def test_nobody_asks_without_being_known(client: Client, db: None, name: str):
    response = client.get(f"/udf/{name}")

    assert response.status_code == 401
    assert response.json() == {"s": "error", "errmsg": "log in, or send an API key"}


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_question_is_a_get(asha: Client, name: str):
    response = asha.post(f"/udf/{name}")

    assert response.status_code == 405
    assert response.json()["s"] == "error"


def key_with(scope: str) -> str:
    user = User.objects.create_user("robot", password="robot-example")
    key = ApiKey.objects.issue(
        user_id=user.pk, name="feed", scopes=[scope], now=timezone.now()
    )
    return key.text


def test_a_key_that_may_read_the_market_asks(client: Client, acme: Instrument):
    key = key_with("read:market")

    response = client.get(
        "/udf/symbols?symbol=ACME", headers={"Authorization": f"Bearer {key}"}
    )

    assert response.json()["ticker"] == "NSE:ACME"


def test_a_key_for_other_things_is_refused(client: Client, acme: Instrument):
    key = key_with("read:accounts")

    response = client.get(
        "/udf/symbols?symbol=ACME", headers={"Authorization": f"Bearer {key}"}
    )

    assert response.status_code == 403
    assert response.json()["s"] == "error"


def test_a_key_in_the_address_is_refused_in_the_protocol_s_words(
    client: Client, acme: Instrument
):
    response = client.get("/udf/symbols", {"symbol": key_with("read:market")})

    assert response.status_code == 400
    assert response.json()["s"] == "error"
