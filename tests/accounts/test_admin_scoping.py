"""Staff of one desk see and change nothing of another, by any road of the admin."""

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Desk, Membership, TradingAccount, User
from tests.accounts.builders import join, make_account, make_desk, make_key, make_user

LIST = "admin:accounts_tradingaccount_changelist"
AUTOCOMPLETE = "admin:autocomplete"


@pytest.fixture
def clerk(client: Client, db: None) -> User:
    """Return staff with every permission on the tables, and admin of one desk."""
    user = make_user("clerk", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="accounts")
    )
    join(user, make_desk("north"), Membership.Role.ADMIN)
    client.force_login(user)
    return user


@pytest.fixture
def mine(clerk: User) -> TradingAccount:
    return make_account("north-1", make_desk("north"))


@pytest.fixture
def foreign(db: None) -> TradingAccount:
    account = make_account("south-1", make_desk("south"))
    join(make_user("sid"), account.desk)
    return account


def url(model: str, page: str, *ids: int) -> str:
    return reverse(f"admin:accounts_{model}_{page}", args=ids)


def membership_form(person: User, **row: Any) -> dict[str, Any]:
    """Return the form of a user with one new membership."""
    return {
        "username": person.username,
        "is_active": "on",
        "date_joined_0": "01/11/2025",
        "date_joined_1": "09:15:00",
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 0,
        **{f"memberships-0-{name}": value for name, value in row.items()},
    }


def test_lists_and_searches_hold_no_foreign_row(
    client: Client, mine: TradingAccount, foreign: TradingAccount
):
    queries: list[dict[str, str | int]] = [
        {},
        {"q": "south"},
        {"desk__id__exact": foreign.desk_id},
    ]
    for query in queries:
        page = client.get(reverse(LIST), query).content.decode()
        assert "south-1" not in page


@pytest.mark.parametrize(
    "model", ["position", "positionchange", "holding", "balance", "accountsnapshot"]
)
def test_no_filter_names_a_foreign_account(
    client: Client, mine: TradingAccount, foreign: TradingAccount, model: str
):
    place = reverse(f"admin:accounts_{model}_changelist")
    page = client.get(place).content.decode()
    assert "NORTH-1" in page
    assert "SOUTH-1" not in page
    forged = client.get(place, {"account": "south-1"})
    assert "SOUTH-1" not in forged.content.decode()


def test_no_filter_names_a_foreign_desk(
    client: Client, mine: TradingAccount, foreign: TradingAccount
):
    page = client.get(reverse(LIST)).content.decode()
    assert "North" in page
    assert "South" not in page


@pytest.mark.parametrize("page", ["change", "history", "delete"])
@pytest.mark.parametrize("model", ["tradingaccount", "desk", "user"])
def test_no_page_of_a_foreign_row_opens(
    client: Client,
    mine: TradingAccount,
    foreign: TradingAccount,
    model: str,
    page: str,
):
    own = {"tradingaccount": mine.pk, "desk": mine.desk_id}
    other = {
        "tradingaccount": foreign.pk,
        "desk": foreign.desk_id,
        "user": User.objects.get(username="sid").pk,
    }
    if model in own:
        assert client.get(url(model, page, own[model])).status_code == 200
    answer = client.get(url(model, page, other[model]))
    missing = client.get(url(model, page, 999_999))
    assert answer.status_code == missing.status_code == 302
    assert answer["Location"] == missing["Location"] == "/admin/"


@pytest.mark.parametrize(
    ("model", "field", "term"),
    [
        ("apikey", "accounts", "south"),
        ("tradingaccount", "desk", "south"),
        ("membership", "user", "sid"),
        ("membership", "desk", "south"),
        ("membership", "account", "south"),
    ],
)
def test_no_autocomplete_offers_a_foreign_row(
    client: Client,
    mine: TradingAccount,
    foreign: TradingAccount,
    model: str,
    field: str,
    term: str,
):
    query = {"app_label": "accounts", "model_name": model, "field_name": field}
    found = client.get(reverse(AUTOCOMPLETE), query | {"term": term}).json()
    assert found["results"] == []
    own = {"south": "north", "sid": "clerk"}[term]
    found = client.get(reverse(AUTOCOMPLETE), query | {"term": own}).json()
    assert len(found["results"]) == 1


