"""The options page in a real browser: chain, curves, legs, keys and the past."""

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from marketdata.models import Instrument
from tests.e2e.browser import without_sockets
from tests.marketdata.builders import IST
from tests.marketdata.chains import Line, Quote, make_options, save_chain

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

STEPS = [(23_800, 255, 45), (23_900, 180, 70), (24_000, 115, 105), (24_100, 65, 155)]
LINES = [
    Line(strike, Quote(call, 1000, 10), Quote(put, 2000, 20))
    for strike, call, put in STEPS
]


@pytest.fixture
def chain(nifty: Instrument) -> Instrument:
    now = timezone.now().astimezone(IST)
    expiry = (now + datetime.timedelta(days=7)).date().isoformat()
    options = make_options(nifty, expiry, [line.strike for line in LINES])
    minute = now - datetime.timedelta(minutes=1)
    save_chain(nifty, options, LINES, f"{minute:%Y-%m-%d %H:%M}", spot=24_000)
    return nifty


def test_a_price_becomes_a_leg_and_the_payoff_is_drawn(
    site: str, page: Page, chain: Instrument
):
    page.goto(f"{site}/options/DEMO:NIFTY")
    expect(page.locator("[data-smile] svg")).to_be_visible()
    expect(page.locator("[data-interest] svg rect")).to_have_count(8)

    page.locator(".chain__money [data-leg=CE]").click()

    expect(page.locator("[data-leg-rows]")).to_contain_text("Buy 24000 call")
    expect(page.locator("[data-facts]")).to_contain_text("without limit")
    expect(page.locator("[data-facts]")).to_contain_text("24,115.00")
    expect(page.locator("[data-payoff] .curve__line--expiry")).to_be_visible()


def test_keys_walk_through_the_chain_and_sell(site: str, page: Page, chain: Instrument):
    page.goto(f"{site}/options/DEMO:NIFTY")
    page.locator(".chain__money [data-leg=CE]").focus()

    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("s")

    expect(page.locator("[data-leg-rows]")).to_contain_text("Sell 23900 put")


def test_a_refresh_keeps_the_focus(site: str, page: Page, chain: Instrument):
    without_sockets(page)
    page.goto(f"{site}/options/DEMO:NIFTY")
    page.locator(".chain__money [data-leg=PE]").focus()

    with page.expect_response(lambda answer: "/_options/sight" in answer.url):
        pass
    page.wait_for_function("document.activeElement?.dataset.leg === 'PE'")


def test_a_preset_fills_its_legs_and_clear_takes_them_away(
    site: str, page: Page, chain: Instrument
):
    page.goto(f"{site}/options/DEMO:NIFTY")

    page.locator("[data-presets]").select_option("straddle")
    expect(page.locator("[data-leg-rows] tr")).to_have_count(2)
    page.locator("[data-clear]").click()

    expect(page.locator("[data-no-legs]")).to_be_visible()


def test_the_payoff_is_read_by_keys_and_its_scenarios_by_volatility(
    site: str, page: Page, chain: Instrument
):
    page.goto(f"{site}/options/DEMO:NIFTY")
    page.locator("[data-presets]").select_option("straddle")
    calm = page.locator("[data-scenarios] tr").nth(1)
    expect(calm).to_contain_text("now")
    before = calm.inner_text()

    page.locator("[data-payoff]").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("[data-readout]")).to_contain_text("at expiry")
    page.locator("[data-shift]").select_option("0.05")

    expect(calm).not_to_have_text(before)


def test_open_interest_is_shown_or_what_changed_of_it(
    site: str, page: Page, chain: Instrument
):
    page.goto(f"{site}/options/DEMO:NIFTY")
    expect(page.locator("[data-interest] svg rect")).to_have_count(8)

    page.locator("[data-change]").click()

    expect(page.locator("[data-interest]")).to_contain_text("an hour ago")
    expect(page.locator("[data-change]")).to_have_attribute("aria-pressed", "true")


def test_hours_without_a_story_say_so(site: str, page: Page, chain: Instrument):
    page.goto(f"{site}/options/DEMO:NIFTY")

    expect(page.locator("[data-ratio]")).to_contain_text("five minutes")
    expect(page.locator("[data-volatility]")).to_contain_text("five minutes")
