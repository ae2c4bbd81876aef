"""Chain and monitor that a stream moves: unasked, in place, stale when it is silent."""

import datetime
import json
import time

import pytest
from django.utils import timezone
from playwright.sync_api import APIResponse, Page, Route, WebSocketRoute, expect

from marketdata import quotes
from marketdata.bars import Bar
from marketdata.models import Instrument
from tests.e2e.browser import PATIENCE_MS, asked_by, until, without_sockets
from tests.marketdata.builders import IST
from tests.marketdata.chains import Line, Quote, make_options, save_chain
from tradingsite import redis as ground

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("pages"),
]

STEPS = [(23_800, 255, 45), (23_900, 180, 70), (24_000, 115, 105), (24_100, 65, 155)]
LINES = [
    Line(strike, Quote(call, 1000, 10), Quote(put, 2000, 20))
    for strike, call, put in STEPS
]
MONEY = ".chain__money [data-leg=CE]"
# A chain in which nothing moved for ten seconds is stale.
STALE_WITHIN_MS = 10_000 + PATIENCE_MS


class Chain:
    """NIFTY's options of a week; they traded some minutes ago."""

    def __init__(self, nifty: Instrument) -> None:
        ground.client().delete(quotes.keys().prices)
        Instrument.objects.filter(pk=nifty.pk).update(has_derivatives=True)
        now = timezone.now().astimezone(IST)
        self.expiries = [
            (now + datetime.timedelta(days=days)).date().isoformat() for days in (7, 14)
        ]
        minute = f"{now - datetime.timedelta(minutes=3):%Y-%m-%d %H:%M}"
        strikes = [line.strike for line in LINES]
        made = [make_options(nifty, day, strikes) for day in self.expiries]
        for options in made:
            save_chain(nifty, options, LINES, minute, spot=24_000)
        self.near, self.far = made
        self.volume = 100

    def tell(self, price: float, *, far: bool = False) -> None:
        """Let the call at 24,000 trade now, as the ingestor tells it."""
        option = (self.far if far else self.near)[24_000.0, "CE"]
        at = timezone.now().timestamp()
        self.volume += 1
        bar = Bar(option.pk, int(at) // 60 * 60, price, price, price, price, at, at)
        bar.last_volume = self.volume
        quotes.remember([bar])


@pytest.fixture
def chain(nifty: Instrument) -> Chain:
    return Chain(nifty)


def streamed(page: Page, address: str) -> None:
    """Open a page and wait until a stream moves it."""
    page.goto(address)
    page.wait_for_selector("[data-streamed]", timeout=PATIENCE_MS)


# --- options ------------------------------------------------------------------------


def test_the_chain_moves_without_a_request(site: str, page: Page, chain: Chain):
    streamed(page, f"{site}/options/DEMO:NIFTY")
    asked = asked_by(page, "/_options/sight")
    expect(page.locator(MONEY)).to_have_text("115.00")

    chain.tell(121.5)

    expect(page.locator(MONEY)).to_have_text("121.50", timeout=PATIENCE_MS)
    expect(page.locator("[data-chain-state]")).to_contain_text("Live")
    assert asked == []


def test_without_a_socket_the_chain_asks(site: str, page: Page, chain: Chain):
    """The control, and what is fallen back to."""
    without_sockets(page)
    page.goto(f"{site}/options/DEMO:NIFTY")
    asked = asked_by(page, "/_options/sight")

    chain.tell(121.5)

    expect(page.locator(MONEY)).to_have_text("121.50", timeout=PATIENCE_MS)
    assert asked


def test_a_chain_of_which_nothing_could_be_computed_yet_is_asked_for(
    site: str, page: Page, chain: Chain
):
    def serve(socket: WebSocketRoute) -> None:
        def answer(message: str | bytes) -> None:
            said = json.loads(message)
            if said.get("stream") == "options":
                named = {"stream": "options", "key": said["keys"][0]}
                empty = {"type": "snapshot", "is_last": True, "data": {}}
                socket.send(json.dumps(empty | named))

        socket.on_message(answer)
        socket.send(json.dumps({"type": "welcome", "streams": ["options"]}))

    page.route_web_socket("**/ws/desk", serve)
    page.goto(f"{site}/options/DEMO:NIFTY")

    chain.tell(121.5)

    expect(page.locator(MONEY)).to_have_text("121.50", timeout=PATIENCE_MS)


def test_a_socket_that_is_lost_is_asked_for_again(site: str, page: Page, chain: Chain):
    page.add_init_script(
        "window.sockets = []; const Real = window.WebSocket;"
        "window.WebSocket = class extends Real {"
        " constructor(url) { super(url); window.sockets.push(this); } };"
    )
    streamed(page, f"{site}/options/DEMO:NIFTY")
    page.evaluate("window.sockets.at(-1).close()")

    until(lambda: page.evaluate("window.sockets.length") == 2, page)
    page.wait_for_selector("[data-streamed]", timeout=PATIENCE_MS)
    chain.tell(122.5)
    expect(page.locator(MONEY)).to_have_text("122.50", timeout=PATIENCE_MS)


def test_while_the_site_is_gone_nothing_is_called_live(
    site: str, page: Page, chain: Chain, complaints: list[str]
):
    page.add_init_script(
        "window.sockets = []; const Real = window.WebSocket;"
        "window.WebSocket = class extends Real {"
        " constructor(url) { super(window.isGone ? 'ws://127.0.0.1:1' : url);"
        " window.sockets.push(this); } };"
    )
    chain.tell(116.5)
    streamed(page, f"{site}/options/DEMO:NIFTY")
    state = page.locator("[data-chain-state]")
    expect(state).to_contain_text("Live")
    page.route("**/_options/**", lambda route: route.abort())
    page.evaluate("window.isGone = true; window.sockets.at(-1).close()")

    expect(state).to_contain_text("Stale since", timeout=PATIENCE_MS)
    expect(page.locator("[data-connection-lost]")).to_be_visible(timeout=PATIENCE_MS)
    page.unroute("**/_options/**")
    page.evaluate("window.isGone = false")
    chain.tell(117.5)
    expect(state).to_contain_text("Live", timeout=PATIENCE_MS)
    expect(page.locator("[data-connection-lost]")).to_be_hidden()
    # The browser says of each attempt that it failed.
    complaints.clear()


def test_what_moves_stays_the_same_element_with_its_focus(
    site: str, page: Page, chain: Chain
):
    streamed(page, f"{site}/options/DEMO:NIFTY")
    page.locator(MONEY).focus()
    page.evaluate("document.activeElement.mine = true")
    height = page.evaluate("document.body.scrollHeight")

    chain.tell(123.5)

    expect(page.locator(MONEY)).to_have_text("123.50", timeout=PATIENCE_MS)
    assert page.evaluate("document.activeElement.mine") is True
    assert page.evaluate("document.body.scrollHeight") == height


def test_what_moves_while_the_chain_is_being_written_is_shown(
    site: str, page: Page, chain: Chain
):
    streamed(page, f"{site}/options/DEMO:NIFTY")
    held: list[tuple[Route, APIResponse]] = []
    page.route(
        "**/_options/sight*",
        lambda route: held.append((route, route.fetch())),
        times=1,
    )
    table = page.locator("[data-chain]")
    table.evaluate("table => { table.isOld = true; }")
    page.locator("#options-sight").evaluate(
        "part => { part.removeAttribute('data-streamed');"
        " htmx.trigger(part, 'ask-anew'); }"
    )
    until(lambda: bool(held), page)
    chain.tell(121.5)
    expect(page.locator(MONEY)).to_have_text("121.50", timeout=PATIENCE_MS)

    # The chain as it was before that.
    (route, answer) = held[0]
    route.fulfill(response=answer)

    until(lambda: not table.evaluate("table => Boolean(table.isOld)"), page)
    assert page.locator(MONEY).inner_text() == "121.50"


def test_the_charts_follow_the_stream(site: str, page: Page, chain: Chain):
    streamed(page, f"{site}/options/DEMO:NIFTY")
    before = page.locator("[data-smile]").inner_html()

    chain.tell(140.5)

    until(lambda: page.locator("[data-smile]").inner_html() != before, page)


def test_a_chain_that_falls_silent_is_called_stale_and_live_again(
    site: str, page: Page, chain: Chain
):
    chain.tell(116.5)
    streamed(page, f"{site}/options/DEMO:NIFTY")
    state = page.locator("[data-chain-state]")
    expect(state).to_contain_text("Live")
    last = state.inner_text().removeprefix("Live ")

    expect(state).to_have_text(f"Stale since {last}", timeout=STALE_WITHIN_MS)
    chain.tell(117.5)

    expect(state).to_contain_text("Live", timeout=PATIENCE_MS)


def test_a_chain_that_goes_on_is_not_called_stale(site: str, page: Page, chain: Chain):
    """The control."""
    chain.tell(116.5)
    streamed(page, f"{site}/options/DEMO:NIFTY")
    state = page.locator("[data-chain-state]")
    said = set()
    deadline = time.monotonic() + 13
    while time.monotonic() < deadline:
        chain.tell(116.5 + chain.volume % 10)
        page.wait_for_timeout(400)
        said.add(state.inner_text().partition(" ")[0])

    assert said == {"Live"}


def test_a_past_minute_follows_nothing(site: str, page: Page, chain: Chain):
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    at = timezone.now().astimezone(IST) - datetime.timedelta(minutes=3)
    page.goto(f"{site}/options/DEMO:NIFTY?at={at:%Y-%m-%dT%H:%M}")
    expect(page.locator("[data-smile] svg")).to_be_visible()

    chain.tell(121.5)
    page.wait_for_timeout(2500)

    assert sockets == []
    expect(page.locator(MONEY)).to_have_text("115.00")


# --- monitor ------------------------------------------------------------------------

AT_MONEY = '.monitor-chain__atm [data-field="call.price"]'


def test_the_monitor_moves_without_a_request(site: str, page: Page, chain: Chain):
    streamed(page, f"{site}/monitor/")
    asked = asked_by(page, "/_monitor/sight")
    expect(page.locator(AT_MONEY)).to_have_text("115.00")

    chain.tell(121.5)

    expect(page.locator(AT_MONEY)).to_have_text("121.50", timeout=PATIENCE_MS)
    assert asked == []


def test_without_a_socket_the_monitor_asks(site: str, page: Page, chain: Chain):
    """The control, and what is fallen back to."""
    without_sockets(page)
    page.goto(f"{site}/monitor/")
    asked = asked_by(page, "/_monitor/sight")

    chain.tell(121.5)

    expect(page.locator(AT_MONEY)).to_have_text("121.50", timeout=PATIENCE_MS)
    assert asked


def test_another_expiry_is_followed_once_it_is_chosen(
    site: str, page: Page, chain: Chain
):
    streamed(page, f"{site}/monitor/")
    page.keyboard.press("]")
    far = page.locator(f"#expiry-{chain.expiries[1]}")
    expect(far).to_have_attribute("aria-current", "true")
    page.wait_for_selector(
        f'[data-streamed][data-stream-key$="{chain.expiries[1]}"]',
        timeout=PATIENCE_MS,
    )
    asked = asked_by(page, "/_monitor/sight")

    chain.tell(131.5, far=True)

    expect(page.locator(AT_MONEY)).to_have_text("131.50", timeout=PATIENCE_MS)
    expect(far).to_have_attribute("aria-current", "true")
    assert asked == []


@pytest.mark.parametrize("path", ["/options/DEMO:NIFTY", "/monitor/"])
def test_who_wants_less_motion_sees_no_flash(
    site: str, page: Page, chain: Chain, path: str
):
    page.emulate_media(reduced_motion="reduce")
    streamed(page, f"{site}{path}")

    color = page.evaluate(
        "() => { const cell = document.querySelector('[data-live] td');"
        " const before = getComputedStyle(cell).backgroundColor;"
        " cell.classList.add('moved');"
        " return [before, getComputedStyle(cell).backgroundColor]; }"
    )

    assert color[0] == color[1]


@pytest.mark.parametrize(
    ("path", "part"),
    [("/options/DEMO:NIFTY", "#options-sight"), ("/monitor/", "#monitor-sight")],
)
def test_the_stream_writes_figures_as_the_server_does(
    site: str, page: Page, chain: Chain, path: str, part: str
):
    streamed(page, f"{site}{path}")
    page.wait_for_timeout(1500)
    told = page.locator(part).inner_text()
    without_sockets(page)
    page.goto(f"{site}{path}")

    # The first are written by the stream, the second by the server.
    assert page.locator(part).inner_text() == told
