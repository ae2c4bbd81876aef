"""What an entry says: who, on whose behalf, from where, and nothing that is secret."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from pytest_django import Settings

from accounts import audit
from accounts.authentication import principal_of
from accounts.models import AuditEntry, TradingAccount, User
from tests.accounts.builders import make_key, request_with, session_of
from tradingsite import logs

pytestmark = pytest.mark.django_db


def last() -> AuditEntry:
    return AuditEntry.objects.latest("id")


def test_a_person_acts_for_itself(alice: User, account: TradingAccount):
    request = RequestFactory().post("/", REMOTE_ADDR="203.0.113.7")
    request.user = alice
    token = logs.correlation_id.set("request-1")
    audit.record("limit.set", source=request, account=account, target="Limit 4")
    logs.correlation_id.reset(token)
    told = last()
    assert (told.actor, told.door, told.on_behalf_of) == ("alice", "session", "alice")
    assert (told.user_id, told.key_id) == (alice.pk, "")
    assert (told.address, told.request_id) == ("203.0.113.7", "request-1")
    assert (told.account, told.target, told.outcome) == (account, "Limit 4", "done")


def test_a_key_acts_on_behalf_of_its_user(alice: User):
    key = make_key(alice, all_accounts=True)
    request = request_with(key.text)
    assert principal_of(request)
    audit.record("limit.set", source=request)
    told = last()
    assert (told.actor, told.door) == (f"key {key.public_id}", "api_key")
    assert (told.on_behalf_of, told.key_id) == ("alice", key.public_id)


def test_a_task_acts_for_a_principal(alice: User):
    audit.record("limit.set", source=session_of(alice))
    assert (last().actor, last().address) == ("alice", "")


def test_a_process_acts_by_itself(settings: Settings):
    settings.PROCESS_KIND = "worker"
    audit.record("limit.set")
    assert (last().actor, last().door, last().on_behalf_of) == ("worker", "system", "")


def test_a_command_names_whose_shell_it_was():
    audit.record("limit.set")
    assert last().actor.startswith("command of ")


def test_nobody_is_anonymous():
    request = RequestFactory().post("/")
    request.user = AnonymousUser()
    audit.record("limit.set", source=request)
    assert (last().actor, last().on_behalf_of) == ("anonymous", "")


def test_what_changed_is_told_in_plain_values(alice: User):
    at = datetime(2026, 4, 1, 3, 45, 0, 7, tzinfo=UTC)
    number = uuid.UUID(int=7)
    audit.record(
        "limit.set",
        change=audit.Change(
            {"most": None, "is_on": True},
            {
                "most": Decimal("10.50"),
                "share": 0.1,
                "count": 3,
                "big": 2**70,
                "at": at,
                "id": number,
                "user": alice,
                "roles": ["b", "a"],
                "more": {"x": {1}},
            },
        ),
    )
    told = last()
    assert told.before == {"most": None, "is_on": True}
    assert told.after == {
        "most": "10.50",
        "share": "0.1",
        "count": 3,
        "big": str(2**70),
        "at": "2026-04-01T03:45:00.000007Z",
        "id": str(number),
        "user": "alice",
        "roles": ["b", "a"],
        "more": {"x": [1]},
    }


@pytest.mark.parametrize(
    "text", ["a\r\nb", "\x1b[31mred", "a\u2028b", "nul\x00", "\ud800lone", "\x9bcsi"]
)
def test_nothing_can_forge_a_line(text: str):
    audit.record("x.y", target=text, change=audit.Change(after={text: text}))
    told = last()
    for stored in (told.target, *told.after, *told.after.values()):
        assert not logs.CONTROL.search(stored)
        assert "\\" in stored


def test_secrets_are_masked(alice: User):
    key = make_key(alice).text
    audit.record(
        "x.y",
        target=f"Bearer {key}",
        change=audit.Change(
            {"password": "hunter2", "api_secret": "s3", "note": f"uses {key}"},
            {"deep": {"access_token": "abc", "pan": "ABCPE1234F"}},
        ),
    )
    text = f"{last().target} {last().before} {last().after}"
    for secret in (key[13:40], "hunter2", "'s3'", "abc", "ABCPE1234F"):
        assert secret not in text


def test_an_entry_has_a_most():
    many = {f"field {number}": "x" * 5000 for number in range(500)}
    audit.record("x.y", target="t" * 5000, change=audit.Change(after=many))
    told = last()
    assert len(told.target) == 200
    assert len(told.after) == 100
    assert max(map(len, told.after.values())) == 1000


def test_an_entry_outlives_its_account(account: TradingAccount):
    audit.record("limit.set", account=account)
    name = f"account:{account.pk}"
    account.delete()
    assert last().chain == name
