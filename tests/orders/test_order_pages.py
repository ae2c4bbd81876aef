"""The pages of orders, as people see them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, TradingAccount, User
from orders import sight
from orders.models import Order, OrderBook
from orders.models.orders import stream_of
from tests.accounts.builders import join, make_account, make_desk, make_user
from tests.accounts.portfolios import later
from tests.orders.builders import report, reported
from tradingsite.streaming import journal


@pytest.fixture
def browser(client: Client, alice: User, account: TradingAccount) -> Client:
    join(alice, account.desk, Membership.Role.TRADER)
    client.force_login(alice)
    return client


def text_of(client: Client, name: str, *args: str, **query: Any) -> str:
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def following(client: Client, name: str, *args: str, **query: Any) -> dict[str, Any]:
    """Return what the page's script is told to follow."""
    answer = client.get(reverse(name, args=args), query)
    found: dict[str, Any] = json.loads(answer.context["following"])
    return found


def test_a_stranger_is_sent_to_the_log_in(client: Client, account: TradingAccount):
    for place in ("/orders/", f"/orders/{account.slug}/"):
        answer = client.get(place)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/")
    for part in ("orders-part", "order-part"):
        answer = client.get(reverse(part), {"account": account.slug})
        assert answer["HX-Redirect"].startswith("/login/")


def test_ones_own_accounts_alone_are_shown(browser: Client, account: TradingAccount):
    other = make_account("elsewhere", make_desk("south"))
    report(account, reported("1"), at=timezone.now())
    report(other, reported("2", symbol="BOLT"), at=timezone.now())

    text = text_of(browser, "orders")

    assert "ACME" in text
    assert "BOLT" not in text
    assert "BOLT" not in text_of(browser, "orders", account="elsewhere")
    assert "ELSEWHERE" not in text
    assert browser.get("/orders/elsewhere/").status_code == 404
    for query in ({"of": "elsewhere"}, {"of": "a\0b"}):
        assert browser.get(reverse("orders-part"), query).status_code == 404
    for slug in ("elsewhere", "a\0b"):
        query = {"account": slug, "order": "2"}
        assert browser.get(reverse("order-part"), query).status_code == 404
    query = {"account": "north-1", "order": "2"}
    assert browser.get(reverse("order-part"), query).status_code == 404


def test_somebody_without_accounts_is_told_what_to_do(client: Client, db: None):
    client.force_login(make_user("new"))
    assert "member of no account yet" in text_of(client, "orders")


def test_an_account_without_orders_says_what_comes_next(
    browser: Client, account: TradingAccount
):
    text = text_of(browser, "account-orders", "north-1")
    assert "book of orders was not read yet" in text
    report(account, at=timezone.now())
    text = text_of(browser, "account-orders", "north-1")
    assert "Place one at the broker" in text
    text = text_of(browser, "account-orders", "north-1", status="rejected")
    assert "No order fits" in text
    assert "Show all orders of now" in text


def test_a_row_says_how_far_an_order_is_and_why(
    browser: Client, account: TradingAccount
):
    report(
        account,
        reported("1", quantity=150000, filled_quantity=40, average_price=49),
        reported("2", "REJECTED", status_message="<b>No funds</b>", side="SELL"),
        reported("3", "TRIGGER PENDING", order_type="SL", trigger_price=51),
        at=timezone.now(),
    )
    text = text_of(browser, "account-orders", "north-1")
    assert '>1,50,000</span> <span class="table__sub" data-field="average' in text
    assert ">at 49.00</span>" in text
    assert ">at 51.00</span>" in text
    assert "badge badge--bad" in text
    assert "&lt;b&gt;No funds&lt;/b&gt;" in text
    assert ">Waiting</span>" in text


def test_orders_are_filtered_and_the_filter_stays(
    browser: Client, account: TradingAccount
):
    report(
        account,
        reported("1", symbol="ACMEFUT"),
        reported("2", "COMPLETE", symbol="BOLT", filled_quantity=100),
        at=timezone.now(),
    )
    working = text_of(browser, "account-orders", "north-1", status="working")
    assert "ACMEFUT" in working
    assert "BOLT" not in working
    assert "status=working" in working
    part = text_of(browser, "orders-part", of="north-1", symbol="bol")
    assert "BOLT" in part
    assert "ACMEFUT" not in part
    assert "symbol=bol" in part


@pytest.mark.parametrize(
    "query",
    [
        {"status": "melted"},
        {"day": "2999-01-01"},
        {"day": "x"},
        {"before": "-1"},
        {"before": "9" * 30},
        {"symbol": "A\0"},
    ],
)
def test_what_cannot_be_meant_is_said_and_the_rest_is_shown(
    browser: Client, account: TradingAccount, query: dict[str, str]
):
    report(account, reported("1"), at=timezone.now())
    answer = browser.get("/orders/", query)
    assert answer.status_code == 400
    assert "The orders of now are shown instead" in answer.content.decode()
    assert "ACME" in answer.content.decode()


