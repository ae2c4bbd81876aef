"""The monitor in a real browser: it moves, tabs and keys work, the phone holds it."""

import datetime
from typing import Literal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, ViewportSize, expect

from marketdata.models import Instrument
from tests.e2e.browser import without_sockets
from tests.marketdata.builders import make_bar, make_instrument, save_bars
from tests.marketdata.chains import make_options

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PHONE: ViewportSize = {"width": 390, "height": 844}
SOON_MS = 8_000
STRIKES = [23_900.0, 24_000.0, 24_100.0]


def day_after(days: int) -> str:
    return (timezone.now() + datetime.timedelta(days=days)).date().isoformat()


def trade(instrument: Instrument, price: float, interest: int = 1000) -> None:
    """Write a tick at ``price`` as the ingestor does."""
    now = timezone.now()
    minute = now.replace(second=0, microsecond=0)
    bar = make_bar(instrument, minute, price, last_tick_at=now, open_interest=interest)
    save_bars([bar])


@pytest.fixture
def listed(nifty: Instrument) -> Instrument:
    """NIFTY with a future, and options of two expiries around 24,000."""
    Instrument.objects.filter(pk=nifty.pk).update(has_derivatives=True)
    future = make_instrument(
        "NIFTY26FUT",
        "DEMO",
        kind="future",
        underlying=nifty,
        expires_on=day_after(2),
        lot_size=65,
    )
    trade(nifty, 24_000.0)
    trade(future, 24_060.0)
    for days in (2, 9):
        for (strike, kind), option in make_options(
            nifty, day_after(days), STRIKES
        ).items():
            inner = max(24_000.0 - strike if kind == "CE" else strike - 24_000.0, 0.0)
            trade(option, inner + 50.0)
    return nifty


def test_the_price_on_the_monitor_moves_by_itself(
    page: Page, site: str, listed: Instrument
):
    page.goto(f"{site}/monitor/")
    figures = page.get_by_role("region", name="NIFTY", exact=True)
    expect(figures.get_by_text("24,000.00").first).to_be_visible()

    trade(listed, 24_012.5)

    expect(figures.get_by_text("24,012.50")).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_text("+60.00")).to_be_hidden(timeout=SOON_MS)


def test_keys_go_to_the_next_expiry_and_back(page: Page, site: str, listed: Instrument):
    without_sockets(page)
    page.goto(f"{site}/monitor/")
    near, far = (page.locator(f"#expiry-{day_after(days)}") for days in (2, 9))
    expect(near).to_have_attribute("aria-current", "true")

    page.keyboard.press("]")
    expect(far).to_have_attribute("aria-current", "true")
    page.wait_for_url(f"**expiry={day_after(9)}")
    # It stays so when the part asks for itself again.
    with page.expect_response(f"**/_monitor/sight?**expiry={day_after(9)}"):
        pass
    expect(far).to_have_attribute("aria-current", "true")

    page.keyboard.press("[")
    expect(near).to_have_attribute("aria-current", "true")


def test_the_focus_stays_when_the_part_is_replaced(
    page: Page, site: str, listed: Instrument
):
    without_sockets(page)
    page.goto(f"{site}/monitor/")
    far = page.locator(f"#expiry-{day_after(9)}")
    far.focus()

    with page.expect_response("**/_monitor/sight?**"):
        pass

    expect(far).to_be_focused()


def test_a_key_leads_to_the_monitor(page: Page, site: str, listed: Instrument):
    page.goto(site)
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url(f"{site}/monitor/")


def test_an_old_monitor_is_called_stale(page: Page, site: str, listed: Instrument):
    page.goto(f"{site}/monitor/")

    expect(page.get_by_text("No ticks yet")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_monitor_fits_a_phone(
    page: Page, site: str, listed: Instrument, scheme: Literal["light", "dark"]
):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(PHONE)
    page.goto(f"{site}/monitor/")

    expect(page.get_by_role("table").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
