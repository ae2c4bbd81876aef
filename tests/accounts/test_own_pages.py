"""The pages of one's own account: keys, log-ins, security, the question for a code."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.authentication import principal_of
from accounts.models import (
    ApiKey,
    RecoveryCode,
    SecondFactor,
    Session,
    TokenFamily,
    User,
)
from accounts.session_store import PROVEN
from tests.accounts.builders import (
    code_of,
    enrol,
    join,
    make_account,
    make_key,
    make_tokens,
    make_user,
    request_with,
)

KEY = re.compile(r"tsk_\w{8}_[\w-]{43}_[0-9a-f]{8}")
HTML = {"Accept": "text/html"}
FORM = {"name": "Export", "scopes": ["read:market"], "life_days": "30"}


@pytest.fixture
def browser(client: Client, alice: User) -> Client:
    """The browser of Alice, who showed a code a moment ago."""
    enrol(alice)
    client.force_login(alice)
    return client


def age(client: Client, minutes: int) -> None:
    """Let the code have been shown so many minutes ago."""
    session = client.session
    session[PROVEN] = (timezone.now() - timedelta(minutes=minutes)).isoformat()
    session.save()


@pytest.mark.parametrize(
    "name", ["security", "keys", "key-new", "sessions", "second-factor", "step-up"]
)
def test_every_page_opens(browser: Client, alice: User, name: str):
    make_key(alice)
    join(alice, make_account())
    assert browser.get(reverse(name), headers=HTML).status_code == 200


@pytest.mark.parametrize(
    "name", ["security", "keys", "key-new", "sessions", "second-factor"]
)
def test_every_page_is_closed_to_nobody(client: Client, db: None, name: str):
    response = client.get(reverse(name), headers=HTML)
    assert response["Location"].startswith(reverse("login"))


def test_a_key_is_made_and_shown_once(browser: Client, alice: User):
    page = browser.post(reverse("key-new"), FORM, headers=HTML)
    (text,) = KEY.findall(page.content.decode())
    principal = principal_of(request_with(text))
    assert principal is not None
    assert principal.scopes == {"read:market"}
    assert "no-store" in page["Cache-Control"]
    assert text not in browser.get(reverse("keys")).content.decode()


def test_a_key_for_some_accounts(browser: Client, alice: User):
    join(alice, make_account(), "viewer")
    make_account("south-1")
    form = FORM | {"accounts": ["north-1"]}
    browser.post(reverse("key-new"), form, headers=HTML)
    key = ApiKey.objects.get()
    assert [account.slug for account in key.accounts.all()] == ["north-1"]
    refused = browser.post(
        reverse("key-new"), FORM | {"accounts": ["south-1"]}, headers=HTML
    )
    assert "not one of the available choices" in refused.content.decode()


@pytest.mark.parametrize("networks", ["", "0.0.0.0/0", "the office", "10.0.0.0/8"])
def test_a_key_that_trades_must_name_a_small_network(browser: Client, networks: str):
    form = FORM | {"scopes": ["trade"], "allowed_networks": networks}
    page = browser.post(reverse("key-new"), form, headers=HTML)
    assert "field__error" in page.content.decode()
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked(browser: Client, alice: User):
    key = make_key(alice)
    browser.post(reverse("key-revoke", args=[key.public_id]))
    assert principal_of(request_with(key.text)) is None


def test_a_foreign_key_is_not_there(browser: Client):
    key = make_key(make_user("bob"))
    url = reverse("key-revoke", args=[key.public_id])
    assert browser.post(url).status_code == 404
    assert principal_of(request_with(key.text)) is not None


def test_an_old_code_is_asked_for_again_before_a_key_is_made(browser: Client):
    age(browser, 6)
    response = browser.get(reverse("key-new"), headers=HTML)
    assert (
        response["Location"] == f"{reverse('step-up')}?next=%2Faccounts%2Fkeys%2Fnew%2F"
    )
    response = browser.post(response["Location"], {"code": code_of()}, headers=HTML)
    assert response["Location"] == reverse("key-new")
    assert browser.get(reverse("key-new"), headers=HTML).status_code == 200


def test_what_was_filled_in_is_kept_while_a_code_is_asked_for(browser: Client):
    age(browser, 6)
    page = browser.post(reverse("key-new"), FORM, headers=HTML)
    assert 'name="name" value="Export"' in page.content.decode()
    assert not ApiKey.objects.exists()

    wrong = FORM | {"second_factor_code": "000000x"}
    page = browser.post(reverse("key-new"), wrong, headers=HTML)
    assert (page.status_code, ApiKey.objects.count()) == (403, 0)
    assert "not accepted" in page.content.decode()

    right = FORM | {"second_factor_code": code_of()}
    browser.post(reverse("key-new"), right, headers=HTML)
    assert ApiKey.objects.get().name == "Export"


def test_who_has_no_second_factor_sets_one_up_first(client: Client, alice: User):
    client.force_login(alice)
    age(client, 6)
    response = client.get(reverse("key-new"), headers=HTML)
    assert response["Location"].startswith(reverse("second-factor"))


def test_a_change_in_the_admin_asks_for_a_fresh_code(client: Client, db: None):
    boss = make_user("boss", is_staff=True, is_superuser=True)
    enrol(boss)
    client.force_login(boss)
    age(client, 6)
    url = reverse("admin:accounts_user_change", args=[make_user("bob").pk])
    assert client.get(url, headers=HTML).status_code == 200
    page = client.post(url, {"username": "robert"}, headers=HTML)
    assert "Confirm it is you" in page.content.decode()
    assert User.objects.filter(username="bob").exists()
    add = client.get(reverse("admin:accounts_user_add"), headers=HTML)
    assert add["Location"].startswith(reverse("step-up"))


@pytest.mark.parametrize("name", ["session", "tokenfamily", "secondfactor"])
def test_staff_end_log_ins_and_reset_second_factors(
    client: Client, alice: User, name: str
):
    boss = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(boss)
    enrol(alice)
    Client().force_login(alice)
    access = make_tokens(alice, proven_at=timezone.now()).access
    row = {
        "session": Session.objects.filter(user=alice),
        "tokenfamily": alice.token_families,
        "secondfactor": SecondFactor.objects,
    }[name].first()
    url = reverse(f"admin:accounts_{name}_changelist")
    action = "reset" if name == "secondfactor" else "end"
    client.post(url, {"action": action, "_selected_action": [row.pk]}, headers=HTML)
    is_session_there = Session.objects.filter(user=alice).exists()
    is_token_good = principal_of(request_with(access)) is not None
    assert (is_session_there, is_token_good) == {
        "session": (False, True),
        "tokenfamily": (True, False),
        "secondfactor": (False, False),
    }[name]


def test_the_pages_of_log_ins_end_them(browser: Client, alice: User):
    elsewhere, third = Client(), Client()
    elsewhere.force_login(alice)
    third.force_login(alice)
    page = browser.get(reverse("sessions")).content.decode()
    assert "this one" in page
    row = Session.objects.exclude(public_id=browser.session["public_id"]).first()
    assert row is not None
    browser.post(reverse("session-end", args=[row.public_id]))
    assert Session.objects.filter(user=alice).count() == 2
    browser.post(reverse("end-others"))
    assert [one.public_id for one in Session.objects.filter(user=alice)] == [
        browser.session["public_id"]
    ]


def test_a_foreign_log_in_is_not_there(browser: Client):
    Client().force_login(make_user("bob"))
    row = Session.objects.get(user__username="bob")
    url = reverse("session-end", args=[row.public_id])
    assert browser.post(url).status_code == 404
    assert Session.objects.filter(pk=row.pk).exists()


def test_new_recovery_codes_are_shown_once(browser: Client, alice: User):
    page = browser.post(reverse("recovery-codes"), headers=HTML)
    assert page.content.decode().count("<code>") == 10
    assert RecoveryCode.objects.filter(user=alice).count() == 10


def test_an_agent_that_is_hostile_is_shown_as_text(browser: Client, alice: User):
    make_tokens(alice)
    TokenFamily.objects.update(agent="<script>alert(1)</script>")
    page = browser.get(reverse("sessions")).content.decode()
    assert "<script>alert" not in page