def test_no_popup_shows_a_foreign_row(
    client: Client, mine: TradingAccount, foreign: TradingAccount
):
    page = client.get(reverse(LIST), {"_popup": "1", "_to_field": "id"})
    assert "south-1" not in page.content.decode()


def test_an_export_holds_what_is_seen_and_no_more(
    client: Client, mine: TradingAccount, foreign: TradingAccount
):
    chosen = {"action": "export_csv", "_selected_action": [mine.pk, foreign.pk]}
    answer = client.post(reverse(LIST), chosen)
    body = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    _header, *rows = csv.reader(io.StringIO(body, newline=""))
    assert [row[1] for row in rows] == ["north-1"]


def test_an_action_takes_no_foreign_row(client: Client, clerk: User):
    key = make_key(make_user("sid"))
    chosen = {"action": "revoke", "_selected_action": [key.pk]}
    client.post(url("apikey", "changelist"), chosen)
    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_forged_form_moves_no_account_to_a_foreign_desk(
    client: Client, mine: TradingAccount, foreign: TradingAccount
):
    form = {
        "name": "North 1",
        "slug": "north-1",
        "desk": foreign.desk_id,
        "broker": "paper",
        "broker_client_id": "north-1",
        "status": "active",
        "is_paper": "on",
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
        **{
            f"{rows}-{count}_FORMS": 0
            for rows in ("positions", "holdings", "balances", "sync")
            for count in ("TOTAL", "INITIAL")
        },
    }
    client.post(url("tradingaccount", "change", mine.pk), form)
    mine.refresh_from_db()
    assert mine.desk.slug == "north"
    # The control: the same form with the own desk is taken.
    client.post(url("tradingaccount", "change", mine.pk), form | {"desk": mine.desk_id})
    mine.refresh_from_db()
    assert mine.name == "North 1"


def test_nobody_makes_a_friend_member_of_a_foreign_desk(
    client: Client, mine: TradingAccount, foreign: TradingAccount
):
    friend = make_user("friend")
    client.post(
        url("user", "change", friend.pk),
        membership_form(friend, desk=foreign.desk_id, role="admin"),
    )
    assert not Membership.objects.filter(user=friend).exists()
    client.post(
        url("user", "change", friend.pk),
        membership_form(friend, desk=mine.desk_id, role="viewer"),
    )
    assert Membership.objects.get(user=friend).desk == mine.desk


def test_nobody_gives_a_role_to_themselves(
    client: Client, clerk: User, mine: TradingAccount
):
    answer = client.post(
        url("user", "change", clerk.pk),
        membership_form(clerk, account=mine.pk, role="trader"),
    )
    # The form was taken, without the membership that was put into it.
    assert answer.status_code == 302
    assert not Membership.objects.filter(user=clerk, account=mine).exists()


def test_a_viewer_of_the_staff_only_looks(client: Client, clerk: User):
    desk = make_desk("east")
    join(clerk, desk, Membership.Role.VIEWER)
    account = make_account("east-1", desk)
    assert client.get(url("tradingaccount", "change", account.pk)).status_code == 200
    answer = client.post(url("tradingaccount", "change", account.pk), {"name": "x"})
    assert answer.status_code == 403
    assert client.get(url("desk", "delete", desk.pk)).status_code == 403


@pytest.mark.parametrize("model", ["desk", "tradingaccount", "user", "apikey"])
def test_a_longer_list_takes_no_more_queries(
    client: Client,
    db: None,
    model: str,
    django_assert_max_num_queries: DjangoAssertNumQueries,
):
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    for number in range(12):
        desk = make_desk(f"desk-{number}")
        user = make_user(f"user-{number}")
        join(user, desk)
        make_account(f"account-{number}", desk)
        make_key(user)
    with django_assert_max_num_queries(8):
        page = client.get(url(model, "changelist"))
    assert page.content.decode().count("user-") + Desk.objects.count() > 11


def test_the_first_page_asks_once_for_each_card(
    client: Client, db: None, django_assert_max_num_queries: DjangoAssertNumQueries
):
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    with django_assert_max_num_queries(13):
        page = client.get(reverse("admin:index")).content.decode()
    for title in ("Trading accounts", "Dead letters", "Listings to decide"):
        assert title in page


def test_the_first_page_shows_only_what_one_may_see(client: Client, clerk: User):
    page = client.get(reverse("admin:index")).content.decode()
    assert "Keys that end within a week" in page
    assert "Dead letters" not in page
