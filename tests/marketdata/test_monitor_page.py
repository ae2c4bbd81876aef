"""The monitor page as the server answers it; a browser looks at it in tests/e2e."""

import json
import re
import time
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from pytest_django.asserts import assertContains, assertNotContains

from marketdata import bars, quotes
from marketdata.models import Instrument
from marketdata.ticks import Tick
from tests.marketdata.builders import ist, make_bar, make_instrument, save_bars
from tests.marketdata.chains import make_options, make_underlying, save_chain
from tests.marketdata.ingesting import make_tick
from tests.marketdata.test_monitor_api import LINES, MONTH, STRIKES, WEEK
from tradingsite import redis as ground

NOW = ist("2026-11-20 12:00")
FRONT = "NIFTY26NOVFUT"
BOOK = {
    "buy": [{"price": 24_059.9, "quantity": 650, "orders": 3}],
    "sell": [{"price": 24_060.1, "quantity": 65, "orders": 1}],
}


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch, settings: Settings):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    settings.TICKER_URLS = []
    ground.client().delete(quotes.keys().prices, quotes.keys().books)


@pytest.fixture
def nifty(db: None) -> Instrument:
    underlying = make_underlying()
    Instrument.objects.filter(pk=underlying.pk).update(has_derivatives=True)
    options = make_options(underlying, WEEK, STRIKES)
    save_chain(underlying, options, LINES, "2026-11-20 11:59", spot=24_000.0)
    return underlying


@pytest.fixture
def front(nifty: Instrument) -> Instrument:
    future = make_instrument(
        FRONT, "NFO", kind="future", underlying=nifty, expires_on=WEEK, lot_size=65
    )
    save_bars(
        [
            make_bar(future, ist("2026-11-19 15:29"), 24_000.0, open_interest=1000),
            make_bar(future, ist("2026-11-20 11:59"), 24_060.0, open_interest=900),
        ]
    )
    return future


def seen(instrument: Instrument, depth: Any) -> None:
    """Let a tick with a book be the last that was ingested."""
    body = make_tick(instrument.symbol, time.time(), 100.0, depth=depth)
    tick = msgspec.json.decode(json.dumps(body), type=Tick)
    bar = bars.begin(instrument.pk, tick)
    bar.depth_tick = tick
    quotes.remember([bar])


