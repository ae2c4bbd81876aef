"""Logging in with a second factor, and what is closed to who has none."""

import re
from datetime import timedelta
from importlib import import_module

import pytest
import time_machine
from django.contrib import admin
from django.contrib.auth.hashers import make_password
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts import second_factor
from accounts.models import ApiKey, RecoveryCode, Session, User
from tests.accounts.builders import (
    PASSWORD,
    code_of,
    enrol,
    join,
    log_in_without_second_factor,
    make_account,
    make_key,
    make_tokens,
    make_user,
)

CODE = re.compile(r"<code>([a-z0-9]{4}(?:-[a-z0-9]{4}){3})</code>")
HTML = {"Accept": "text/html"}


def log_in(client: Client, username: str = "alice", **extra: str):
    fields = {"username": username, "password": PASSWORD, **extra}
    return client.post(reverse("login"), fields, headers=HTML)


def show(client: Client, code: str):
    return client.post(reverse("login-code"), {"code": code}, headers=HTML)


def test_who_has_a_second_factor_is_asked_for_a_code(client: Client, alice: User):
    enrol(alice)
    assert log_in(client, next="/chart/")["Location"] == reverse("login-code")
    assert "_auth_user_id" not in client.session
    assert show(client, code_of())["Location"] == "/chart/"
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert Session.objects.get(user=alice).second_factor_at is not None


def test_the_code_page_sends_nobody_to_another_site(client: Client, alice: User):
    enrol(alice)
    log_in(client, next="//evil.example/")
    assert show(client, code_of())["Location"] == reverse("desk")


def test_a_wrong_code_opens_nothing(client: Client, alice: User):
    enrol(alice)
    log_in(client)
    page = show(client, "000000x")
    assert "not accepted" in page.content.decode()
    assert "_auth_user_id" not in client.session


def test_five_wrong_codes_lock_the_page(client: Client, alice: User):
    enrol(alice)
    log_in(client)
    for _ in range(5):
        show(client, "no")
    page = show(client, code_of())
    assert page.status_code == 429
    assert "Too many tries" in page.content.decode()


def test_a_recovery_code_opens_it_too(client: Client, alice: User):
    enrol(alice)
    code, *_ = RecoveryCode.objects.renew(alice.pk)
    log_in(client)
    assert show(client, code).status_code == 302
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_a_code_needs_the_password_first(client: Client, alice: User):
    enrol(alice)
    assert show(client, code_of())["Location"] == reverse("login")


def test_the_password_is_good_for_five_minutes(client: Client, alice: User):
    enrol(alice)
    log_in(client)
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=1)):
        assert show(client, code_of())["Location"] == reverse("login")


def test_a_password_that_was_changed_meanwhile_is_none(client: Client, alice: User):
    enrol(alice)
    log_in(client)
    alice.set_password("another horse, another battery")
    alice.save()
    assert show(client, code_of())["Location"] == reverse("login")


@pytest.fixture
def trader(alice: User) -> User:
    join(alice, make_account(), "trader")
    return alice


def test_a_trader_without_one_is_led_to_set_it_up(client: Client, trader: User):
    log_in(client)
    response = client.get("/", headers=HTML)
    assert response["Location"] == f"{reverse('second-factor')}?next=%2F"
    answer = client.get(reverse("accounts:account-list"))
    assert (answer.status_code, answer.json()["code"]) == (
        403,
        "second_factor_required",
    )


def test_a_viewer_needs_none(client: Client, alice: User):
    join(alice, make_account(), "viewer")
    log_in(client)
    assert client.get(reverse("accounts:account-list")).status_code == 200


def set_up(client: Client, user: User, next_page: str = "/"):
    page = client.get(reverse("second-factor"), headers=HTML)
    assert "<svg" in page.content.decode()
    secret = second_factor.proposed(user)
    assert secret is not None
    assert secret[:4] in page.content.decode()
    url = f"{reverse('second-factor')}?next={next_page}"
    return client.post(url, {"code": code_of(secret)}, headers=HTML)


def test_setting_one_up_opens_the_site_and_shows_recovery_codes(
    client: Client, trader: User
):
    log_in(client)
    page = set_up(client, trader, "/accounts/keys/")
    assert len(set(CODE.findall(page.content.decode()))) == 10
    assert 'href="/accounts/keys/"' in page.content.decode()
    assert client.get(reverse("accounts:account-list")).status_code == 200
    assert "no-store" in page["Cache-Control"]


