"""The pages of accounts, as people see them; and what staff see in the admin."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import (
    AccountSync,
    Holding,
    Membership,
    Position,
    TradingAccount,
    User,
)
from tests.accounts.broker_server import BrokerServer
from tests.accounts.builders import join, make_account, make_desk, make_user
from tests.accounts.portfolios import (
    holding,
    later,
    paper_broker,
    position,
    wire_position,
)
from tests.accounts.test_portfolio import give
from tests.accounts.test_portfolio_api import remember
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tradingsite.templatetags.figures import clock, on_day

HIDDEN_NOTE = '<p data-stale-of="broker" hidden>'
ADMIN = [
    *("position", "positionchange", "holding", "balance"),
    *("accountsync", "accountsnapshot"),
]


@pytest.fixture
def browser(client: Client, alice: User, account: TradingAccount) -> Client:
    join(alice, account.desk, Membership.Role.TRADER)
    client.force_login(alice)
    return client


def text_of(client: Client, name: str, *args: str, **query: str) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_stranger_is_sent_to_the_log_in(client: Client, account: TradingAccount):
    for place in ("/accounts/", f"/accounts/{account.slug}/"):
        answer = client.get(place)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/")
    part = client.get(reverse("account-part"), {"account": account.slug})
    assert part["HX-Redirect"].startswith("/login/")


def test_the_list_has_ones_own_accounts_alone(browser: Client):
    make_account("elsewhere", make_desk("south"))
    text = text_of(browser, "accounts")
    assert "NORTH-1" in text
    assert "ELSEWHERE" not in text
    assert browser.get("/accounts/elsewhere/").status_code == 404
    assert browser.post("/accounts/elsewhere/sync").status_code == 404
    for unknown in ("elsewhere", "\0", ""):
        part = browser.get(reverse("account-part"), {"account": unknown})
        assert part.status_code == 404


def test_the_list_is_searched_and_says_when_nothing_fits(browser: Client):
    assert "NORTH-1" in text_of(browser, "accounts", q="north")
    assert "No account is called" in text_of(browser, "accounts", q="<zzz>")
    assert "&lt;zzz&gt;" in text_of(browser, "accounts", q="<zzz>")


def test_somebody_without_accounts_is_told_what_to_do(client: Client, db: None):
    client.force_login(make_user("new"))
    assert "member of no account yet" in text_of(client, "accounts")


def test_a_new_account_says_that_it_was_never_synced(browser: Client):
    text = text_of(browser, "account", "north-1")
    assert "Never synced" in text
    assert "the account was never synced" in text


def test_rows_totals_and_what_is_missing(browser: Client, account: TradingAccount):
    make_instrument("ACME")
    give(
        account,
        positions=[
            position("ACME", 1500, last_price=Decimal("101.50")),
            position("LOST", 5, last_price=None),
            position("DONE", 0, value=Decimal(7), day_value=Decimal(7)),
        ],
        holdings=[holding("ITC", 3)],
    )
    text = text_of(browser, "account", "north-1")
    assert "+2,250.00" in text
    assert "+1,500" in text
    assert "No price is known of NSE:LOST" in text
    assert "not in our lists" in text
    assert "1 flat since the morning" in text
    assert ">DONE<" not in " ".join(text.split())
    assert "DONE" in text_of(browser, "account", "north-1", flat="on")
    assert "No position fits" in text_of(browser, "account", "north-1", symbol="zz")
    part = text_of(browser, "account-part", account="north-1", symbol="acme")
    assert "not in our lists" not in part


def test_the_part_brings_what_a_page_needs_to_move_by_itself(
    browser: Client, account: TradingAccount
):
    make_hours(make_exchange("NSE"), opens="00:00", closes="00:00", weekdays=range(7))
    make_instrument("ITC")
    give(
        account,
        positions=[position("ACME26PE", 5), position("LOST", 5, last_price=None)],
        holdings=[holding("ITC", 3, average_price=Decimal("33.333333"))],
    )
    text = text_of(browser, "account-part", account="north-1")
    written = text.partition('<script id="account-moving" type="application/json">')[2]
    moving = json.loads(written.partition("</script>")[0])

    assert moving["cash"] == "1000.0000"
    assert moving["at"] < moving["open_until"] <= moving["at"] + 24 * 3600
    told = {"value": "100.000000", "at": later(0).timestamp(), "origin": "broker"}
    option, lost = moving["positions"]
    assert (option["is_option"], option["price"]) == (True, told)
    assert (lost["is_option"], lost["price"]) == (False, None)
    (share,) = moving["holdings"]
    assert (share["instrument"], share["quantity"]) == ("NSE:ITC", 3)
    assert (share["invested"], share["close_price"]) == ("100.0000", "98.000000")


def test_a_page_says_since_when_its_broker_is_behind(
    browser: Client, account: TradingAccount
):
    make_hours(make_exchange("NSE"), opens="00:00", closes="00:00", weekdays=range(7))
    now = timezone.now()
    for age in (timedelta(minutes=5), timedelta(days=3)):
        since, day = clock(now - age), on_day(now - age)
        AccountSync.objects.all().delete()
        give(account, at=now - age)
        if day != on_day(now):
            since = f"{day} {since}"
        text = text_of(browser, "account", "north-1")
        assert f"Stale since <time>{since}</time>: the broker" in text
        assert HIDDEN_NOTE not in text
        part = text_of(browser, "account-part", account="north-1")
        assert f'data-broker-stale="{since}"' in part

    give(account, at=now)
    assert HIDDEN_NOTE in text_of(browser, "account", "north-1")
    part = text_of(browser, "account-part", account="north-1")
    assert 'data-broker-stale=""' in part


def test_a_look_back(browser: Client, account: TradingAccount):
    make_hours(make_exchange("NSE"))
    remember(account, "2026-01-05 10:05", 111)
    remember(account, "2026-01-05 10:10", 222)

    text = text_of(browser, "account", "north-1", as_of="2026-01-05T10:07")

    assert "+111" in text
    assert "As it was at 5 Jan 10:05" in text
    assert 'value="2026-01-05T10:07"' in text
    early = text_of(browser, "account", "north-1", as_of="2026-01-01T10:07")
    assert "Nothing was recorded by then" in early
    for odd in ("yesterday", "2999-01-01T00:00"):
        answer = browser.get("/accounts/north-1/", {"as_of": odd})
        assert answer.status_code == 400
        assert "Everything is shown as it is now instead" in answer.content.decode()


def test_a_page_of_many_rows_takes_as_many_queries_as_of_one(
    browser: Client, account: TradingAccount
):
    counts = []
    for size in (1, 60):
        Position.objects.all().delete()
        AccountSync.objects.all().delete()
        give(account, positions=[position(f"S{n}", 1) for n in range(size)])
        text_of(browser, "account", "north-1")
        with CaptureQueriesContext(connection) as queries:
            text_of(browser, "account", "north-1")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 13


def test_a_sync_from_the_page_says_how_it_ended(browser: Client, paper: BrokerServer):
    paper_broker(paper, "north-1", positions=[wire_position("ACME", 5)])
    answer = browser.post("/accounts/north-1/sync")
    assert answer["HX-Trigger"] == "account-synced"
    text = " ".join(answer.content.decode().split())
    assert (
        "1 positions, 0 holdings and 1 segments of money; 1 positions changed" in text
    )
    assert "In step" in text


def test_a_sync_that_fails_says_so_and_keeps_what_was(
    browser: Client, account: TradingAccount, paper: BrokerServer
):
    give(account, positions=[position("ACME", 77)])
    paper_broker(paper, "north-1")
    paper.says("/portfolio/positions", "", 502)
    text = browser.post("/accounts/north-1/sync").content.decode()
    assert "Not now: Ticker service: HTTP 502" in text
    assert "Failed for now" in text
    assert "+77" in text_of(browser, "account", "north-1")
    paper.says("/portfolio/positions", "[]")
    assert (
        "Somebody must act" in browser.post("/accounts/north-1/sync").content.decode()
    )


def test_a_viewer_has_no_sync_button(
    client: Client, alice: User, account: TradingAccount, paper: BrokerServer
):
    join(alice, account, Membership.Role.VIEWER)
    client.force_login(alice)
    assert "Sync now" not in text_of(client, "account", "north-1")
    assert client.post("/accounts/north-1/sync").status_code == 404
    assert paper.asked == []


def test_a_sync_needs_the_forms_token(alice: User, account: TradingAccount):
    join(alice, account.desk, Membership.Role.TRADER)
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(alice)
    assert careful.post("/accounts/north-1/sync").status_code == 403
    assert careful.get("/accounts/north-1/sync").status_code == 405


@pytest.mark.parametrize("name", ADMIN)
def test_staff_look_and_change_nothing(
    client: Client, account: TradingAccount, name: str
):
    boss = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(boss)
    make_hours(make_exchange("NSE"))
    remember(account, "2026-01-05 10:05", 111)
    Holding.objects.apply(account, [holding("ITC", 3)], as_of=later(3600))
    place = f"admin:accounts_{name}_changelist"
    assert client.get(reverse(place), {"q": "x"}).status_code == 200
    assert client.get(reverse(f"admin:accounts_{name}_add")).status_code == 403
    one = reverse(f"admin:accounts_{name}_change", args=[_first(name)])
    assert client.get(one).status_code == 200
    assert client.post(one, {"quantity": 5}).status_code == 403
    delete = reverse(f"admin:accounts_{name}_delete", args=[_first(name)])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def _first(name: str) -> int:
    return int(apps.get_model("accounts", name).objects.values_list("pk", flat=True)[0])


def test_staff_see_what_they_are_members_of_alone(
    client: Client, account: TradingAccount
):
    clerk = make_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.all())
    join(clerk, account)
    client.force_login(clerk)
    other = make_account("elsewhere", make_desk("south"))
    give(account, positions=[position("MINE", 3)])
    give(other, positions=[position("THEIRS", 3)])
    text = text_of(client, "admin:accounts_position_changelist")
    assert "MINE" in text
    assert "THEIRS" not in text


def test_an_account_in_the_admin_shows_its_rows(
    client: Client, account: TradingAccount
):
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    give(account, positions=[position("ACME", 3)], holdings=[holding("ITC", 3)])
    text = text_of(client, "admin:accounts_tradingaccount_change", str(account.pk))
    assert "ACME" in text
    assert "ITC" in text
