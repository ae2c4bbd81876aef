"""Positions that the socket tells: they come, change and go on the page."""

from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from tests.accounts.builders import make_account, make_desk
from tests.e2e.browser import PATIENCE_MS, until, without_sockets
from tests.e2e.live_accounts import (
    BODY,
    BROKERS_OWN,
    CALL,
    FUTURE,
    PART,
    Book,
    Line,
    asked_by,
    field,
    row,
    streamed,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    # One browser and one site serve all pages, so one worker opens all pages.
    pytest.mark.xdist_group("pages"),
]


# --- positions ----------------------------------------------------------------------


def test_positions_come_change_and_go_without_a_request(
    page: Page, site: str, book: Book
):
    streamed(page, site)
    asked = asked_by(page)
    expect(field(row(page, FUTURE), "quantity")).to_have_text("+1,300")

    book.hold(FUTURE, 2600, average_price=Decimal("100.5"))
    book.hold("BANK26FUT", 15, last_price=Decimal("50000.05"))
    book.hold(BROKERS_OWN, 0, last_price=Decimal("0.05"))
    book.report()

    expect(field(row(page, FUTURE), "quantity")).to_have_text("+2,600")
    expect(field(row(page, FUTURE), "average_price")).to_have_text("100.50")
    expect(row(page, "BANK26FUT")).to_contain_text("not in our lists")
    expect(field(row(page, "BANK26FUT"), "price")).to_have_text("50,000.05")
    expect(row(page, BROKERS_OWN)).to_have_count(0)
    expect(page.locator("[data-positions-note]")).to_contain_text(
        "3 shown · 1 flat since the morning"
    )
    symbols = page.locator("[data-position] th").all_inner_texts()
    assert [text.split()[0] for text in symbols] == ["BANK26FUT", CALL, FUTURE]
    assert asked == []


def test_what_the_socket_does_not_tell_is_asked_for_once_a_position_moved(
    page: Page, site: str, book: Book
):
    streamed(page, site)
    asked = asked_by(page)
    book.hold(FUTURE, 2600)
    book.report()

    changes = page.get_by_role("region", name="What changed last")
    expect(changes).to_contain_text("+2,600", timeout=PATIENCE_MS)
    page.wait_for_selector(f"{BODY}[data-streamed]", timeout=PATIENCE_MS)
    assert len(asked) == 1


def test_without_a_socket_the_page_asks(page: Page, site: str, book: Book):
    """The control, and what is fallen back to."""
    without_sockets(page)
    page.goto(f"{site}/accounts/north-1/")
    asked = asked_by(page)
    book.hold(FUTURE, 2600)
    book.report()

    expect(field(row(page, FUTURE), "quantity")).to_have_text(
        "+2,600", timeout=PATIENCE_MS
    )
    assert asked


def test_the_filter_holds_for_what_the_socket_tells(page: Page, site: str, book: Book):
    streamed(page, site, "?symbol=nifty&product=NRML&flat=on")
    expect(page.locator("[data-position]")).to_have_count(2)

    book.hold("NIFTYMIS", 5, product="MIS")
    book.hold("OTHER", 5)
    book.hold(FUTURE, 0)
    book.hold("NIFTY27FUT", 5)
    book.report()

    expect(row(page, "NIFTY27FUT")).to_be_visible()
    expect(field(row(page, FUTURE), "quantity")).to_have_text("0")
    expect(page.locator("[data-position]")).to_have_count(3)


def test_a_row_that_changes_keeps_the_focus(page: Page, site: str, book: Book):
    streamed(page, site)
    link = row(page, FUTURE).get_by_role("link")
    link.focus()
    book.hold(FUTURE, 2600)
    book.hold("AAA", 1)
    book.report()

    expect(row(page, "AAA")).to_be_visible()
    expect(link).to_be_focused()


def test_the_focus_stays_when_the_part_is_asked_for(page: Page, site: str, book: Book):
    streamed(page, site)
    link = row(page, FUTURE).get_by_role("link")
    link.focus()
    with page.expect_response(lambda answer: PART in answer.url):
        page.evaluate("document.body.dispatchEvent(new Event('account-synced'))")

    expect(link).to_be_focused()
    page.wait_for_selector(f"{BODY}[data-streamed]", timeout=PATIENCE_MS)


def test_what_moves_is_not_read_aloud(page: Page, site: str, book: Book):
    streamed(page, site)
    aloud = page.locator("[aria-live], [role=status], [role=alert], [role=log]")
    assert aloud.count() > 0
    assert aloud.locator("[data-field]").count() == 0


def test_another_members_account_is_not_told(page: Page, site: str, book: Book):
    line = Line(page)
    south = make_account("south-1", make_desk("south"))
    streamed(page, site)
    book.hold("SECRET", 7)
    book.report(account=south)
    del book.positions["SECRET"]
    book.hold(FUTURE, 2600)
    book.report()

    expect(field(row(page, FUTURE), "quantity")).to_have_text("+2,600")
    assert not any("SECRET" in text for text in line.heard)
    # Also when it is asked for.
    page.evaluate(
        "async () => {"
        " const { pageStreams } = await import('/static/tradingsite/streams.js');"
        " pageStreams().follow('positions', ['south-1'], () => {}); }"
    )
    until(lambda: any('"unknown":["south-1"]' in text for text in line.heard), page)
    assert not any("SECRET" in text for text in line.heard)
