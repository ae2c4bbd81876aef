"""The chart page in a real browser: it moves, it pages, it says when it cannot."""

import datetime
from pathlib import Path
from typing import Literal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from marketdata.models import Instrument, Label
from tests.e2e.browser import PATIENCE_MS
from tests.marketdata.builders import make_bar, make_instrument, save_bars

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(120),
    # One browser and one site serve all pages, so one worker opens all pages.
    pytest.mark.xdist_group("pages"),
]

MINUTE = datetime.timedelta(minutes=1)
CLOSE = "[data-legend] [data-field=close]"


def this_minute() -> datetime.datetime:
    return timezone.now().replace(second=0, microsecond=0)


def trade(
    instrument: Instrument, price: float, *, opened_at: datetime.datetime | None = None
) -> None:
    """Let the running minute close at ``price``, as the ingestor writes it."""
    now = timezone.now()
    opened_at = opened_at or this_minute()
    bar = make_bar(instrument, opened_at, price, high=24200.0, last_tick_at=now)
    save_bars([bar])


def minutes_up_to_now(instrument: Instrument, count: int) -> None:
    newest = this_minute()
    save_bars(
        [
            make_bar(
                instrument,
                newest - place * MINUTE,
                24100.0 + place % 50,
                open=24100.0 + (place + 3) % 50,
                high=24151.0,
                low=24099.0,
                volume=place % 7,
            )
            for place in range(count)
        ]
    )


def open_chart(page: Page, site: str, symbol: str = "DEMO:NIFTY") -> None:
    page.goto(f"{site}/chart/{symbol}")


def bars_on(page: Page) -> int:
    return int(page.locator("[data-chart-page]").get_attribute("data-bars") or 0)


def has_no_sideways_scroll(page: Page) -> bool:
    return bool(
        page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    )


def background_of_chart(page: Page) -> str:
    """Return the color the chart is painted on, away from its lines."""
    return str(
        page.evaluate(
            """() => {
                const canvas = document.querySelector("[data-chart] canvas");
                const pixel = canvas.getContext("2d").getImageData(1, 1, 1, 1).data;
                return [...pixel.slice(0, 3)].join();
            }"""
        )
    )


def test_the_price_moves_by_itself(page: Page, site: str, nifty: Instrument):
    trade(nifty, 24150.5)
    open_chart(page, site)
    expect(page.locator(CLOSE)).to_have_text("24,150.50")

    trade(nifty, 24163.25)

    expect(page.locator(CLOSE)).to_have_text("24,163.25", timeout=PATIENCE_MS)
    expect(page.locator("[data-status]")).to_have_text("Live")
    expect(page.locator("[data-last] [data-field=price]")).to_have_text("24,163.25")
    expect(page).to_have_title("24,163.25 · NIFTY · Tradingsite")


def test_a_new_minute_becomes_a_new_bar(page: Page, site: str, nifty: Instrument):
    trade(nifty, 24150, opened_at=this_minute() - MINUTE)
    open_chart(page, site)
    expect(page.locator("[data-chart-page]")).to_have_attribute("data-bars", "1")

    trade(nifty, 24155)

    expect(page.locator("[data-chart-page]")).to_have_attribute("data-bars", "2")
    expect(page.locator(CLOSE)).to_have_text("24,155.00")


def test_a_label_is_drawn_on_its_bar_and_told_with_it(
    page: Page, site: str, nifty: Instrument
):
    trade(nifty, 24150)
    Label.objects.create(
        user=User.objects.get(), instrument=nifty, label_type="bullish",
        resolution="1", bar_at=this_minute(),
    )  # fmt: skip

    open_chart(page, site)

    expect(page.locator("[data-chart-page]")).to_have_attribute("data-marks", "1")
    expect(page.locator("[data-legend] [data-field=marks]")).to_have_text("Bullish")
    page.locator("[data-resolution='60']").click()
    expect(page.locator("[data-chart-page]")).to_have_attribute("data-marks", "1")


def test_a_chart_without_a_connection_says_so_and_recovers(
    page: Page, site: str, nifty: Instrument, complaints: list[str]
):
    """Also the control of the moving price: cut off, the same page stands still."""
    trade(nifty, 24150)
    open_chart(page, site)
    expect(page.locator(CLOSE)).to_have_text("24,150.00")

    page.route("**/udf/history*", lambda route: route.fulfill(status=503, body="busy"))
    trade(nifty, 24170)
    expect(page.locator("[data-status]")).to_have_attribute("data-state", "offline")
    expect(page.locator(CLOSE)).to_have_text("24,150.00")

    page.unroute("**/udf/history*")
    expect(page.locator(CLOSE)).to_have_text("24,170.00")
    expect(page.locator("[data-status]")).to_have_attribute("data-state", "live")
    # The browser itself names each failed request.
    assert all("503" in complaint for complaint in complaints)
    complaints.clear()


