"""The options page as the server answers it; a browser looks at it in tests/e2e."""

import json
import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from marketdata.models import Instrument
from tests.marketdata.builders import ist, make_instrument
from tests.marketdata.chains import (
    Line,
    Quote,
    make_options,
    make_underlying,
    save_chain,
)

NOW = ist("2026-11-20 12:00")
EXPIRY = "2026-11-23"
LINES = [
    Line(23_900, Quote(180.0, 1000, 500), Quote(70.0, 4000, 900)),
    Line(24_000, Quote(115.0, 3000, 800), Quote(105.0, 2500, 700)),
    Line(24_100, Quote(65.0, 500_000, 900), Quote(155.0, 1500, 400)),
]


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def nifty(db: None) -> Instrument:
    underlying = make_underlying()
    options = make_options(underlying, EXPIRY, [line.strike for line in LINES])
    save_chain(underlying, options, LINES[1:2], "2026-11-19 10:31", spot=23_990)
    save_chain(underlying, options, LINES, "2026-11-20 11:59", spot=24_000)
    return underlying


@pytest.mark.parametrize("path", ["/options/", "/options/NSE:NIFTY"])
def test_a_stranger_is_asked_to_log_in(client: Client, nifty: Instrument, path: str):
    response = client.get(path)

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/login/?next=/options/")


def test_a_part_of_a_page_whose_session_ended_leads_to_the_log_in(
    client: Client, nifty: Instrument
):
    response = client.get("/_options/sight?symbol=NSE:NIFTY")

    assert response.headers["HX-Redirect"].startswith("/login/")


def test_the_first_options_are_those_of_an_index(asha: Client, nifty: Instrument):
    assertRedirects(asha.get("/options/"), "/options/NSE:NIFTY")


def test_without_options_the_page_says_how_to_get_some(asha: Client):
    assertContains(asha.get("/options/"), "import_instruments")


def test_an_underlying_without_options_says_so(asha: Client, acme: Instrument):
    assertContains(asha.get("/options/NSE:ACME"), "No options on ACME are listed")


@pytest.mark.parametrize("symbol", ["NOBODY", "%00", "A" * 500])
def test_an_unknown_symbol_is_not_found(asha: Client, nifty: Instrument, symbol: str):
    assert asha.get(f"/options/{symbol}").status_code == 404


def test_the_page_shows_the_chain_with_the_money_marked(
    asha: Client, nifty: Instrument
):
    page = asha.get("/options/NSE:NIFTY").content.decode()

    money = re.search(r'<tr class="chain__money">(.*?)</tr>', page, re.DOTALL)
    assert money is not None
    assert 'data-leg="CE"' in money[1]
    assert 'data-strike="24000"' in money[1]
    assert "115.00" in money[1]
    assert "105.00" in money[1]
    # The forward, max pain and the ratio of the whole chain.
    for figure in ("24,010.00", "24,000", "0.016"):
        assert figure in page
    assert "NWeek+0" in page


def test_bars_are_relative_to_the_longest(asha: Client, nifty: Instrument):
    page = asha.get("/options/NSE:NIFTY").content.decode()

    assert '<rect x="0.0"' in page
    assert '<rect width="0.8"' in page


def test_the_charts_have_what_they_draw(asha: Client, nifty: Instrument):
    page = asha.get("/options/NSE:NIFTY").content.decode()
    found = re.search(r'<script id="options-curves"[^>]*>(.*?)</script>', page)
    assert found is not None

    curves = json.loads(found[1])

    assert [row[0] for row in curves["rows"]] == [23_900, 24_000, 24_100]
    assert curves["rows"][0][1] == pytest.approx(curves["rows"][0][2])
    assert (curves["forward"], curves["maxPain"]) == (24_010, 24_000)


def test_a_past_minute_stands_still(asha: Client, nifty: Instrument):
    live = asha.get("/options/NSE:NIFTY")
    past = asha.get("/options/NSE:NIFTY", {"at": "2026-11-19T10:31"})

    assertContains(live, "every 2s")
    assertNotContains(past, "every 2s")
    assertContains(past, "As of 10:31:59, 19 Nov 2026")
    assertContains(past, 'value="2026-11-19T10:31"')
    assertNotContains(past, "180.00")


@pytest.mark.parametrize("at", ["soon", "2030-01-01T10:00", "2026-13-45T99:99"])
def test_a_minute_that_cannot_be_shown_shows_now(
    asha: Client, nifty: Instrument, at: str
):
    page = asha.get("/options/NSE:NIFTY", {"at": at})

    assertContains(page, "every 2s")
    assertContains(page, "That is no minute of the past")


@pytest.mark.parametrize(
    ("now", "badge"),
    [
        ("2026-11-20 12:00", "Live 11:59:59"),
        ("2026-11-20 12:05", "Stale since 11:59:59"),
        ("2026-11-20 18:00", "Market closed, last 11:59:59"),
    ],
)
def test_the_chain_tells_how_fresh_it_is(
    asha: Client,
    nifty: Instrument,
    monkeypatch: pytest.MonkeyPatch,
    now: str,
    badge: str,
):
    monkeypatch.setattr(timezone, "now", lambda: ist(now))
    asha.force_login(User.objects.get(username="asha"))
    part = asha.get("/_options/sight", {"symbol": "NSE:NIFTY"})

    assertContains(part, badge)


def test_a_minute_before_any_price_says_so(asha: Client, nifty: Instrument):
    past = asha.get("/options/NSE:NIFTY", {"at": "2026-11-18T10:31"})

    assertContains(past, "No prices at that minute")


def test_many_underlyings_are_a_choice_and_few_are_links(
    asha: Client, nifty: Instrument
):
    few = asha.get("/options/NSE:NIFTY")
    for name in ("ALPHA", "BETA", "GAMMA", "DELTA"):
        owner = make_instrument(name, kind="stock", name=name)
        make_options(owner, EXPIRY, [100])
    many = asha.get("/options/NSE:NIFTY")

    assertNotContains(few, "options-other")
    assertContains(many, '<option value="NSE:GAMMA"')


def test_an_unknown_expiry_or_width_shows_the_nearest(asha: Client, nifty: Instrument):
    query = {"expiry": "2031-01-01", "strikes": "many"}

    assertContains(asha.get("/options/NSE:NIFTY", query), "Chain 23 Nov 2026")


def test_nothing_on_the_page_needs_an_inline_script(asha: Client, nifty: Instrument):
    page = asha.get("/options/NSE:NIFTY").content.decode()
    scripts = re.findall(r"<script([^>]*)>", page)

    assert all("src=" in tag or "application/json" in tag for tag in scripts)
    assert not re.search(r"\son[a-z]+=|style=|javascript:", page)


def test_the_part_that_refreshes_is_the_chain_alone(asha: Client, nifty: Instrument):
    part = asha.get("/_options/sight", {"symbol": "NSE:NIFTY", "strikes": "10"})

    assertContains(part, "data-chain")
    assertNotContains(part, "<html")


def test_the_queries_of_the_page_are_counted(
    asha: Client, nifty: Instrument, django_assert_num_queries: DjangoAssertNumQueries
):
    # Session, user; instrument; expiries, rules; underlyings; newest, options, spot;
    # then when it ends: a contract, and its calendar's exchange, hours, holidays.
    with django_assert_num_queries(15):
        asha.get("/options/NSE:NIFTY")
