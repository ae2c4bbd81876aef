"""Orders in the admin: to look at, as far as one's memberships reach."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Membership, TradingAccount, User
from orders.models import Order, OrderBook, OrderChange
from tests.accounts.builders import join, make_account, make_desk, make_user
from tests.accounts.portfolios import later
from tests.orders.builders import report, reported
from tradingsite import paging

MODELS = ["order", "orderchange", "orderbook"]


@pytest.fixture
def clerk(client: Client, account: TradingAccount) -> User:
    """Staff who may look at the tables of orders, and belongs to one desk."""
    user = make_user("clerk", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="orders")
    )
    join(user, account.desk, Membership.Role.VIEWER)
    client.force_login(user)
    return user


@pytest.fixture
def foreign(db: None) -> TradingAccount:
    return make_account("south-1", make_desk("south"))


@pytest.fixture
def both(clerk: User, account: TradingAccount, foreign: TradingAccount) -> None:
    for one, symbol in ((account, "ACME"), (foreign, "BOLT")):
        report(one, reported("1", symbol=symbol))
        report(one, reported("1", symbol=symbol, filled_quantity=4), at=later(1))


def list_of(client: Client, model: str, **query: str) -> str:
    place = reverse(f"admin:orders_{model}_changelist")
    answer = client.get(place, query)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize(
    ("model", "query"),
    [
        *((model, query) for model in MODELS for query in ({}, {"q": "1"})),
        *((model, {"account": "south-1"}) for model in ("order", "orderchange")),
        *((model, {"q": "BOLT"}) for model in MODELS),
    ],
)
def test_lists_filters_and_searches_hold_no_foreign_row(
    client: Client, both: None, model: str, query: dict[str, str]
):
    page = list_of(client, model, **query)
    for word in ("BOLT", "SOUTH-1", "south-1"):
        # What was asked for is written back.
        asked = [text for text in query.values() if text == word]
        assert page.count(word) == 0 or asked, word


@pytest.mark.parametrize("model", [Order, OrderChange, OrderBook])
@pytest.mark.parametrize("page", ["change", "history", "delete"])
def test_no_page_of_a_foreign_row_opens(
    client: Client, both: None, foreign: TradingAccount, model: type[Any], page: str
):
    name = model._meta.model_name
    path = {"orderchange": "order__account"}.get(name, "account")
    row = model.objects.filter(**{path: foreign}).first()
    answer = client.get(reverse(f"admin:orders_{name}_{page}", args=[row.pk]))
    assert answer.status_code in {302, 403}
    assert "BOLT" not in answer.content.decode()


def test_an_order_is_shown_with_its_timeline_and_cannot_be_changed(
    client: Client, both: None, account: TradingAccount
):
    order = Order.objects.get(account=account)
    place = reverse("admin:orders_order_change", args=[order.pk])
    page = client.get(place).content.decode()
    assert "ACME" in page
    assert page.lower().count("timeline") >= 1
    assert OrderChange.objects.of(order).count() == 2
    assert 'name="_save"' not in page
    assert client.post(place, {"quantity": 1}).status_code == 403
    delete = reverse("admin:orders_order_delete", args=[order.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert client.get(reverse("admin:orders_order_add")).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_what_one_sees_is_exported(client: Client, both: None, model: str):
    place = reverse(f"admin:orders_{model}_changelist")
    chosen = {
        "order": Order.objects.all(),
        "orderchange": OrderChange.objects.all(),
        "orderbook": OrderBook.objects.all(),
    }[model]
    answer = client.post(
        place,
        {"action": "export_csv", "_selected_action": [row.pk for row in chosen]},
    )
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.reader(io.StringIO(text)))
    # Half of the chosen rows are somebody else's.
    assert len(rows) == 1 + len(chosen) / 2
    assert "south" not in text.lower()


@pytest.mark.parametrize("model", MODELS)
def test_many_rows_take_as_many_queries_as_one(
    client: Client, clerk: User, account: TradingAccount, model: str
):
    counts = []
    for size in (1, 30):
        for number in range(size):
            other = account if not number else make_account(f"x{number}", account.desk)
            report(other, reported(f"{number}"))
        list_of(client, model)
        with CaptureQueriesContext(connection) as queries:
            list_of(client, model)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("model", ["order", "orderchange"])
def test_big_tables_are_not_counted(
    client: Client,
    account: TradingAccount,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
):
    report(account, reported("1"))
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    monkeypatch.setattr(paging, "estimated", lambda _rows: 9_000_000)
    with CaptureQueriesContext(connection) as queries:
        page = list_of(client, model)
    table = f"orders_{model}"
    counted = [
        query["sql"]
        for query in queries
        if "COUNT(" in query["sql"] and f'"{table}"' in query["sql"]
    ]
    assert counted == []
    assert "10000" in page.replace(",", "")


def test_the_menu_leads_to_orders_for_those_who_may_look(client: Client, clerk: User):
    page = client.get("/admin/").content.decode()
    for model in MODELS:
        assert reverse(f"admin:orders_{model}_changelist") in page
