"""Who is received how at every address: the table, and what holds for all of it."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from tests.accounts import matrix
from tests.accounts.matrix import Door, House, doors
from tests.marketdata.builders import make_exchange, make_hours, make_instrument

# Walked in parts, so that the parts can be walked side by side.
PARTS: dict[str, Callable[[Door], bool]] = {
    "udf": lambda door: door.route.startswith("udf/"),
    "rest of accounts": lambda door: door.route.startswith(
        ("api/v1/accounts", "api/v1/desks", "api/v1/auth")
    ),
    "rest": lambda door: door.route.startswith("api/"),
    "sockets": lambda door: door.method == "WS",
    "admin of the market": lambda door: door.route.startswith("admin/marketdata/"),
    "admin of accounts": lambda door: door.route.startswith("admin/accounts/"),
    "admin": lambda door: door.is_of_the_admin,
    "pages": lambda door: True,
}
# Safe without a token: they change nothing of whom they let in, or know no cookie.
WITHOUT_TOKEN = {
    "POST /csp-report",
    *(f"POST /api/v1/auth/{name}" for name in ("token", "refresh", "revoke")),
}


def part_of(door: Door) -> str:
    return next(name for name, is_in in PARTS.items() if is_in(door))


@pytest.fixture
def house(db: None) -> House:
    make_hours(make_exchange("NSE"))
    make_instrument("ACME")
    return House()


def test_every_address_has_an_entry_and_every_entry_an_address():
    found = {str(door) for door in doors()}
    assert found - set(matrix.expected()) == set(), "no entry"
    assert set(matrix.expected()) - found == set(), "no address"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", PARTS)
def test_everybody_is_received_as_the_table_says(part: str, house: House):
    table = matrix.expected()
    wrong = []
    for door in doors():
        if part_of(door) != part or door.method == "WS":
            continue
        found = matrix.line(door, matrix.observed(house, door))
        if found.split() != table.get(str(door), "").split():
            wrong.append(f"is   {found}\nsays {table.get(str(door), 'nothing')}")
    assert not wrong, "\n" + "\n".join(wrong)


def test_the_walk_sees_a_door_that_is_open_to_all(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """The control: with the permissions gone the table is contradicted."""
    door = Door("GET", "api/v1/accounts")
    shut = matrix.line(door, matrix.observed(house, door))
    monkeypatch.setattr(
        "accounts.views.accounts.AccountListView.permission_classes", []
    )
    assert matrix.line(door, matrix.observed(house, door)) != shut


@pytest.mark.timeout(300)
def test_no_session_changes_anything_without_a_csrf_token(house: House):
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(username="root"))
    let_in = [
        str(door)
        for door in doors()
        if door.method not in {"GET", "WS"}
        and client.generic(
            door.method, house.path(door), "{}", content_type="application/json"
        ).status_code
        not in {403, 405}
    ]
    assert set(let_in) <= WITHOUT_TOKEN
