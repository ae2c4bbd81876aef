"""An account in a real browser: figures, keys, the curve, a look back, the phone."""

import datetime
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, ViewportSize, expect

from accounts import portfolio
from accounts.models import AccountSnapshot, Membership, TradingAccount, User
from tests.accounts.builders import join, make_account
from tests.accounts.portfolios import holding, position
from tests.accounts.test_portfolio import give

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture
def held(nifty: object) -> TradingAccount:
    """An account of Asha's with rows, synced just now, and a snapshot of it."""
    account = make_account("north-1")
    join(User.objects.get(username="asha"), account.desk, Membership.Role.TRADER)
    now = timezone.now()
    give(
        account,
        at=now,
        positions=[
            position("NIFTY26JANFUT", 1300, exchange="DEMO", last_price=Decimal(101)),
            position("NIFTY26JAN24000CE", -650, exchange="DEMO", product="MIS"),
        ],
        holdings=[holding("RELIANCE", 120, exchange="DEMO")],
    )
    assert portfolio.take_snapshots([account], now + datetime.timedelta(seconds=1)) == 1
    return account


def test_the_keys_lead_to_an_account_and_its_figures(
    page: Page, site: str, held: TradingAccount
):
    page.goto(f"{site}/")
    page.keyboard.press("g")
    page.keyboard.press("u")
    page.get_by_role("link", name="NORTH-1").click()
    expect(page.get_by_role("heading", name="NORTH-1")).to_be_visible()
    positions = page.get_by_role("region", name="Positions")
    expect(positions).to_contain_text("+1,300.00")
    expect(page.get_by_role("region", name="Holdings")).to_contain_text("RELIANCE")
    expect(page.locator("[data-curve] canvas").first).to_be_visible()
    expect(page.locator("[data-curve-none]")).to_be_hidden()
    page.get_by_role("button", name="Days").click()
    expect(page.get_by_role("button", name="Days")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_a_sync_that_finds_no_broker_says_so_in_its_place(
    page: Page, site: str, held: TradingAccount
):
    page.goto(f"{site}/accounts/north-1/")
    page.keyboard.press("s")
    outcome = page.locator(".account-sync__outcome")
    expect(outcome).to_contain_text("Not now: No ticker service is set")
    expect(page.locator("#account-sync")).to_contain_text("Failed for now")
    expect(page.get_by_role("region", name="Positions")).to_contain_text("+1,300")


def test_the_filter_by_key_and_the_part_that_refreshes_keep_it(
    page: Page, site: str, held: TradingAccount
):
    page.goto(f"{site}/accounts/north-1/")
    page.keyboard.press("f")
    page.keyboard.type("24000")
    page.keyboard.press("Enter")
    positions = page.get_by_role("region", name="Positions")
    expect(positions).to_contain_text("1 shown")
    with page.expect_response(lambda answer: "/_accounts/one" in answer.url):
        page.evaluate("document.body.dispatchEvent(new Event('account-synced'))")
    expect(positions).to_contain_text("1 shown")
    expect(positions).not_to_contain_text("NIFTY26JANFUT")


def test_a_look_back_by_the_picker(page: Page, site: str, held: TradingAccount):
    AccountSnapshot.objects.update(
        taken_at=timezone.now() - datetime.timedelta(hours=2)
    )
    page.goto(f"{site}/accounts/north-1/")
    hour_ago = timezone.now() + datetime.timedelta(hours=4, minutes=30)
    page.fill("[name=as_of]", f"{hour_ago:%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("As it was at")).to_be_visible()
    expect(page.get_by_role("region", name="Positions")).to_contain_text("+1,300")
    page.get_by_role("link", name="Back to now").click()
    expect(page.get_by_text("As it was at")).to_be_hidden()


@pytest.mark.parametrize("place", ["/accounts/", "/accounts/north-1/"])
def test_a_phone_shows_all_of_it(
    page: Page, site: str, held: TradingAccount, place: str
):
    page.set_viewport_size(PHONE)
    page.goto(f"{site}{place}")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    tables = page.locator(".table-wrap")
    for table in tables.all():
        assert table.evaluate("box => box.scrollWidth - box.clientWidth") <= 0
