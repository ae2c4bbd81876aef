"""The log-in page, and the limit on guessing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import LogInAttempt, User, attempts
from tests.accounts.builders import PASSWORD, make_user

WRONG = "That user name and password do not match."


def try_password(
    client: Client,
    password: str,
    username: str = "alice",
    *,
    address: str = "127.0.0.1",
):
    fields = {"username": username, "password": password}
    return client.post(reverse("login"), fields, REMOTE_ADDR=address)


def test_the_right_password_opens_the_desk(client: Client, alice: User):
    response = try_password(client, PASSWORD)
    assert (response.status_code, response["Location"]) == (302, reverse("desk"))


def test_one_returns_to_the_page_that_was_asked_for(client: Client, alice: User):
    fields = {"username": "alice", "password": PASSWORD, "next": "/chart/"}
    assert client.post(reverse("login"), fields)["Location"] == "/chart/"


def test_nobody_is_sent_to_another_site(client: Client, alice: User):
    fields = {"username": "alice", "password": PASSWORD, "next": "//evil.example/"}
    assert client.post(reverse("login"), fields)["Location"] == reverse("desk")


def test_the_refusal_does_not_tell_who_exists(client: Client, alice: User):
    make_user("gone", is_active=False)
    for username, password in [
        ("alice", "no"),
        ("nobody", "no"),
        ("gone", PASSWORD),
    ]:
        response = try_password(client, password, username)
        assert response.status_code == 200
        assert WRONG in response.content.decode()


def test_the_sixth_try_is_refused_even_with_the_right_password(
    client: Client, alice: User
):
    for _ in range(5):
        try_password(client, "guess")
    response = try_password(client, PASSWORD)
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 15 * 60
    assert "Too many tries" in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_without_the_limit_guessing_goes_on(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(attempts.LIMITS, "pair", 1000)
    for _ in range(5):
        try_password(client, "guess")
    assert try_password(client, PASSWORD).status_code == 302


def test_the_limit_does_not_tell_who_exists(client: Client, db: None):
    for _ in range(5):
        try_password(client, "guess", "nobody")
    assert try_password(client, "guess", "nobody").status_code == 429


def test_upper_and_lower_case_are_one_name_to_the_limit(client: Client, alice: User):
    for name in ("alice", "Alice", "ALICE", "aLice", "alIce"):
        try_password(client, "guess", name)
    assert try_password(client, PASSWORD).status_code == 429


def test_the_owner_gets_in_from_elsewhere_meanwhile(client: Client, alice: User):
    for _ in range(6):
        try_password(client, "guess", address="198.51.100.7")
    response = try_password(client, PASSWORD, address="203.0.113.9")
    assert response.status_code == 302


def test_many_addresses_on_one_account_are_stopped(client: Client, alice: User):
    for host in range(50):
        try_password(client, "guess", address=f"198.51.100.{host}")
    response = try_password(client, PASSWORD, address="203.0.113.9")
    assert response.status_code == 429


def test_one_address_on_many_accounts_is_stopped(client: Client, alice: User):
    for number in range(50):
        try_password(client, "guess", f"user{number}")
    assert try_password(client, PASSWORD).status_code == 429


def test_the_wait_ends(client: Client, alice: User):
    for _ in range(6):
        try_password(client, "guess")
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert try_password(client, PASSWORD).status_code == 302


def test_success_forgives_earlier_tries(client: Client, alice: User):
    for _ in range(4):
        try_password(client, "guess")
    try_password(client, PASSWORD)
    for _ in range(4):
        try_password(Client(), "guess")
    assert try_password(Client(), PASSWORD).status_code == 302


def test_no_name_and_no_password_is_kept(client: Client, alice: User):
    try_password(client, "guess", "my-password-in-the-wrong-field")
    kept = " ".join(LogInAttempt.objects.values_list("key", flat=True))
    assert "my-password" not in kept


@pytest.mark.django_db(transaction=True)
def test_the_limit_is_exact_under_32_threads():
    def count(_: int) -> bool:
        try:
            wait = LogInAttempt.objects.wait(
                username="alice", address="198.51.100.7", now=timezone.now()
            )
        finally:
            connection.close()
        return not wait

    with ThreadPoolExecutor(32) as threads:
        let_through = sum(threads.map(count, range(64)))
    assert let_through == 5


def test_the_admin_has_no_door_of_its_own(client: Client, db: None):
    response = client.get("/admin/login/?next=/admin/", follow=True)
    assert response.redirect_chain == [("/login/?next=/admin/", 302)]


def test_somebody_without_the_right_is_told_so(client: Client, alice: User):
    client.force_login(alice)
    response = client.get("/admin/", follow=True)
    assert "You are logged in as alice" in response.content.decode()


def test_logging_out_needs_a_post(client: Client, alice: User):
    client.force_login(alice)
    assert client.get(reverse("logout")).status_code == 405
    assert client.post(reverse("logout"))["Location"] == reverse("login")
    assert "_auth_user_id" not in client.session


def test_the_password_can_be_changed(client: Client, alice: User):
    client.force_login(alice)
    new = "another horse, another battery"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    response = client.post(reverse("password_change"), fields)
    assert response["Location"] == reverse("desk")
    alice.refresh_from_db()
    assert alice.check_password(new)


def test_a_new_password_ends_the_other_sessions(client: Client, alice: User):
    elsewhere = Client()
    elsewhere.force_login(alice)
    client.force_login(alice)
    new = "another horse, another battery"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    client.post(reverse("password_change"), fields)
    assert elsewhere.get(reverse("password_change")).status_code == 302
    assert client.get(reverse("password_change")).status_code == 200
