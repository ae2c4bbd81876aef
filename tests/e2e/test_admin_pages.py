"""The admin in a browser, under its policy: everything works and nothing complains."""

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import User
from tests.accounts.builders import make_desk
from tests.e2e.browser import remember_complaints

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def boss(context: BrowserContext, site: str, page: Page, complaints: list[str]) -> Page:
    """Return a page of a superuser; ``page`` has made the market and watches."""
    user = User.objects.create_superuser("boss", password="boss-example")
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME]
    context.clear_cookies()
    context.add_cookies([{"name": session.key, "value": session.value, "url": site}])
    opened = context.new_page()
    remember_complaints(opened, complaints)
    return opened


def test_a_list_is_searched_chosen_from_and_exported(boss: Page, site: str):
    boss.goto(f"{site}/admin/marketdata/instrument/")
    boss.fill("input[name=q]", "NIFTY")
    boss.press("input[name=q]", "Enter")
    boss.wait_for_url("**q=NIFTY**")
    boss.locator("tbody input[type=checkbox]").first.check()
    boss.select_option("select[name=action]", "export_csv")
    with boss.expect_download() as download:
        boss.click("button[name=index]")
    assert download.value.suggested_filename == "instrument.csv"


def test_a_form_completes_what_is_typed(boss: Page, site: str):
    make_desk("north")
    boss.goto(f"{site}/admin/accounts/tradingaccount/add/")
    boss.locator(".select2-selection").first.click()
    expect(boss.locator(".select2-results__option")).to_have_text(["North"])


def test_filters_open_and_narrow(boss: Page, site: str):
    boss.goto(f"{site}/admin/marketdata/instrument/")
    boss.get_by_text("Filters").first.click()
    expect(boss.locator("#changelist-filter")).to_be_visible()


def test_the_first_page_turns_dark(boss: Page, site: str):
    boss.emulate_media(color_scheme="dark")
    boss.goto(f"{site}/admin/")
    expect(boss.locator("html")).to_have_class("dark")
    expect(boss.get_by_text("Dead letters")).to_be_visible()


def test_a_script_put_into_a_page_does_not_run(
    boss: Page, site: str, complaints: list[str]
):
    """The control: what the policy forbids is seen, and stopped."""
    boss.goto(f"{site}/admin/")
    boss.evaluate(
        "() => { const s = document.createElement('script');"
        " s.textContent = 'window.pwned = true'; document.body.append(s); }"
    )
    assert boss.evaluate("window.pwned") is None
    boss.wait_for_timeout(0)
    assert complaints
    assert all("Content Security Policy" in each for each in complaints)
    complaints.clear()
