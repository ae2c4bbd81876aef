"""When an account's page says that it is stale, and when it asks."""

import datetime
import json

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts import portfolio
from accounts.models import AccountSync
from tests.e2e.browser import PATIENCE_MS, until, without_sockets
from tests.e2e.live_accounts import (
    BODY,
    FUTURE,
    SHARE,
    Book,
    Line,
    asked_by,
    field,
    row,
    streamed,
)
from tests.marketdata.builders import IST, make_instrument
from tradingsite.templatetags.figures import clock

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    # One browser and one site serve all pages, so one worker opens all pages.
    pytest.mark.xdist_group("pages"),
]


# A stream in which nothing moved for ten seconds is stale.
STALE_WITHIN_MS = 10_000 + PATIENCE_MS


# --- what is stale ------------------------------------------------------------------


def test_a_cut_socket_is_told_and_resumed_without_a_missing_event(
    page: Page, site: str, book: Book
):
    line = Line(page)
    streamed(page, site)
    book.hold(FUTURE, 1400)
    book.report()
    expect(field(row(page, FUTURE), "quantity")).to_have_text("+1,400")

    line.cut()
    note = page.locator("[data-stale-of=stream]")
    expect(note).to_be_visible()
    expect(note).to_contain_text("Stale since ")
    book.hold(FUTURE, 1500)
    book.report()
    book.hold("AAA", 1)
    book.report()
    book.hold(FUTURE, 1600)
    book.report()
    line.mend()

    expect(note).to_be_hidden(timeout=PATIENCE_MS)
    expect(field(row(page, FUTURE), "quantity")).to_have_text("+1,600")
    expect(row(page, "AAA")).to_be_visible()
    told = [text for text in line.heard if '"stream":"positions"' in text]
    assert not any('"type":"snapshot"' in text for text in told)
    assert [text.count('"type":"event"') for text in told if "event" in text] == [1] * 3
    assert any('"after":{"north-1":{' in text for text in line.said)


def test_a_socket_that_comes_back_at_once_is_not_worth_a_word(
    page: Page, site: str, book: Book
):
    """The control: it is resumed as well, and nobody is told."""
    line = Line(page)
    page.clock.install()
    streamed(page, site)
    page.evaluate(
        "() => { window.said = 0; const note = '[data-stale-of=stream]';"
        " new MutationObserver(() => { window.said += 1; })"
        ".observe(document.querySelector(note), {attributes: true}); }"
    )
    # However slow the machine is: for the page, hardly any time passes.
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))
    line.drop()
    until(lambda: passing(page, 1) and len(line.opened) == 2, page)
    page.wait_for_selector(f"{BODY}[data-streamed]", timeout=PATIENCE_MS)
    page.clock.resume()
    book.hold(FUTURE, 1400)
    book.report()

    expect(field(row(page, FUTURE), "quantity")).to_have_text("+1,400")
    assert page.evaluate("window.said") == 0


def passing(page: Page, milliseconds: int) -> bool:
    page.clock.run_for(milliseconds)
    return True


def test_prices_that_do_not_move_are_called_stale_and_live_again(
    page: Page, site: str, book: Book
):
    book.trade(FUTURE, 101.5)
    streamed(page, site)
    note = page.locator("[data-stale-of=prices]")
    expect(note).to_be_visible(timeout=STALE_WITHIN_MS)

    book.trade(FUTURE, 102.5)

    expect(note).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.locator("[data-stale]")).to_be_hidden()


def test_a_broker_that_is_behind_is_told_until_it_is_in_step(
    page: Page, site: str, book: Book
):
    long_ago = timezone.now() - datetime.timedelta(minutes=10)
    AccountSync.objects.update(last_sync_at=long_ago)
    streamed(page, site)
    note = page.locator("[data-stale-of=broker]")
    expect(note).to_contain_text("Stale since ")
    expect(note).to_contain_text(clock(long_ago))

    AccountSync.objects.update(last_sync_at=timezone.now())

    expect(note).to_be_hidden(timeout=PATIENCE_MS)
    expect(page.locator("#account-sync-state")).to_contain_text("In step")


# --- who asks -----------------------------------------------------------------------


def test_a_page_that_is_moved_does_not_ask(page: Page, site: str, book: Book):
    page.clock.install()
    streamed(page, site)
    asked = asked_by(page)
    for step in range(1, 13):
        book.trade(FUTURE, 101.0 + step)
        expect(field(row(page, FUTURE), "price")).to_have_text(f"{101 + step}.00")
        page.clock.fast_forward(1000)

    assert asked == []


HIDDEN = (
    "Object.defineProperty(document, 'hidden', {get: () => Boolean(window.isHidden)});"
    "window.hide = (isHidden) => { window.isHidden = isHidden;"
    " document.dispatchEvent(new Event('visibilitychange')); };"
)


def test_a_page_that_is_moved_asks_once_a_minute(page: Page, site: str, book: Book):
    page.clock.install()
    streamed(page, site)
    asked = asked_by(page)
    page.clock.fast_forward(45_000)
    page.wait_for_timeout(500)
    assert asked == []

    page.clock.fast_forward(16_000)
    until(lambda: len(asked) == 1, page)


def test_of_very_many_instruments_150_are_followed_and_the_rest_asked_for(
    page: Page, site: str, book: Book
):
    line = Line(page)
    ends = {"expires_on": book.day_after(9)}
    for number in range(160):
        make_instrument(f"FUT{number:03}", "DEMO", kind="future", **ends)
        book.hold(f"FUT{number:03}", 1)
    book.report()
    streamed(page, site)
    asked = asked_by(page)

    until(lambda: any('"stream":"quotes"' in text for text in line.said), page)
    said = [json.loads(text) for text in line.said]
    keys = [key for one in said if one.get("stream") == "quotes" for key in one["keys"]]
    assert len(keys) == len(set(keys)) == 150
    # What is held only as a share comes last.
    assert f"DEMO:{SHARE}" not in keys
    until(lambda: len(asked) == 1, page)


@pytest.mark.parametrize("has_socket", [True, False])
def test_a_hidden_page_does_not_ask(
    page: Page, site: str, book: Book, has_socket: bool
):
    page.add_init_script(HIDDEN)
    page.clock.install()
    line = Line(page) if has_socket else None
    if line:
        streamed(page, site)
    else:
        without_sockets(page)
        page.goto(f"{site}/accounts/north-1/")
    asked = asked_by(page)
    page.evaluate("hide(true)")
    # With a socket this would be asked for, without one every ten seconds.
    book.hold(FUTURE, 2600)
    book.report()
    if line:
        until(lambda: any('"event"' in text for text in line.heard), page)
    page.clock.fast_forward(11_000)
    page.wait_for_timeout(500)
    assert asked == []

    page.evaluate("hide(false)")
    page.clock.fast_forward(11_000)
    until(lambda: len(asked) == 1, page)
    expect(field(row(page, FUTURE), "quantity")).to_have_text("+2,600")


def test_a_past_instant_follows_nothing(page: Page, site: str, book: Book):
    taken_at = timezone.now() - datetime.timedelta(minutes=5)
    portfolio.take_snapshots([book.account], taken_at)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    at = timezone.localtime(timezone.now(), IST)
    page.goto(f"{site}/accounts/north-1/?as_of={at:%Y-%m-%dT%H:%M}")
    expect(page.get_by_text("As it was at")).to_be_visible()

    assert sockets == []
