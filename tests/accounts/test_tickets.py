"""Tickets of sockets: shown once, soon, from where they were asked for."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts import tickets
from accounts.authentication import principal_of
from accounts.credentials import KeyText
from accounts.models import ApiKey, Ticket, User
from accounts.principals import ALL_SCOPES, Principal, Scope
from tests.accounts.builders import make_key, make_user, request_with

HERE = "127.0.0.1"
TRIES = 50


def principal_with_a_key(user: User) -> Principal:
    principal = principal_of(request_with(make_key(user).text))
    assert principal is not None
    return principal


def issue(principal: Principal, scopes: frozenset[str] = ALL_SCOPES) -> str:
    return tickets.issue(principal, address=HERE, scopes=scopes, now=timezone.now())


def test_a_ticket_stands_for_who_asked_for_it(alice: User):
    principal = principal_with_a_key(alice)
    assert tickets.redeem(issue(principal), HERE) == principal


def test_a_ticket_works_once(alice: User):
    text = issue(principal_with_a_key(alice))
    assert tickets.redeem(text, HERE) is not None
    assert tickets.redeem(text, HERE) is None


def test_a_ticket_is_narrowed_to_its_scopes(alice: User):
    text = issue(principal_with_a_key(alice), frozenset({Scope.READ_MARKET}))
    redeemed = tickets.redeem(text, HERE)
    assert redeemed is not None
    assert redeemed.scopes == {"read:market"}


def test_a_ticket_gives_no_scope_that_its_owner_lacks(alice: User):
    key = make_key(alice, scopes=[Scope.READ_MARKET])
    principal = principal_of(request_with(key.text))
    assert principal is not None
    redeemed = tickets.redeem(issue(principal), HERE)
    assert redeemed is not None
    assert redeemed.scopes == {"read:market"}


def test_a_ticket_lives_for_30_seconds(alice: User):
    principal, now = principal_with_a_key(alice), timezone.now()
    for age_s, is_good in ((29, True), (30, False)):
        text = tickets.issue(principal, address=HERE, scopes=ALL_SCOPES, now=now)
        redeemed = tickets.redeem(text, HERE, now=now + timedelta(seconds=age_s))
        assert (redeemed is not None) == is_good


def test_a_ticket_shown_from_elsewhere_is_refused_and_gone(alice: User):
    text = issue(principal_with_a_key(alice))
    assert tickets.redeem(text, "203.0.113.9") is None
    assert tickets.redeem(text, HERE) is None


def test_a_ticket_ends_with_the_key_that_asked_for_it(alice: User):
    text = issue(principal_with_a_key(alice))
    ApiKey.objects.all().revoke(timezone.now())
    assert tickets.redeem(text, HERE) is None


def test_a_ticket_ends_with_its_user(alice: User):
    text = issue(principal_with_a_key(alice))
    User.objects.update(is_active=False)
    assert tickets.redeem(text, HERE) is None


@pytest.mark.parametrize("text", ["", "tst_x", "\0", "tsk_"])
def test_what_is_no_ticket_is_refused(db: None, text: str):
    assert tickets.redeem(text, HERE) is None


def test_only_the_hash_of_a_ticket_is_kept(alice: User):
    text = issue(principal_with_a_key(alice))
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_ticket::text FROM accounts_ticket")
        (row,) = cursor.fetchone()
    assert text[4:12] in row
    assert text[13:56] not in row


def test_old_tickets_are_cleared_away(alice: User):
    principal, now = principal_with_a_key(alice), timezone.now()
    for age_s in (60, 31, 0):
        tickets.issue(
            principal,
            address=HERE,
            scopes=ALL_SCOPES,
            now=now - timedelta(seconds=age_s),
        )
    assert Ticket.objects.count() == 1


def redeem_all_at_once(text: str) -> int:
    """Return how many of 50 simultaneous uses of ``text`` let somebody in."""
    gate = threading.Barrier(TRIES)

    def use(_: int) -> bool:
        try:
            connection.ensure_connection()
            gate.wait()
            return tickets.redeem(text, HERE) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(TRIES) as threads:
        return sum(threads.map(use, range(TRIES)))


@pytest.mark.django_db(transaction=True)
def test_of_50_uses_at_once_exactly_one_lets_in():
    text = issue(principal_with_a_key(make_user()))
    assert redeem_all_at_once(text) == 1


@pytest.mark.django_db(transaction=True)
def test_control_read_first_and_deleted_later_several_get_in(
    monkeypatch: pytest.MonkeyPatch,
):
    read = threading.Barrier(TRIES)

    def read_then_delete(shown: KeyText) -> Ticket | None:
        ticket = Ticket.objects.filter(public_id=shown.public_id).first()
        read.wait()
        Ticket.objects.filter(public_id=shown.public_id).delete()
        return ticket

    monkeypatch.setattr(tickets, "_taken", read_then_delete)
    text = issue(principal_with_a_key(make_user()))
    assert redeem_all_at_once(text) > 1
