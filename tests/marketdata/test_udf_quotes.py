"""``/udf/quotes`` and ``/udf/symbol_info``: last prices, and symbols in bulk."""

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from marketdata.models import Instrument
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_hours,
    make_instrument,
    make_minutes,
    save_bars,
)


@pytest.fixture(autouse=True)
def own_redis(settings: Settings) -> None:
    """Give each test keys of its own: quotes of others are none of ours."""
    settings.REDIS_PREFIX += f":{timezone.now().timestamp()}"


def quotes(client: Client, symbols: str) -> dict[str, object]:
    answer: dict[str, object] = client.get("/udf/quotes", {"symbols": symbols}).json()
    return answer


def test_a_quote_tells_the_price_and_the_day(asha: Client, acme: Instrument):
    make_minutes(acme, "2025-11-20 09:15", 3, first_close=98.0)
    save_bars(
        [
            make_bar(
                acme, ist("2025-11-21 09:15"), 101.0, open=102.0, high=103.0, low=99.5,
                volume=10,
            ),
            make_bar(acme, ist("2025-11-21 09:16"), 104.0, open=101.0, volume=20),
        ]
    )  # fmt: skip

    assert quotes(asha, "NSE:ACME") == {
        "s": "ok",
        "d": [
            {
                "s": "ok",
                "n": "NSE:ACME",
                "v": {
                    "lp": 104.0,
                    "ch": 4.0,
                    "chp": 4.0,
                    "open_price": 102.0,
                    "high_price": 104.0,
                    "low_price": 99.5,
                    "prev_close_price": 100.0,
                    "volume": 30,
                    "short_name": "ACME",
                    "exchange": "NSE",
                    "original_name": "NSE:ACME",
                    "description": "Acme Example",
                },
            }
        ],
    }


def test_what_is_unknown_or_never_traded_is_an_error_of_its_own(
    asha: Client, acme: Instrument
):
    make_instrument("SILENT")
    make_minutes(acme, "2025-11-20 09:15", 1)

    answer = quotes(asha, "NOBODY,NSE:ACME,SILENT,,NOBODY")

    rows = answer["d"]
    assert isinstance(rows, list)
    assert [(row["n"], row["s"]) for row in rows] == [
        ("NOBODY", "error"),
        ("NSE:ACME", "ok"),
        ("SILENT", "error"),
    ]
    assert rows[0]["v"] == {}


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ("", "symbols is missing"),
        (" , ", "symbols is missing"),
        (",".join(f"S{n}" for n in range(51)), "symbols may name 50 at most"),
    ],
)
def test_a_list_has_its_bounds(
    asha: Client, acme: Instrument, symbols: str, message: str
):
    assert quotes(asha, symbols) == {"s": "error", "errmsg": message}


def test_quotes_of_many_take_few_queries(
    asha: Client,
    acme: Instrument,
    django_assert_max_num_queries: DjangoAssertNumQueries,
):
    others = [make_instrument(f"S{number}") for number in range(10)]
    for instrument in others:
        make_minutes(instrument, "2025-11-20 09:15", 2)

    # One for each name, and five for all of them.
    with django_assert_max_num_queries(16):
        quotes(asha, ",".join(str(one) for one in others))


def test_an_exchange_is_described_in_columns(asha: Client, acme: Instrument):
    make_hours(acme.exchange, segment="LATE", opens="09:10", closes="23:30")
    make_instrument("GOLD", segment="LATE", tick_size="1.00")
    make_instrument("GONE", is_active=False)
    make_instrument("ELSEWHERE", "BSE")

    assert asha.get("/udf/symbol_info", {"group": "nse"}).json() == {
        "symbol": ["ACME", "GOLD"],
        "ticker": ["NSE:ACME", "NSE:GOLD"],
        "description": ["Acme Example", "Gold Example"],
        "type": ["stock", "stock"],
        "pricescale": [100, 100],
        "minmovement": [5, 100],
        "minmov2": 0,
        "exchange-listed": "NSE",
        "exchange-traded": "NSE",
        "timezone": "Asia/Kolkata",
        "session-regular": ["0915-1530", "0910-2330"],
        "has-intraday": True,
        "has-no-volume": [False, False],
    }


@pytest.mark.parametrize("group", ["", "NYSE", "N\0SE", "x" * 200])
def test_an_unknown_group_is_an_error_of_the_protocol(
    asha: Client, acme: Instrument, group: str
):
    response = asha.get("/udf/symbol_info", {"group": group})

    assert response.status_code == 200
    assert response.json()["s"] == "error"


def test_a_contract_that_ends_early_on_its_last_day_says_so(
    asha: Client, acme: Instrument
):
    nifty = make_instrument("NIFTY", kind="index")
    make_hours(acme.exchange, closes="15:40")
    acme.exchange.session_hours.update(expiring_closes_at="15:30")
    make_instrument(
        "NIFTY26NOVFUT", kind="future", expires_on="2026-11-24", underlying=nifty
    )

    answer = asha.get("/udf/symbols", {"symbol": "NIFTY26NOVFUT"}).json()

    assert answer["session"] == "0915-1540"
    assert answer["corrections"] == "0915-1530:20261124"
