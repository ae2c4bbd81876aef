"""Pages that a socket moves: what is told is shown, though nobody wrote it down."""

import time

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from marketdata import quotes
from marketdata.bars import Bar
from marketdata.models import Instrument
from tests.e2e.browser import PATIENCE_MS, without_sockets
from tests.marketdata.builders import make_bar, save_bars
from tradingsite import redis as ground

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    # One browser and one site serve all pages, so one worker opens all pages.
    pytest.mark.xdist_group("pages"),
]

# The database has another price, so that only the socket can bring this one.
TOLD, WRITTEN = "24,171.75", "24,150.50"


@pytest.fixture
def traded(nifty: Instrument) -> Instrument:
    ground.client().delete(quotes.keys().prices)
    now = timezone.now()
    minute = now.replace(second=0, microsecond=0)
    save_bars([make_bar(nifty, minute, 24150.5, last_tick_at=now)])
    return nifty


def tell_until_shown(page: Page, place: Locator, instrument: Instrument) -> None:
    """Tell the price, as the ingestor does between flushes, until it is seen."""
    expect(place).to_have_text(WRITTEN, timeout=PATIENCE_MS)
    deadline = time.monotonic() + PATIENCE_MS / 1000
    number = 0
    while place.text_content() != TOLD:
        assert time.monotonic() < deadline, f"still {place.text_content()}"
        number += 1
        at = timezone.now().timestamp()
        price = 24171.75
        # The volume differs, so that it is news each time.
        bar = Bar(instrument.pk, int(at) // 60 * 60, price, price, price, price, at, at)
        bar.last_volume = number
        quotes.tell([bar])
        page.wait_for_timeout(100)


def test_a_told_price_moves_the_chart(page: Page, site: str, traded: Instrument):
    page.goto(f"{site}/chart/DEMO:NIFTY")
    close = page.locator("[data-legend] [data-field=close]")

    tell_until_shown(page, close, traded)

    expect(page.locator("[data-status]")).to_have_text("Live")


@pytest.mark.parametrize("path", ["/", "/monitor/"])
def test_a_told_price_moves_the_desk_and_the_monitor(
    page: Page, site: str, traded: Instrument, path: str
):
    Instrument.objects.filter(pk=traded.pk).update(has_derivatives=True)
    page.goto(f"{site}{path}")

    tell_until_shown(page, page.locator('[data-quote="DEMO:NIFTY"]').first, traded)


def test_without_a_socket_the_price_stands_until_it_is_written(
    page: Page, site: str, traded: Instrument
):
    """The control: the same page without sockets does not see what is only told."""
    without_sockets(page)
    page.goto(f"{site}/chart/DEMO:NIFTY")
    close = page.locator("[data-legend] [data-field=close]")

    with pytest.raises(AssertionError, match=r"still 24,150\.50"):
        tell_until_shown(page, close, traded)