def test_an_earlier_day_is_shown_and_follows_nothing(
    browser: Client, account: TradingAccount
):
    report(account, reported("1"))
    report(account, reported("2", symbol="BOLT", placed_at=timezone.now()))
    report(account, reported("2", symbol="BOLT", placed_at=timezone.now()), at=later(9))

    today = text_of(browser, "account-orders", "north-1")
    past = text_of(browser, "account-orders", "north-1", day="2026-01-05")

    assert "BOLT" in today
    assert "ACME" not in today
    assert "ACME" in past
    assert "BOLT" not in past
    assert "data-live" in today
    assert "data-live" not in past
    assert "Orders of 5 Jan 2026" in past


def test_older_orders_are_a_page_further(
    browser: Client, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sight, "ON_A_PAGE", 2)
    report(account, *[reported(f"N{number}") for number in range(3)])
    text = text_of(browser, "account-orders", "north-1", side="BUY")
    last = Order.objects.get(broker_order_id="N1").pk
    assert f"side=BUY&amp;before={last}" in text
    older = text_of(browser, "account-orders", "north-1", side="BUY", before=last)
    assert "north-1/N0" in older
    assert "north-1/N1" not in older
    assert "data-live" not in older


def test_what_became_of_an_order_and_in_whose_words(
    browser: Client, account: TradingAccount
):
    report(account, reported("7"))
    report(account, reported("7", filled_quantity=40, average_price=49), at=later(1))
    report(
        account,
        reported(
            "7",
            "CANCELLED",
            filled_quantity=40,
            average_price=49,
            status_message="By the exchange",
            changed_at=later(75),
        ),
        at=later(76),
    )
    for text in (
        text_of(browser, "account-orders", "north-1", order="7"),
        text_of(browser, "order-part", account="north-1", order="7"),
    ):
        assert "Buy 100 ACME" in text
        assert "CANCELLED" in text
        assert "40 filled at 49.00" in text
        assert "was open" in text
        assert "By the exchange" in text
        assert "10:01:15" in text
        assert text.index("was open") < text.index("40 filled")
    assert browser.get("/orders/north-1/", {"order": "8"}).status_code == 404


def test_a_book_that_is_behind_says_since_when_and_why(
    browser: Client, account: TradingAccount
):
    report(account, reported("1"))
    OrderBook.objects.failed(
        account.pk,
        code="broker_log_in_needed",
        text="Log in at the broker.",
        now=later(9),
        for_good=True,
    )
    text = text_of(browser, "account-orders", "north-1")
    assert "stale since 10:00:00. Log in at the broker. Somebody must act." in text
    assert following(browser, "orders")["stale"] == "1 of 1 books stale"
    one = following(browser, "account-orders", "north-1")
    assert one["stale"] == "Stale since 10:00:00"

    report(account, reported("1"), at=timezone.now())
    assert "data-books-behind" not in text_of(browser, "account-orders", "north-1")


def test_a_book_that_nobody_reads_is_stale(browser: Client, account: TradingAccount):
    report(account, reported("1"), at=timezone.now() - timedelta(minutes=5))
    text = text_of(browser, "orders")
    assert "stale since" in text
    assert following(browser, "orders")["stale"] == "1 of 1 books stale"


def test_the_page_follows_from_where_it_was_written(
    browser: Client, account: TradingAccount
):
    make_account("north-2", account.desk)
    report(account, reported("1"), at=timezone.now())
    # One book was never read: until it is, the page asks.
    assert following(browser, "orders")["places"] == {}
    report(TradingAccount.objects.get(slug="north-2"), at=timezone.now())

    told = following(browser, "orders", status="working", symbol="acme")

    place = journal.position(stream_of(account.pk))
    assert told["places"] == {"north-1": place._asdict(), "north-2": None}
    assert told["statuses"] == ["open", "pending", "waiting"]
    assert told["symbol"] == "ACME"
    one = following(browser, "account-orders", "north-1")["places"]
    assert list(one) == ["north-1"]


def test_more_accounts_than_a_socket_may_follow_are_asked_for(
    browser: Client, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sight, "MOST_FOLLOWED", 1)
    report(account, at=timezone.now())
    assert list(following(browser, "orders")["places"]) == ["north-1"]
    report(make_account("north-2", account.desk), at=timezone.now())
    assert following(browser, "orders")["places"] == {}


def test_the_account_leads_to_its_orders_and_the_menu_to_all(browser: Client):
    text = text_of(browser, "account", "north-1")
    assert 'href="/orders/north-1/"' in text
    assert 'href="/orders/" data-go="r"' in text


def test_a_page_of_many_orders_takes_as_many_queries_as_of_one(
    browser: Client, account: TradingAccount
):
    counts: list[list[int]] = []
    for size in (1, 60):
        for number in range(size // 20):
            other = make_account(f"more-{number}", account.desk)
            report(other, reported("1"), at=timezone.now())
        rows = [reported(f"{number}") for number in range(size)]
        report(account, *rows, at=timezone.now())
        counts.append([])
        for name, args, query in (
            ("orders", [], {}),
            ("account-orders", ["north-1"], {"order": "0"}),
            ("orders-part", [], {}),
        ):
            text_of(browser, name, *args, **query)
            with CaptureQueriesContext(connection) as queries:
                text_of(browser, name, *args, **query)
            counts[-1].append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] == [8, 10, 8]
