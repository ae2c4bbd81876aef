"""Walks every address as every kind of caller and says how each was received.

The addresses come from the URL resolver and the ASGI routing table; what is expected
of each stands in ``access_matrix.txt``. How a caller was received is one of: ``yes``
(let in, whatever the answer then was), ``login`` (sent to the log-in), ``401``,
``403``, ``404``, and ``405`` (nobody may send that there).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Permission
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client

from accounts.models import Desk, Membership, User
from accounts.principals import ALL_SCOPES, Scope
from tests.accounts.builders import join, make_account, make_desk, make_key, make_user
from tests.orders.builders import report, reported
from tradingsite.access import Endpoint, endpoints

TABLE = Path(__file__).with_name("access_matrix.txt")
ROLES = list(Membership.Role.values)
KEYS = {f"key:{scope.value}": [scope] for scope in Scope}
CALLERS = [
    *("nobody", *ROLES, "stranger", "staff", "superuser", *KEYS, "revoked"),
]
# The admin is for staff: there the roles differ in nothing, so one stands for all.
OF_THE_ADMIN = ["nobody", "viewer", "key:admin", "staff", "superuser"]

# What the parameters of addresses are filled with; the first of each is there.
SAMPLES = {
    "symbol": "NSE:ACME",
    "account": "north-1",
    "public_id": "nobodys0",
    "name": "NSE:ACME",
    "username": "carol",
    "broker_order_id": "1",
    "pk": "1",
    "label_id": "00000000-0000-4000-8000-000000000001",
    "session_id": "00000000-0000-4000-8000-000000000001",
    # There is no such row: where there is to be one, the house names it.
    "object_id": "0",
    "content_type_id": "0",
    "id": "0",
    "app_label": "accounts",
    "url": "nothing",
}


@dataclass(frozen=True, slots=True)
class Door:
    """One method of one address."""

    method: str
    route: str

    def __str__(self) -> str:
        return f"{self.method} /{self.route}"

    @property
    def is_of_the_admin(self) -> bool:
        return self.route.startswith("admin/") and self.route != "admin/login/"

    @property
    def callers(self) -> Sequence[str]:
        if not self.is_of_the_admin:
            return CALLERS
        # Who may GET a form there may POST it: to see the page twice proves nothing.
        return OF_THE_ADMIN[: None if self.method == "GET" else -1]


def doors() -> list[Door]:
    """Return every method of every address, and every socket."""
    found = [
        Door(method, plain(endpoint))
        for endpoint in endpoints()
        for method in endpoint.methods
    ]
    return list(dict.fromkeys([*found, *sockets()]))


def plain(endpoint: Endpoint) -> str:
    """Return the route as a person writes it: groups of expressions as parameters."""
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", endpoint.route)
    return re.sub(r"[\^$]|\\Z", "", route)


def sockets() -> Iterator[Door]:
    """Yield the addresses of sockets, from the routing table of the application."""
    from tradingsite.asgi import application

    for route in application.application_mapping["websocket"].routes:
        yield Door("WS", str(route.pattern))


class House:
    """A desk with its people, and one of everybody else who may come by."""

    def __init__(self) -> None:
        self.desk = make_desk("north")
        self.account = make_account("north-1", self.desk)
        report(self.account, reported("1"))
        carol = make_user("carol")
        join(carol, self.desk)
        join(carol, self.account)
        self.people = {role: self._member(role, self.desk) for role in ROLES}
        self.people["stranger"] = self._member("admin", make_desk("south"), "sid")
        self.people["staff"] = make_user("staff", is_staff=True)
        self.people["staff"].user_permissions.set(
            Permission.objects.filter(content_type__app_label="accounts")
        )
        self.people["superuser"] = make_user("root", is_staff=True, is_superuser=True)
        self.key_of_root = make_key(self.people["superuser"])
        self.keys = {name: self._key(scopes) for name, scopes in KEYS.items()}
        self.keys["revoked"] = self._key(ALL_SCOPES, is_revoked=True)
        self.sessions = {name: self._session(name) for name in self.people}

    def _member(self, role: str, desk: Desk, name: str = "") -> User:
        user = make_user(name or role)
        join(user, desk, role)
        return user

    def _key(self, scopes: Any, *, is_revoked: bool = False) -> str:
        key = make_key(self.people["admin"], scopes=scopes, all_accounts=True)
        if is_revoked:
            type(key).objects.filter(pk=key.pk).update(revoked_at=key.created_at)
        return key.text

    def _session(self, name: str) -> str:
        client = Client()
        client.force_login(self.people[name])
        return client.cookies["sessionid"].value

    def path(self, door: Door) -> str:
        slug = "north" if "/desks/" in door.route else "north-1"
        samples = SAMPLES | {"slug": slug} | self._row_of(door)
        route = re.sub(r"<(?:\w+:)?(\w+)>", lambda match: samples[match[1]], door.route)
        return f"/{route}"

    def _row_of(self, door: Door) -> dict[str, str]:
        """Return the key of the row that the admin's addresses of a table name."""
        root = self.people["superuser"]
        rows = {
            "admin/accounts/desk/": self.desk,
            "admin/accounts/tradingaccount/": self.account,
            "admin/accounts/user/": root,
            "admin/accounts/apikey/": self.key_of_root,
        }
        found = [row.pk for begin, row in rows.items() if door.route.startswith(begin)]
        return dict.fromkeys(("object_id", "id"), str(found[0])) if found else {}

    def received(self, door: Door, caller: str) -> str:
        """Return how ``caller`` is received at ``door``; nothing it does stays."""
        # What wants a key of the command would else refuse everybody for lacking it.
        client, headers = Client(), {"Idempotency-Key": f"walk-{caller}"}
        if caller in self.sessions:
            client.cookies["sessionid"] = self.sessions[caller]
        if caller in self.keys:
            headers["Authorization"] = f"Bearer {self.keys[caller]}"
        with transaction.atomic():
            answer = client.generic(
                door.method,
                self.path(door),
                "{}" if door.method != "GET" else "",
                content_type="application/json",
                headers=headers,
            )
            transaction.set_rollback(True)
        return said(answer)


def said(answer: HttpResponseBase) -> str:
    if answer.status_code in {401, 403, 404, 405}:
        return str(answer.status_code)
    to = answer.headers.get("Location", answer.headers.get("HX-Redirect", ""))
    if to == "/admin/":
        # How the admin says that it has no such row.
        return "404"
    return "login" if to.startswith(("/login/", "/admin/login/")) else "yes"


def observed(house: House, door: Door) -> dict[str, str]:
    return {caller: house.received(door, caller) for caller in door.callers}


def line(door: Door, found: dict[str, str]) -> str:
    """Return the line of the table: who is received how, the same ones together."""
    groups: dict[str, list[str]] = {}
    for caller, outcome in found.items():
        groups.setdefault(outcome, []).append(caller)
    told = "; ".join(
        f"{outcome}: {words(door, names)}" for outcome, names in groups.items()
    )
    return f"{door!s:<62} {told}"


def words(door: Door, names: list[str]) -> str:
    return "all" if len(names) == len(door.callers) else " ".join(names)


def expected() -> dict[str, str]:
    """Return the lines of the table by their door."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    entries = [line for line in lines if line and not line.startswith("#")]
    return {" ".join(line.split()[:2]): line for line in entries}
