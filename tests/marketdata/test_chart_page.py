"""The chart page as the server answers it; a browser looks at it in tests/e2e."""

import json
import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertRedirects

from marketdata.models import Instrument
from tests.marketdata.builders import ist, make_bar, make_instrument, save_bars


def config_of(page: str) -> dict[str, object]:
    found = re.search(r'<script id="chart-config"[^>]*>(.*?)</script>', page)
    assert found is not None
    config: dict[str, object] = json.loads(found[1])
    return config


@pytest.mark.parametrize("path", ["/chart/", "/chart/NSE:ACME"])
def test_a_stranger_is_asked_to_log_in(client: Client, db: None, path: str):
    response = client.get(path)

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login/?next=/chart/")


@pytest.mark.parametrize("symbol", ["NSE:ACME", "ACME", "NSE%3AACME", "acme"])
def test_the_page_hands_its_script_what_to_draw(
    asha: Client, acme: Instrument, symbol: str
):
    at = ist("2026-11-23 09:15")
    save_bars([make_bar(acme, at, 100.0, last_tick_at=at)])

    response = asha.get(f"/chart/{symbol}")

    assert config_of(response.content.decode()) == {
        "ticker": "NSE:ACME",
        "timezone": "Asia/Kolkata",
        "precision": 2,
        "resolutions": ["1", "2", "3", "5", "10", "15", "30", "60", "1D", "1W", "1M"],
        "historyUrl": "/udf/history",
        "markUrls": {
            "marks": "/udf/marks",
            "timescaleMarks": "/udf/timescale_marks",
        },
        "lastTickAt": at.timestamp(),
    }


def test_a_symbol_without_bars_has_no_last_tick(asha: Client, acme: Instrument):
    response = asha.get("/chart/ACME")

    assert config_of(response.content.decode())["lastTickAt"] is None


def test_nothing_on_the_page_needs_an_inline_script(asha: Client, acme: Instrument):
    page = asha.get("/chart/ACME").content.decode()
    scripts = re.findall(r"<script([^>]*)>", page)

    assert all("src=" in tag or "application/json" in tag for tag in scripts)
    assert not re.search(r"\son[a-z]+=|style=|javascript:", page)


def test_the_library_is_served_and_credited(asha: Client, acme: Instrument):
    response = asha.get("/chart/ACME")

    assert finders.find(
        "lightweight-charts/lightweight-charts.standalone.production.js"
    )
    assertContains(response, 'href="https://www.tradingview.com/"')
    assertContains(response, "TradingView Lightweight Charts")


@pytest.mark.parametrize(
    "symbol", ["NOBODY", "NSE:NOBODY", "%00", "%3Cb%3E", "A" * 500]
)
def test_an_unknown_symbol_is_not_found(asha: Client, acme: Instrument, symbol: str):
    response = asha.get(f"/chart/{symbol}")

    assertContains(response, "No instrument is called", status_code=404)
    assertContains(response, "data-symbol-search", status_code=404)
    assert b"<b>" not in response.content


def test_an_unknown_symbol_names_what_is_like_it(asha: Client, acme: Instrument):
    response = asha.get("/chart/ACM")

    assertContains(response, 'href="/chart/NSE:ACME"', status_code=404)


def test_a_symbol_of_two_exchanges_offers_both(asha: Client, acme: Instrument):
    make_instrument("ACME", "BSE")

    response = asha.get("/chart/ACME")

    assertContains(response, "more than one exchange", status_code=404)
    assertContains(response, 'href="/chart/NSE:ACME"', status_code=404)
    assertContains(response, 'href="/chart/BSE:ACME"', status_code=404)


def test_the_first_chart_is_an_index(asha: Client, acme: Instrument):
    make_instrument("NIFTY", kind="index")

    assertRedirects(asha.get("/chart/"), "/chart/NSE:NIFTY")


def test_the_search_form_works_without_a_script(asha: Client, acme: Instrument):
    assertRedirects(asha.get("/chart/", {"symbol": "ACME"}), "/chart/ACME")


def test_without_instruments_the_page_says_how_to_get_some(asha: Client):
    assertContains(asha.get("/chart/"), "import_instruments")


def test_the_page_takes_two_queries_besides_the_log_in(
    asha: Client, acme: Instrument, django_assert_num_queries: DjangoAssertNumQueries
):
    # Session, user; then instrument, last tick.
    with django_assert_num_queries(6):
        asha.get("/chart/ACME")
