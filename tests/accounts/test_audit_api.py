"""The audit for programs: who may read it, what can be asked, and in which pages."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts import audit
from accounts.models import AuditEntry, TradingAccount, User
from tests.accounts.audit_builders import write_entries
from tests.accounts.builders import join, make_account, make_key, make_user

pytestmark = pytest.mark.django_db

READERS = ["risk", "back_office", "admin"]
OTHERS = ["viewer", "trader"]
URL = "/api/v1/accounts/north-1/audit"


@pytest.fixture
def auditor(client: Client, account: TradingAccount) -> User:
    user = make_user("auditor")
    join(user, account, "risk")
    client.force_login(user)
    return user


@pytest.mark.parametrize("role", READERS)
def test_roles_that_may_read_it_do(client: Client, account: TradingAccount, role: str):
    user = make_user()
    join(user, account.desk, role)
    write_entries(2, account)
    client.force_login(user)
    body = client.get(URL).json()
    assert [row["position"] for row in body["results"]] == [2, 1]


@pytest.mark.parametrize("role", OTHERS)
def test_others_are_told_what_nobodys_account_is_told(
    client: Client, account: TradingAccount, role: str
):
    user = make_user()
    join(user, account, role)
    client.force_login(user)
    there, nowhere = client.get(URL), client.get(URL.replace("north-1", "none"))
    assert there.status_code == nowhere.status_code == 404
    ignored = ("instance", "request_id")
    bodies = [
        {name: value for name, value in answer.json().items() if name not in ignored}
        for answer in (there, nowhere)
    ]
    assert bodies[0] == bodies[1]
    told = AuditEntry.objects.filter(outcome="refused").order_by("id")
    assert [entry.account for entry in told] == [account, None]


def test_a_key_is_narrowed_to_its_accounts(client: Client, account: TradingAccount):
    user = make_user()
    other = make_account("south-1")
    for place in (account, other):
        join(user, place, "risk")
    key = make_key(user)
    key.accounts.add(other)
    headers = {"Authorization": f"Bearer {key.text}"}
    assert client.get(URL, headers=headers).status_code == 404
    assert client.get(URL.replace("north", "south"), headers=headers).status_code == 200


def test_an_entry_is_told_whole(client: Client, auditor: User, account: TradingAccount):
    write_entries(1, account)
    [row] = client.get(URL).json()["results"]
    assert (row["action"], row["outcome"], row["target"]) == (
        "limit.set",
        "done",
        "Limit 1",
    )
    assert (row["before"], row["after"]) == ({"most": 0}, {"most": 1})
    assert row["hash"] == bytes(AuditEntry.objects.get(position=1).hash).hex()


def test_pages_do_not_shift_when_entries_come(
    client: Client, auditor: User, account: TradingAccount
):
    write_entries(5, account)
    first = client.get(URL, {"limit": 2}).json()
    write_entries(3, account)
    second = client.get(first["next"]).json()
    found = [row["position"] for page in (first, second) for row in page["results"]]
    assert found == [5, 4, 3, 2]


@pytest.mark.parametrize(
    ("query", "positions"),
    [
        ({"action": "order.place"}, [2]),
        ({"action": "order."}, [2]),
        ({"action": "order"}, []),
        ({"outcome": "refused"}, [2]),
        ({"outcome": "done"}, [3, 1]),
        ({"person": "alice"}, []),
        ({"target": "Limit"}, [3, 1]),
        ({"target": "Limit 1"}, [3, 1]),
        ({"request_id": "r-1"}, []),
        ({"address": "203.0.113.7"}, []),
        ({"since": "2020-01-01T00:00:00Z"}, [3, 2, 1]),
        ({"until": "2020-01-01T00:00:00Z"}, []),
        ({"outcome": "done", "action": "limit.set"}, [3, 1]),
    ],
)
def test_entries_are_found(
    client: Client,
    auditor: User,
    account: TradingAccount,
    query: dict[str, str],
    positions: list[int],
):
    write_entries(1, account)
    audit.record("order.place", account=account, refused="limit")
    write_entries(1, account)
    body = client.get(URL, query).json()
    assert [row["position"] for row in body["results"]] == positions


@pytest.mark.parametrize(
    "query",
    [
        {"outcome": "perhaps"},
        {"action": "x' OR 1=1"},
        {"since": "yesterday"},
        {"address": "not an address"},
        {"target": "x" * 201},
        {"request_id": "\x00"},
        {"person": "\x00"},
    ],
)
def test_a_wrong_question_is_a_problem(
    client: Client, auditor: User, query: dict[str, str]
):
    answer = client.get(URL, query)
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"


@pytest.mark.parametrize("cursor", ["x", "cD1hYmM=", "%00"])
def test_a_wrong_cursor_is_no_fault_of_ours(client: Client, auditor: User, cursor: str):
    assert client.get(URL, {"cursor": cursor}).status_code in (200, 404)


def test_a_list_takes_few_queries(
    client: Client,
    auditor: User,
    account: TradingAccount,
    django_assert_max_num_queries: DjangoAssertNumQueries,
):
    write_entries(50, account)
    # Two of them ask who this is: what was revoked, and the session.
    with django_assert_max_num_queries(6):
        client.get(URL)
