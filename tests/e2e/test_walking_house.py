"""The whole product in one browser session: one command, log in, a live candle."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import log_in, remember_complaints
from tests.servers import throw_away_folder
from tests.tradingsite.test_up import Up

pytestmark = [
    pytest.mark.browser,
    pytest.mark.own_server,
    pytest.mark.timeout(240),
]

# The simulator makes several ticks a second; a minute closes within a minute.
MOVES_WITHIN_MS = 20_000
CLOSES_WITHIN_MS = 75_000
CLOSE = "[data-legend] [data-field=close]"


@pytest.fixture
def house() -> Iterator[Up]:
    """The site, started by one command in an empty folder."""
    with throw_away_folder() as folder:
        up = Up(Path(folder))
        try:
            up.wait_ready()
            yield up
            assert up.end() == 0, up.output
        finally:
            up.close()


def test_a_newcomer_types_one_command_and_sees_a_market_move(
    browser: Browser, house: Up, tmp_path: Path
):
    told = json.loads((house.data / "demo.json").read_text())
    complaints: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    remember_complaints(page, complaints)
    log_in(page, told["url"], told["username"], told["password"])
    page.screenshot(path=tmp_path / "desk.png")

    page.goto(f"{told['url']}/chart/DEMO:NIFTY")
    expect(page.locator(CLOSE)).not_to_be_empty(timeout=MOVES_WITHIN_MS)
    sees_the_price_move(page)
    sees_a_new_bar(page)

    page.screenshot(path=tmp_path / "chart.png")
    page.close()
    assert complaints == []


def sees_the_price_move(page: Page) -> None:
    before = page.locator(CLOSE).inner_text()
    expect(page.locator(CLOSE)).not_to_have_text(before, timeout=MOVES_WITHIN_MS)
    expect(page.locator("[data-status]")).to_have_text("Live")


def sees_a_new_bar(page: Page) -> None:
    chart = page.locator("[data-chart-page]")
    before = chart.get_attribute("data-bars")
    assert before is not None
    expect(chart).not_to_have_attribute("data-bars", before, timeout=CLOSES_WITHIN_MS)
