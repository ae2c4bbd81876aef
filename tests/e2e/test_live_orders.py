"""Orders that their stream moves: unasked, in place, and again after a break."""

from datetime import datetime
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import APIResponse, Page, Route, ViewportSize, expect

from accounts.models import Membership, User
from accounts.reported import ReportedOrder
from orders.models import OrderBook
from tests.accounts.builders import join, make_account
from tests.e2e.browser import PATIENCE_MS, asked_by, until, without_sockets
from tests.orders.builders import report, reported

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("pages"),
]

PHONE: ViewportSize = {"width": 390, "height": 844}
# While it is cut, no socket of the page is ever opened.
CUT = """
window.sockets = [];
const Real = window.WebSocket;
window.WebSocket = class extends Real {
  constructor(url) {
    if (window.isCut) {
      const dead = new EventTarget();
      dead.readyState = 3;
      setTimeout(() => dead.dispatchEvent(new CloseEvent("close", { code: 1006 })));
      return dead;
    }
    super(url);
    window.sockets.push(this);
  }
};
"""


class Desk:
    """An account of Asha's whose broker says what a test wants."""

    def __init__(self, slug: str = "north-1") -> None:
        self.account = make_account(slug)
        join(User.objects.get(username="asha"), self.account, Membership.Role.TRADER)
        self.orders: dict[str, ReportedOrder] = {}
        self.say(*[])

    def say(self, *orders: ReportedOrder) -> None:
        """Let the broker's book have these too, as the follower takes it over."""
        self.orders |= {one.order_id: one for one in orders}
        report(self.account, *self.orders.values(), at=timezone.now())

    def order(self, order_id: str, status: str = "OPEN", **facts: Any) -> None:
        now: datetime = timezone.now()
        times = {"placed_at": now, "changed_at": now}
        self.say(reported(order_id, status, **(times | facts)))

    @transaction.atomic
    def fail(self) -> None:
        OrderBook.objects.failed(
            self.account.pk,
            code="broker_timed_out",
            text="The broker did not answer.",
            now=timezone.now(),
            for_good=False,
        )


@pytest.fixture
def desk(nifty: object) -> Desk:
    desk = Desk()
    desk.order("1", symbol="ACME")
    return desk