def words(response: Any) -> str:
    """Return what a reader sees, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_a_stranger_is_asked_to_log_in(client: Client, db: None):
    response = client.get("/monitor/")

    assert response.status_code == 302
    assert response["Location"] == "/login/?next=/monitor/"


@pytest.mark.parametrize("part", ["sight", "book"])
def test_a_part_sends_the_whole_page_to_the_log_in(client: Client, db: None, part: str):
    response = client.get(
        f"/_monitor/{part}",
        HTTP_HX_REQUEST="true",
        HTTP_HX_CURRENT_URL="http://testserver/monitor/?symbol=NSE:NIFTY",
    )

    back = "/login/?next=/monitor/%3Fsymbol%3DNSE%3ANIFTY"
    assert response["HX-Redirect"] == back


def test_the_figures_of_the_chain_are_shown(asha: Client, nifty: Instrument):
    shown = words(asha.get("/monitor/"))

    # 1300 puts and 1700 calls, 36 and 45 of them traded.
    assert "call ratio 0.765 By volume 0.800" in shown
    assert "Max pain 24,000 Forward 24,000.00" in shown
    assert re.search(r"ATM volatility \d+\.\d\d %", shown)
    assert re.search(r"Expected move ± \d+ Straddle 240.00", shown)


def test_the_futures_are_shown_with_basis_and_signal(
    asha: Client, nifty: Instrument, front: Instrument
):
    shown = words(asha.get("/monitor/"))

    assert "100 % of open interest expires in 3 days" in shown
    assert "roll-over pressure Medium" in shown
    assert f"23 Nov · {FRONT} 3 days left 24,060.00 +0.25 %" in shown
    assert "+60.00 +30.4 % p.a." in shown
    assert "Short covering" in shown


def test_the_money_is_marked_and_old_prices_are_grey(asha: Client, nifty: Instrument):
    page = asha.get("/monitor/").content.decode()

    (row,) = re.findall(
        r'<tr[^>]*class="monitor-chain__atm">(.*?)</tr>', page, re.DOTALL
    )
    assert "24,000" in row
    assert "at the money" in row


def test_an_expiry_may_be_chosen(asha: Client, nifty: Instrument):
    make_options(nifty, MONTH, [24_000.0])

    response = asha.get("/monitor/", {"symbol": "NSE:NIFTY", "expiry": MONTH})

    chosen = re.search(
        r'id="expiry-([\d-]+)"[^>]*aria-current', response.content.decode()
    )
    assert chosen is not None
    assert chosen[1] == MONTH


@pytest.mark.parametrize("expiry", ["2030-01-01", "never", "%00", "x" * 300])
def test_an_expiry_that_is_not_listed_shows_the_nearest(
    asha: Client, nifty: Instrument, expiry: str
):
    response = asha.get(f"/monitor/?symbol=NIFTY&expiry={expiry}")

    assertContains(response, f'id="expiry-{WEEK}"')
    assertContains(response, "24,000")


@pytest.mark.parametrize("query", ["symbol=NOBODY", "book=NOBODY", "symbol=%00"])
def test_an_unknown_instrument_is_not_found(
    asha: Client, nifty: Instrument, query: str
):
    assert asha.get(f"/monitor/?{query}").status_code == 404


def test_the_book_of_the_nearest_future_is_shown(
    asha: Client, nifty: Instrument, front: Instrument
):
    seen(front, BOOK)

    shown = words(asha.get("/monitor/"))

    assert f"Order book Stale {FRONT}" in shown or f"Live {FRONT}" in shown
    assert "24,060.10" in shown
    assert "Spread 0.20" in shown
    # Ten lots are 650 and only 65 are offered.
    assert "more than the book has" in shown


def test_the_book_of_any_instrument_may_be_asked_for(
    asha: Client, nifty: Instrument, acme: Instrument
):
    seen(acme, BOOK)

    response = asha.get("/_monitor/book", {"book": "ACME"})

    assertContains(response, "NSE:ACME")
    assertContains(response, 'hx-trigger="every 2s"')


def test_a_book_that_nobody_knows_is_said_so(asha: Client, front: Instrument):
    assertContains(asha.get("/monitor/"), "has told the book of")


def test_an_underlying_without_contracts_says_so(asha: Client, acme: Instrument):
    Instrument.objects.update(has_derivatives=True)

    response = asha.get("/monitor/", {"symbol": "ACME"})

    assertContains(response, "No futures are listed on ACME.")
    assertContains(response, "No options are listed on ACME.")
    assertContains(response, "Nothing is chosen whose book could be shown.")


def test_without_instruments_the_page_says_how_to_get_some(asha: Client):
    assertContains(asha.get("/monitor/"), "There is nothing to watch yet")


def test_the_busiest_underlying_is_shown_first(asha: Client, nifty: Instrument):
    quiet = make_underlying("BANKNIFTY")
    Instrument.objects.filter(pk=quiet.pk).update(has_derivatives=True)

    assertContains(asha.get("/monitor/"), "<title>NIFTY · Monitor")


def test_the_part_is_the_same_and_asks_for_itself_again(
    asha: Client, nifty: Instrument
):
    response = asha.get("/_monitor/sight", {"symbol": "NSE:NIFTY"})

    assertContains(response, 'id="monitor-sight"')
    assertContains(response, f"symbol=NSE%3ANIFTY&amp;expiry={WEEK}")
    assertNotContains(response, "<html")
    assert "no-cache" in response["Cache-Control"]


def test_a_part_without_a_symbol_is_not_found(asha: Client, nifty: Instrument):
    assert asha.get("/_monitor/sight").status_code == 404


def test_nothing_on_the_page_needs_an_inline_script_or_style(
    asha: Client, front: Instrument
):
    seen(front, BOOK)
    page = asha.get("/monitor/").content.decode()

    assert all("src=" in tag for tag in re.findall(r"<script([^>]*)>", page))
    assert not re.search(r"\son[a-z]+=|style=|javascript:", page)


def test_the_part_takes_a_bounded_number_of_queries(
    asha: Client,
    front: Instrument,
    django_assert_max_num_queries: DjangoAssertNumQueries,
):
    with django_assert_max_num_queries(24):
        asha.get("/_monitor/sight", {"symbol": "NSE:NIFTY"})
