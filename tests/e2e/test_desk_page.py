"""The desk and the shell in a real browser: it moves, keys and themes work."""

from datetime import datetime, time, timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, ViewportSize, expect

from accounts.models import Session
from marketdata.models import Instrument, ShardPosition
from tests.e2e.browser import PATIENCE_MS
from tests.marketdata.builders import IST, make_bar, save_bars

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    # One browser and one site serve all pages, so one worker opens all pages.
    pytest.mark.xdist_group("pages"),
]

PHONE: ViewportSize = {"width": 390, "height": 844}
SOON_MS = 8_000


def trade(instrument: Instrument, price: float) -> None:
    """Write a tick at ``price`` as the ingestor does: the bar and the position."""
    now = timezone.now()
    minute = now.replace(second=0, microsecond=0)
    save_bars([make_bar(instrument, minute, price, last_tick_at=now)])
    ShardPosition.objects.update_or_create(
        stream="ticks:0",
        defaults={"epoch": "a", "clock_at": now, "last_tick_at": now},
    )


def test_the_price_on_the_desk_moves_by_itself(
    page: Page, site: str, nifty: Instrument
):
    trade(nifty, 24150.5)
    page.goto(site)
    table = page.get_by_role("region", name="Market")
    expect(table.get_by_text("24,150.50").first).to_be_visible()

    trade(nifty, 24151.25)

    expect(table.get_by_text("24,151.25").first).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_a_silent_feed_is_called_stale(page: Page, site: str, nifty: Instrument):
    trade(nifty, 24150.5)
    ShardPosition.objects.update(last_tick_at=timezone.now() - timedelta(seconds=30))
    page.goto(site)
    expect(page.get_by_text("Stale since")).to_be_visible()


def test_health_comes_to_the_desk(page: Page, site: str):
    page.goto(site)
    expect(page.get_by_role("heading", name="Health")).to_be_visible(timeout=SOON_MS)


def test_keys_lead_through_the_site(page: Page, site: str):
    page.goto(site)
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search for a symbol")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 400})

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()

    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/chart/DEMO:NIFTY")
    page.keyboard.press("g")
    page.keyboard.press("d")
    page.wait_for_url(f"{site}/")
    expect(page.get_by_role("link", name="Desk")).to_have_attribute(
        "aria-current", "page"
    )


def test_a_chosen_theme_is_kept(page: Page, site: str):
    page.emulate_media(color_scheme="light")
    page.goto(site)
    page.get_by_role("button", name="Use the dark theme").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    expect(page.get_by_role("button", name="Use the light theme")).to_be_visible()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(12, 18, 27)"


@pytest.mark.parametrize("path", ["/", "/password/", "/nothing/here"])
def test_no_page_scrolls_sideways_on_a_phone(
    page: Page, site: str, nifty: Instrument, complaints: list[str], path: str
):
    trade(nifty, 24150.5)
    page.set_viewport_size(PHONE)
    page.goto(f"{site}{path}")
    width = page.evaluate("document.documentElement.scrollWidth")
    # The missing page is a 404, of which the console complains by design.
    complaints.clear()
    assert width == PHONE["width"]


def test_a_lost_connection_is_told(
    page: Page, site: str, complaints: list[str], nifty: Instrument
):
    trade(nifty, 24150.5)
    page.goto(site)
    badge = page.locator("[data-live-badge]")
    expect(badge).to_have_text("Live")
    page.context.set_offline(True)
    lost = page.locator("[data-connection-lost]")
    expect(lost).to_be_visible(timeout=SOON_MS)
    # Nothing is called live of which nothing is known.
    expect(badge).to_have_text("Not heard")
    # In the zone of the page, whichever that of the browser is.
    since = time.fromisoformat(lost.locator("time").inner_text())
    now = timezone.now().astimezone(IST)
    assert (now - datetime.combine(now.date(), since, IST)).seconds < 60
    page.context.set_offline(False)
    expect(lost).to_be_hidden(timeout=SOON_MS)
    trade(nifty, 24150.5)
    expect(badge).to_have_text("Live", timeout=SOON_MS)
    complaints.clear()


def test_a_session_that_ended_leads_to_the_log_in(page: Page, site: str):
    page.goto(site)
    Session.objects.all().delete()
    page.wait_for_url("**/login/?next=/", timeout=SOON_MS)


def test_one_can_log_in_and_out_without_scripts(
    browser: Browser, site: str, nifty: Instrument
):
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(site)
    page.fill("input[name=username]", "asha")
    page.fill("input[name=password]", "asha-example")
    page.click("main button[type=submit]")
    page.locator("summary").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login/")
    context.close()
