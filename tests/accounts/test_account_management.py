"""Opening and changing accounts and members: who may, and what is refused how."""

import json
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from accounts.models import Membership, TradingAccount, User
from tests.accounts.builders import join, make_account, make_desk, make_key, make_user

ACCOUNT = "/api/v1/accounts/north-1"
MEMBERS = "/api/v1/desks/north/members"


@pytest.fixture
def boss(client: Client, account: TradingAccount) -> User:
    user = make_user("boss")
    join(user, account.desk, Membership.Role.ADMIN)
    client.force_login(user)
    return user


def send(client: Client, method: str, path: str, body: object = None) -> Any:
    return client.generic(
        method, path, json.dumps(body or {}), content_type="application/json"
    )


def opened(**fields: Any) -> dict[str, Any]:
    return {
        "account_id": "north-2",
        "name": "North 2",
        "desk": "north",
        "broker": "paper",
        "broker_client_id": "N2",
        "is_paper": True,
        **fields,
    }


def test_an_account_is_opened_on_a_desk_that_one_manages(client: Client, boss: User):
    answer = send(client, "POST", "/api/v1/accounts", opened())
    assert answer.status_code == HTTPStatus.CREATED
    assert TradingAccount.objects.get(slug="north-2").desk.slug == "north"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"desk": ""}, "desk"),
        ({"account_id": "Not A Slug"}, "account_id"),
        ({"account_id": "north-1"}, "account_id"),
        ({"broker": "nobody"}, "broker"),
        ({"status": "closed"}, "status"),
        ({"balance": 5}, "balance"),
        ({"id": 7}, "id"),
        ({"is_paper": False}, "non_field_errors"),
        ({"name": "x" * 101}, "name"),
    ],
)
def test_a_bad_account_is_refused_by_field(
    client: Client, boss: User, fields: dict[str, Any], field: str
):
    answer = send(client, "POST", "/api/v1/accounts", opened(**fields))
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer["Content-Type"] == "application/problem+json"
    named = {error["field"] for error in answer.json()["errors"]}
    assert named & {field, "__all__"}
    assert not TradingAccount.objects.filter(slug="north-2").exists()


@pytest.mark.parametrize(
    "field", ["account_id", "balance", "broker", "desk", "id", "is_paper", "owner"]
)
def test_what_is_protected_or_unknown_is_refused(
    client: Client, boss: User, account: TradingAccount, field: str
):
    answer = send(client, "PATCH", ACCOUNT, {"name": "New", field: "1"})
    assert answer.status_code == HTTPStatus.BAD_REQUEST
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, "unknown_field")
    account.refresh_from_db()
    assert account.name == "NORTH-1"


def test_a_name_and_a_status_can_be_changed(
    client: Client, boss: User, account: TradingAccount
):
    answer = send(client, "PATCH", ACCOUNT, {"name": "New", "status": "suspended"})
    assert answer.status_code == HTTPStatus.OK
    account.refresh_from_db()
    assert (account.name, account.status) == ("New", "suspended")


METHODS = [
    ("GET", "/api/v1/accounts/{}", None),
    ("PATCH", "/api/v1/accounts/{}", {"name": "x"}),
    ("GET", "/api/v1/accounts/{}/members", None),
    ("POST", "/api/v1/accounts/{}/members", {"username": "boss", "role": "viewer"}),
    ("PATCH", "/api/v1/accounts/{}/members/sid", {"role": "admin"}),
    ("DELETE", "/api/v1/accounts/{}/members/sid", None),
]


@pytest.mark.parametrize(("method", "path", "body"), METHODS)
def test_what_is_foreign_is_answered_like_what_is_not_there(
    client: Client, boss: User, method: str, path: str, body: object
):
    """The same status, body and number of queries: nothing to tell them apart by."""
    make_account("south-1", make_desk("south"))
    told = []
    for slug in ("south-1", "nowhere"):
        answer = send(client, method, path.format(slug), body)
        found = answer.json()
        named = {name: found.pop(name) for name in ("instance", "request_id")}
        assert slug in named["instance"]
        told.append((answer.status_code, found, sorted(answer.headers)))
    assert told[0] == told[1]
    assert told[0][0] == HTTPStatus.NOT_FOUND


def test_foreign_and_missing_take_the_same_statements(
    client: Client, boss: User, django_assert_num_queries: Any
):
    make_account("south-1", make_desk("south"))
    client.get("/api/v1/accounts/nowhere")
    for slug in ("south-1", "nowhere"):
        with django_assert_num_queries(5):
            client.get(f"/api/v1/accounts/{slug}")


def test_members_come_and_change_and_go(client: Client, boss: User):
    make_user("carol")
    body = {"username": "carol", "role": "viewer"}
    assert send(client, "POST", MEMBERS, body).status_code == HTTPStatus.CREATED
    assert send(client, "POST", MEMBERS, body).status_code == HTTPStatus.BAD_REQUEST
    carol = f"{MEMBERS}/carol"
    assert send(client, "PATCH", carol, {"role": "risk"}).json()["role"] == "risk"
    names = [row["username"] for row in client.get(MEMBERS).json()]
    assert names == ["boss", "carol"]
    assert send(client, "DELETE", carol).status_code == HTTPStatus.NO_CONTENT
    assert send(client, "DELETE", carol).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", f"{ACCOUNT}/members", {"username": "boss", "role": "trader"}),
        ("PATCH", f"{MEMBERS}/boss", {"role": "trader"}),
        ("DELETE", f"{MEMBERS}/boss", None),
    ],
)
def test_nobody_changes_a_role_of_their_own(
    client: Client, boss: User, method: str, path: str, body: object
):
    answer = send(client, method, path, body)
    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert answer.json()["code"] == "own_membership"
    assert [each.role for each in Membership.objects.filter(user=boss)] == ["admin"]


@pytest.mark.parametrize(
    "body",
    [
        {"username": "nobody", "role": "viewer"},
        {"username": "gone", "role": "viewer"},
        {"username": "carol", "role": "king"},
        {"username": "carol", "role": "viewer", "desk": "south"},
        {"username": "carol"},
        {},
    ],
)
def test_a_bad_member_is_refused(client: Client, boss: User, body: dict[str, str]):
    make_user("carol")
    make_user("gone", is_active=False)
    assert send(client, "POST", MEMBERS, body).status_code == HTTPStatus.BAD_REQUEST
    assert Membership.objects.count() == 1


def test_a_narrowed_key_manages_its_account_and_no_desk(client: Client, boss: User):
    client.logout()
    key = make_key(boss)
    key.accounts.add(TradingAccount.objects.get(slug="north-1"))
    headers = {"Authorization": f"Bearer {key.text}"}
    assert client.get(f"{ACCOUNT}/members", headers=headers).status_code == 200
    assert client.get(MEMBERS, headers=headers).status_code == HTTPStatus.FORBIDDEN