def test_a_wrong_code_sets_nothing_up(client: Client, trader: User):
    log_in(client)
    client.get(reverse("second-factor"), headers=HTML)
    secret = second_factor.proposed(trader)
    page = client.post(reverse("second-factor"), {"code": "000000x"}, headers=HTML)
    assert "not the code" in page.content.decode()
    assert second_factor.proposed(trader) == secret
    assert not second_factor.is_enrolled(trader)


def test_setting_one_up_ends_the_other_log_ins(client: Client, trader: User):
    elsewhere = Client()
    log_in(elsewhere)
    log_in(client)
    set_up(client, trader)
    assert "_auth_user_id" not in elsewhere.session


def test_who_has_one_cannot_replace_it_with_the_password_alone(
    client: Client, alice: User
):
    enrol(alice)
    log_in_without_second_factor(client, alice)
    response = client.get(reverse("second-factor"), headers=HTML)
    assert response["Location"].startswith(reverse("step-up"))


ADMIN = sorted(
    f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
    for model in admin.site._registry
    for page in ("changelist", "add")
)


@pytest.mark.parametrize("name", ["admin:index", *ADMIN])
def test_the_admin_stays_closed_to_a_password_alone(
    client: Client, name: str, db: None
):
    log_in_without_second_factor(
        client, make_user("boss", is_staff=True, is_superuser=True)
    )
    response = client.get(reverse(name), headers=HTML)
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("second-factor"))


@pytest.mark.parametrize("shown", ["nonsense", "a key", "a token"])
def test_no_bearer_carries_a_session_past_the_gate(
    client: Client, alice: User, shown: str
):
    bearers = {
        "nonsense": "nonsense",
        "a key": make_key(alice).text,
        "a token": make_tokens(alice, proven_at=timezone.now()).access,
    }
    log_in_without_second_factor(
        client, make_user("boss", is_staff=True, is_superuser=True)
    )
    headers = HTML | {"Authorization": f"Bearer {bearers[shown]}"}
    response = client.get(reverse("admin:index"), headers=headers)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_no_bearer_makes_the_code_of_a_session_fresh(client: Client, alice: User):
    enrol(alice)
    bob = make_user("bob")
    log_in_without_second_factor(client, bob)
    access = make_tokens(alice, proven_at=timezone.now()).access
    headers = HTML | {"Authorization": f"Bearer {access}"}
    form = {"name": "Mine", "scopes": ["read:market"], "life_days": "30"}
    response = client.post(reverse("key-new"), form, headers=headers)
    assert response["Location"].startswith(reverse("login"))
    assert not ApiKey.objects.exists()


def test_control_the_admin_opens_with_a_code(client: Client, db: None):
    boss = make_user("boss", is_staff=True, is_superuser=True)
    enrol(boss)
    log_in(client, "boss")
    show(client, code_of())
    assert client.get(reverse("admin:index"), headers=HTML).status_code == 200


def test_logging_out_is_open_to_everybody(client: Client, trader: User):
    log_in(client)
    assert client.post(reverse("logout"))["Location"] == reverse("login")


@pytest.mark.parametrize("length", [64, 128])
def test_a_long_password_is_welcome(client: Client, alice: User, length: int):
    long = "correct horse battery staple " * 5
    client.force_login(alice)
    new = long[:length]
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    client.post(reverse("password_change"), fields)
    assert Client().login(username="alice", password=new)


@pytest.mark.parametrize("common", ["password1", "iloveyou", "qwerty123", "trustno1"])
def test_a_password_that_was_in_a_breach_is_refused(
    client: Client, alice: User, common: str
):
    client.force_login(alice)
    fields = {
        "old_password": PASSWORD,
        "new_password1": common,
        "new_password2": common,
    }
    page = client.post(reverse("password_change"), fields)
    assert "too common" in page.content.decode()


def test_passwords_are_hashed_with_argon2id(settings: Settings):
    hashers = import_module("tradingsite.settings").PASSWORD_HASHERS
    assert hashers[0].endswith("Argon2PasswordHasher")
    settings.PASSWORD_HASHERS = hashers
    assert make_password("x").startswith("argon2$argon2id$")