def streamed(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("#orders-body[data-streamed]", timeout=PATIENCE_MS)


def row(page: Page, name: str) -> Any:
    return page.locator(f'tr[data-part="{name}"]')


@pytest.mark.parametrize("path", ["/orders/", "/orders/north-1/"])
def test_an_order_moves_where_it_stands_without_a_request(
    site: str, page: Page, desk: Desk, path: str
):
    streamed(page, f"{site}{path}")
    expect(page.locator("[data-orders-state]")).to_have_text("Live")
    asked = asked_by(page, "/_orders/")
    shown = row(page, "north-1/1")
    shown.locator("a").evaluate("link => { link.mine = true; link.focus() }")

    desk.order("1", filled_quantity=40, average_price=49.5)
    expect(shown).to_contain_text("40 of 100", timeout=PATIENCE_MS)
    desk.order("1", "COMPLETE", filled_quantity=100, average_price=49.75)

    expect(shown.locator(".badge")).to_have_text("Filled", timeout=PATIENCE_MS)
    expect(shown).to_contain_text("at 49.75")
    expect(shown.locator(".badge")).to_have_class("badge badge--good")
    assert page.evaluate("document.activeElement.mine") is True
    assert asked == []


def test_a_new_order_appears_and_one_that_left_the_filter_goes(
    site: str, page: Page, desk: Desk
):
    streamed(page, f"{site}/orders/north-1/?status=working")

    desk.order("2", symbol="BOLT")

    expect(row(page, "north-1/2")).to_contain_text("BOLT", timeout=PATIENCE_MS)
    asked = asked_by(page, "/_orders/list")
    desk.order("1", "REJECTED", status_message="No funds")
    expect(row(page, "north-1/1")).to_have_count(0, timeout=PATIENCE_MS)
    expect(row(page, "north-1/2")).to_have_count(1)
    assert len(asked) == 1
    page.get_by_role("link", name="Rejected").click()
    expect(row(page, "north-1/1")).to_contain_text("No funds")


def test_orders_of_several_accounts_stand_on_one_page(
    site: str, page: Page, desk: Desk
):
    other = Desk("north-2")
    other.order("1", symbol="BOLT")
    streamed(page, f"{site}/orders/")

    other.order("1", "CANCELLED", symbol="BOLT")

    badge = row(page, "north-2/1").locator(".badge")
    expect(badge).to_have_text("Canceled", timeout=PATIENCE_MS)
    expect(row(page, "north-1/1").locator(".badge")).to_have_text("Open")


def test_what_is_written_in_place_is_what_the_server_writes(
    site: str, page: Page, desk: Desk
):
    streamed(page, f"{site}/orders/")
    desk.order(
        "1",
        "TRIGGER PENDING",
        order_type="SL",
        quantity=125000,
        filled_quantity=1250,
        price=1234.5,
        trigger_price=1230,
        average_price=1234.4,
        status_message="By halves",
    )
    shown = row(page, "north-1/1")
    expect(shown).to_contain_text("1,250 of 1,25,000", timeout=PATIENCE_MS)
    told = " ".join(shown.inner_text().split())

    page.reload()

    assert " ".join(row(page, "north-1/1").inner_text().split()) == told


def test_the_timeline_of_the_order_that_is_shown_goes_on(
    site: str, page: Page, desk: Desk
):
    streamed(page, f"{site}/orders/north-1/")
    row(page, "north-1/1").locator("a").press("Enter")
    detail = page.locator("#order-detail")
    expect(detail).to_contain_text("Buy 100 ACME")
    assert "order=1" in page.url
    page.wait_for_selector("#order-detail[data-streamed]", timeout=PATIENCE_MS)

    desk.order("1", "REJECTED", status_message="Beyond the circuit limits")

    expect(detail).to_contain_text("Beyond the circuit limits", timeout=PATIENCE_MS)
    expect(detail.locator(".order-step").first).to_contain_text("was open")
    page.keyboard.press("x")
    expect(detail).to_be_hidden()


def test_a_socket_that_is_cut_is_said_and_what_was_missed_is_told(
    site: str, page: Page, desk: Desk
):
    page.add_init_script(CUT)
    streamed(page, f"{site}/orders/north-1/")
    state = page.locator("[data-orders-state]")
    page.evaluate("window.isCut = true; window.sockets.at(-1).close()")

    expect(state).to_contain_text("Not live since", timeout=PATIENCE_MS)
    asked = asked_by(page, "/_orders/list")
    desk.order("1", filled_quantity=70)
    # It asks while it cannot hear.
    expect(row(page, "north-1/1")).to_contain_text("70 of", timeout=PATIENCE_MS)
    assert asked
    page.evaluate("window.isCut = false; window.dispatchEvent(new Event('online'))")
    expect(state).to_have_text("Live", timeout=2 * PATIENCE_MS)
    del asked[:]
    desk.order("1", "COMPLETE", filled_quantity=100)
    badge = row(page, "north-1/1").locator(".badge")
    expect(badge).to_have_text("Filled", timeout=PATIENCE_MS)
    assert asked == []


def test_what_happens_while_the_table_is_being_written_is_shown(
    site: str, page: Page, desk: Desk
):
    streamed(page, f"{site}/orders/north-1/")
    held: list[tuple[Route, APIResponse]] = []
    page.route(
        "**/_orders/list*",
        lambda route: held.append((route, route.fetch())),
        times=1,
    )
    desk.order("2", symbol="BOLT")
    until(lambda: bool(held), page)
    desk.order("1", "COMPLETE", filled_quantity=100)
    badge = row(page, "north-1/1").locator(".badge")
    expect(badge).to_have_text("Filled", timeout=PATIENCE_MS)

    # The table as it was before that.
    (route, answer) = held[0]
    route.fulfill(response=answer)

    expect(row(page, "north-1/2")).to_have_count(1, timeout=PATIENCE_MS)
    expect(badge).to_have_text("Filled", timeout=PATIENCE_MS)


def test_who_may_see_an_account_no_more_is_led_to_the_log_in(
    site: str, page: Page, desk: Desk, complaints: list[str]
):
    other = Desk("north-2")
    other.order("1", symbol="BOLT")
    streamed(page, f"{site}/orders/")

    # Whose rights change must log in anew; the socket is closed and the page asks.
    Membership.objects.filter(account=other.account).delete()

    page.wait_for_url("**/login/?next=/orders/", timeout=PATIENCE_MS)
    complaints.clear()


def test_a_book_that_falls_behind_is_called_stale_and_live_again(
    site: str, page: Page, desk: Desk
):
    streamed(page, f"{site}/orders/north-1/")
    state = page.locator("[data-orders-state]")

    desk.fail()

    expect(state).to_contain_text("Stale since", timeout=PATIENCE_MS)
    expect(page.locator("[data-books-behind]")).to_contain_text("did not answer")
    desk.say()
    expect(state).to_have_text("Live", timeout=PATIENCE_MS)
    expect(page.locator("[data-books-behind]")).to_have_count(0)


def test_without_a_socket_the_page_asks(site: str, page: Page, desk: Desk):
    """The control, and what is fallen back to."""
    without_sockets(page)
    page.goto(f"{site}/orders/")
    asked = asked_by(page, "/_orders/list")

    desk.order("1", "COMPLETE", filled_quantity=100)

    badge = row(page, "north-1/1").locator(".badge")
    expect(badge).to_have_text("Filled", timeout=PATIENCE_MS)
    assert asked


HIDE = (
    "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    "document.dispatchEvent(new Event('visibilitychange'))"
)


def test_a_hidden_page_asks_nothing_and_catches_up(site: str, page: Page, desk: Desk):
    streamed(page, f"{site}/orders/")
    page.evaluate(HIDE % "true")
    asked = asked_by(page, "/_orders/")

    desk.order("1", filled_quantity=20)
    desk.order("2", symbol="BOLT")
    # The first is written in place, so the second was heard too.
    expect(row(page, "north-1/1")).to_contain_text("20 of", timeout=PATIENCE_MS)
    page.wait_for_timeout(3500)
    assert asked == []
    page.evaluate(HIDE % "false")

    expect(row(page, "north-1/2")).to_have_count(1, timeout=PATIENCE_MS)


def test_the_keys_lead_to_the_orders_and_to_the_filter(
    site: str, page: Page, desk: Desk
):
    desk.order("2", symbol="BOLT")
    page.goto(f"{site}/")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_selector("#orders-body[data-streamed]", timeout=PATIENCE_MS)
    page.keyboard.press("f")
    page.keyboard.type("bol")
    page.keyboard.press("Enter")
    expect(row(page, "north-1/2")).to_have_count(1)
    expect(row(page, "north-1/1")).to_have_count(0)


@pytest.mark.parametrize(
    "place", ["/orders/", "/orders/north-1/", "/orders/north-1/?order=3"]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it(
    site: str, page: Page, desk: Desk, place: str, scheme: Any
):
    desk.order("2", "REJECTED", status_message="Insufficient funds. " * 8)
    desk.order("3", symbol="NIFTY26DEC24000CE", quantity=125000)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size(PHONE)
    page.goto(f"{site}{place}")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for table in page.locator(".table-wrap").all():
        assert table.evaluate("box => box.scrollWidth - box.clientWidth") <= 0


def test_no_account_of_ones_own_is_followed(site: str, page: Page, desk: Desk):
    stranger = make_account("south-1")
    report(stranger, reported("9", symbol="SECRET"), at=timezone.now())
    streamed(page, f"{site}/orders/")
    report(stranger, reported("9", "COMPLETE", symbol="SECRET"), at=timezone.now())
    desk.order("1", filled_quantity=10)
    expect(row(page, "north-1/1")).to_contain_text("10 of", timeout=PATIENCE_MS)
    assert "SECRET" not in page.content()
