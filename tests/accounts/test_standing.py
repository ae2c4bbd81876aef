"""Who opens a socket, and who of those that did may not stay."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from accounts import tickets
from accounts.authentication import memory, principal_of
from accounts.models import ApiKey, Session, TokenFamily, User
from accounts.principals import ALL_SCOPES, Scope
from accounts.standing import fallen, opener_of
from tests.accounts.builders import (
    enrol,
    log_in_without_second_factor,
    make_key,
    make_tokens,
    make_user,
    request_with,
)
from tradingsite.streaming.identity import Caller

pytestmark = pytest.mark.django_db

HERE = "127.0.0.1"


def by_session(user: User) -> HttpRequest:
    browser = Client()
    browser.force_login(user)
    return request_of(browser)


def request_of(browser: Client) -> HttpRequest:
    request = RequestFactory().get("/")
    request.COOKIES["sessionid"] = browser.cookies["sessionid"].value
    return request


def by_key(user: User) -> HttpRequest:
    return request_with(make_key(user).text)


def by_token(user: User) -> HttpRequest:
    return request_with(make_tokens(user, proven_at=timezone.now()).access)


def ticket_for(user: User, scopes: frozenset[str] = ALL_SCOPES) -> str:
    principal = principal_of(by_key(user))
    assert principal is not None
    return tickets.issue(principal, address=HERE, scopes=scopes, now=timezone.now())


def by_ticket(user: User) -> HttpRequest:
    return request_with(ticket_for(user))


DOORS = {"session": by_session, "key": by_key, "token": by_token, "ticket": by_ticket}


def caller(request: HttpRequest) -> Caller:
    principal = opener_of(request)
    assert principal is not None
    return Caller(principal, HERE)


def block(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User) -> None:
    user.set_password("another horse battery")
    user.save()


def end_sessions(user: User) -> None:
    Session.objects.all().delete()


def let_sessions_expire(user: User) -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def revoke_keys(user: User) -> None:
    ApiKey.objects.filter(user=user).revoke(timezone.now())


def narrow_keys(user: User) -> None:
    ApiKey.objects.filter(user=user).update(scopes=[Scope.READ_MARKET])


def revoke_tokens(user: User) -> None:
    TokenFamily.objects.filter(user=user).update(
        revoked_at=timezone.now(), revoked_for="test"
    )


@pytest.mark.parametrize(
    ("harm", "falls"),
    [
        (block, {"session", "key", "token", "ticket"}),
        (change_password, {"session", "token"}),
        (end_sessions, {"session"}),
        (let_sessions_expire, {"session"}),
        (revoke_keys, {"key", "ticket"}),
        (narrow_keys, {"key", "ticket"}),
        (revoke_tokens, {"token"}),
    ],
)
def test_only_what_lost_its_standing_falls(
    harm: Callable[[User], None], falls: set[str]
):
    user, other = make_user(), make_user("bob")
    callers = {door: caller(shown(user)) for door, shown in DOORS.items()}
    callers["key of another"] = caller(by_key(other))
    assert fallen(callers.values()) == set()

    harm(user)

    assert fallen(callers.values()) == {callers[name] for name in falls}


def test_a_key_that_expired_falls():
    opened = caller(by_key(make_user()))
    ApiKey.objects.update(
        created_at=timezone.now() - timedelta(days=2),
        expires_at=timezone.now() - timedelta(seconds=1),
    )

    assert fallen([opened]) == {opened}


def test_a_key_falls_where_it_may_not_be_used():
    opened = caller(by_key(make_user()))
    ApiKey.objects.update(allowed_networks=["10.0.0.0/8"])

    assert fallen([opened]) == {opened}


def test_whoever_cannot_be_asked_after_falls():
    opened = caller(by_key(make_user()))
    stranger = Caller(object(), HERE)

    assert fallen([opened, stranger]) == {stranger}


def test_a_ticket_opens_one_socket_with_the_scopes_it_names():
    text = ticket_for(make_user(), frozenset({Scope.READ_MARKET}))

    opener = opener_of(request_with(text))

    assert opener is not None
    assert opener.scopes == {Scope.READ_MARKET}
    assert opener_of(request_with(text)) is None


def test_a_ticket_opens_nothing_but_sockets():
    assert principal_of(request_with(ticket_for(make_user()))) is None


def test_nobody_opens_a_socket_before_the_second_factor():
    user = make_user()
    enrol(user)
    browser = Client()
    log_in_without_second_factor(browser, user)

    with pytest.raises(PermissionDenied):
        opener_of(request_of(browser))


def test_a_key_in_the_address_opens_nothing_and_is_revoked():
    key = make_key(make_user())
    request = request_with(
        make_key(make_user("bob")).text, f"/ws/desk?token={key.text}"
    )

    with pytest.raises(SuspiciousOperation):
        opener_of(request)

    key.refresh_from_db()
    assert key.revoked_at is not None


def test_many_that_stand_take_no_query(
    settings: Settings,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
):
    # However long it takes to prove them all the first time.
    monkeypatch.setattr(memory, "HOLDS_S", 600.0)
    users = [make_user(f"user{number}") for number in range(20)]
    callers = [caller(door(user)) for user in users for door in DOORS.values()]
    settings.AUTHENTICATION_LOOK_S = memory.HOLDS_S
    assert fallen(callers) == set()

    with django_assert_num_queries(0):
        assert fallen(callers) == set()