def test_a_silent_market_says_since_when(page: Page, site: str, nifty: Instrument):
    at = this_minute() - 30 * MINUTE
    save_bars([make_bar(nifty, at, 24150.0, last_tick_at=at)])
    wall = at.astimezone(datetime.timezone(datetime.timedelta(hours=5, minutes=30)))

    open_chart(page, site)

    expect(page.locator("[data-status]")).to_contain_text("Stale since")
    expect(page.locator("[data-status]")).to_contain_text(f"{wall:%H:%M:%S}")


def test_scrolling_left_brings_older_bars(page: Page, site: str, nifty: Instrument):
    minutes_up_to_now(nifty, 1000)
    open_chart(page, site)
    expect(page.locator("[data-chart-page]")).to_have_attribute("data-bars", "300")
    chart = page.locator("[data-chart]").bounding_box()
    assert chart is not None

    page.mouse.move(chart["x"] + 300, chart["y"] + 200)
    for _ in range(40):
        page.mouse.wheel(-400, 0)

    page.wait_for_function(
        "Number(document.querySelector('[data-chart-page]').dataset.bars) >= 1000"
    )
    assert bars_on(page) in {1000, 1001}


def test_a_resolution_is_chosen_and_remembered(
    page: Page, site: str, nifty: Instrument
):
    minutes_up_to_now(nifty, 30)
    open_chart(page, site)

    with page.expect_request("**/udf/history*resolution=15*"):
        page.get_by_role("button", name="15m").click()
    expect(page.get_by_role("button", name="15m")).to_have_attribute(
        "aria-pressed", "true"
    )

    with page.expect_request("**/udf/history*resolution=15*"):
        page.reload()


def test_every_resolution_shows_the_last_price(
    page: Page, site: str, nifty: Instrument
):
    minutes_up_to_now(nifty, 200)
    trade(nifty, 24177.5)
    open_chart(page, site)

    for button in ("3m", "5m", "10m", "15m", "30m", "1h", "D", "W", "M", "1m"):
        with page.expect_response("**/udf/history*"):
            page.get_by_role("button", name=button, exact=True).click()
        expect(page.locator(CLOSE)).to_have_text("24,177.50")


def test_a_symbol_is_found_from_the_keyboard(page: Page, site: str, nifty: Instrument):
    make_instrument("BANKNIFTY", "DEMO", kind="index", name="Nifty Bank demo")
    trade(nifty, 24150)
    open_chart(page, site)

    page.keyboard.press("/")
    page.keyboard.type("nifty")
    expect(page.get_by_role("option")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url("**/chart/DEMO*BANKNIFTY")
    expect(page.get_by_role("heading", level=1)).to_have_text("BANKNIFTY")


def test_a_symbol_without_bars_explains_itself(
    page: Page, site: str, nifty: Instrument
):
    open_chart(page, site)

    expect(page.get_by_role("heading", name="No bars yet")).to_be_visible()
    trade(nifty, 24150)
    expect(page.get_by_role("heading", name="No bars yet")).to_be_hidden()
    expect(page.locator(CLOSE)).to_have_text("24,150.00")


def test_the_theme_reaches_the_chart(page: Page, site: str, nifty: Instrument):
    minutes_up_to_now(nifty, 60)
    open_chart(page, site)
    expect(page.locator(CLOSE)).not_to_be_empty()
    light = background_of_chart(page)

    page.locator("[data-theme-toggle]").click()
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    page.wait_for_function(
        """(light) => {
            const canvas = document.querySelector("[data-chart] canvas");
            const pixel = canvas.getContext("2d").getImageData(1, 1, 1, 1).data;
            return [...pixel.slice(0, 3)].join() !== light;
        }""",
        arg=light,
    )


@pytest.mark.parametrize(
    ("width", "height", "scheme"),
    [(1280, 800, "light"), (1280, 800, "dark"), (390, 844, "light")],
)
def test_the_page_fits_its_screen(
    page: Page,
    site: str,
    nifty: Instrument,
    tmp_path: Path,
    width: int,
    height: int,
    scheme: Literal["light", "dark"],
):
    minutes_up_to_now(nifty, 200)
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    open_chart(page, site)
    expect(page.locator(CLOSE)).not_to_be_empty()

    page.screenshot(path=tmp_path / f"chart-{scheme}-{width}.png")

    assert has_no_sideways_scroll(page)
    chart = page.locator("[data-chart]").bounding_box()
    assert chart is not None
    assert chart["width"] > width * 0.85
    assert chart["height"] > 300


def test_the_page_keeps_to_a_strict_content_policy(
    page: Page, site: str, nifty: Instrument
):
    """A breach is an error in the console, and the console must be silent."""

    def under_policy(route: Route) -> None:
        response = route.fetch()
        headers = response.headers | {"content-security-policy": "default-src 'self'"}
        route.fulfill(response=response, headers=headers)

    trade(nifty, 24150)
    # A page that did not come from the network may not open sockets into it.
    page.context.grant_permissions(["local-network-access"], origin=site)
    page.route("**/chart/*", under_policy)
    open_chart(page, site)
    expect(page.locator(CLOSE)).to_have_text("24,150.00")

    trade(nifty, 24151)

    expect(page.locator(CLOSE)).to_have_text("24,151.00")
