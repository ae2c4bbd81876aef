"""What was proven is remembered for a moment, and what was revoked is felt at once."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.authentication import asking, memory, principal_of, subject_of
from accounts.authentication.asking import still_stands
from accounts.models import ApiKey, Membership, SecondFactor, Session, TokenFamily, User
from tests.accounts.builders import (
    enrol,
    join,
    make_account,
    make_key,
    make_tokens,
    make_user,
    request_with,
)

pytestmark = pytest.mark.django_db(transaction=True)
START = datetime(2026, 1, 5, 6, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[None]:
    """The hour at which the sessions of these tests begin."""
    with time_machine.travel(START, tick=False):
        yield


def by_session(user: User) -> HttpRequest:
    client = Client()
    client.force_login(user)
    request = RequestFactory().get("/")
    request.COOKIES = {name: one.value for name, one in client.cookies.items()}
    return request


def by_key(user: User) -> HttpRequest:
    return request_with(make_key(user).text)


def by_token(user: User) -> HttpRequest:
    return request_with(make_tokens(user, proven_at=timezone.now()).access)


DOORS = {"session": by_session, "key": by_key, "token": by_token}


def again(request: HttpRequest) -> HttpRequest:
    """Return the same request, made anew."""
    request.META.pop("tradingsite.subject", None)
    return request


def is_in(request: HttpRequest) -> bool:
    return principal_of(again(request)) is not None


@pytest.fixture
def remembering(settings: Settings) -> memory.Memory:
    """As in production: a look is good for a while."""
    settings.AUTHENTICATION_LOOK_S = 0.25
    return memory.of_this_process()


@pytest.mark.parametrize("door", DOORS)
def test_what_is_known_costs_no_query(
    door: str,
    settings: Settings,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
):
    # However long it takes to prove it the first time.
    monkeypatch.setattr(memory, "HOLDS_S", 600.0)
    request = DOORS[door](make_user())
    assert is_in(request)
    settings.AUTHENTICATION_LOOK_S = memory.HOLDS_S
    with django_assert_num_queries(0):
        assert is_in(request)


def change_password(user: User) -> None:
    user.set_password("another horse, another battery")
    user.save()


def disable(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def take_powers(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_staff=False)


def take_role(user: User) -> None:
    Membership.objects.filter(user=user).delete()


def change_role(user: User) -> None:
    Membership.objects.filter(user=user).update(role="viewer")


def take_group(user: User) -> None:
    user.groups.clear()


def reset_second_factor(user: User) -> None:
    SecondFactor.objects.filter(user=user).delete()


def end(user: User) -> None:
    Session.objects.filter(user=user).delete()
    TokenFamily.objects.filter(user=user).revoke(timezone.now(), "test")
    ApiKey.objects.filter(user=user).revoke(timezone.now())


def shorten(user: User) -> None:
    now = timezone.now()
    Session.objects.filter(user=user).update(expire_date=now)
    TokenFamily.objects.filter(user=user).update(expires_at=now)
    ApiKey.objects.filter(user=user).update(
        created_at=now - timedelta(days=1), expires_at=now
    )


PEOPLE = ("session", "token")
ALL = ("session", "token", "key")
REVOCATIONS: dict[str, tuple[tuple[str, ...], Callable[[User], None]]] = {
    "a password changes": (PEOPLE, change_password),
    "a user is disabled": (ALL, disable),
    "powers are taken away": (PEOPLE, take_powers),
    "a role is taken away": (PEOPLE, take_role),
    "a role changes": (PEOPLE, change_role),
    "a group is left": (PEOPLE, take_group),
    "the second factor is reset": (PEOPLE, reset_second_factor),
    "it is ended": (ALL, end),
    "its end is now": (ALL, shorten),
}
CASES = [(what, door) for what, (doors, _) in REVOCATIONS.items() for door in doors]


def clerk() -> User:
    user = make_user(is_staff=True)
    enrol(user)
    join(user, make_account(), "trader")
    user.groups.add(Group.objects.create(name="clerks"))
    return user


@pytest.mark.parametrize(("what", "door"), CASES)
def test_it_is_felt_within_half_a_second_when(
    remembering: memory.Memory, what: str, door: str
):
    user = clerk()
    request = DOORS[door](user)
    assert is_in(request)
    assert is_in(request)
    REVOCATIONS[what][1](user)

    began = time.monotonic()
    while is_in(request):
        assert time.monotonic() - began < 1, "it was not felt"
        time.sleep(0.01)


def test_control_without_the_looks_it_is_not_felt(
    remembering: memory.Memory, settings: Settings
):
    request = by_key(make_user())
    assert is_in(request)
    settings.AUTHENTICATION_LOOK_S = 60
    ApiKey.objects.all().revoke(timezone.now())
    with (
        patch.object(memory, "HOLDS_S", 60),
        patch.object(remembering, "_looked_at", time.monotonic() - 1),
    ):
        assert is_in(request)


def test_a_revocation_that_commits_late_is_not_missed(settings: Settings):
    """It began before a look, and was committed after it."""
    request = by_key(make_user())
    begun, looked = threading.Event(), threading.Event()
    assert is_in(request)

    def revoke_slowly() -> None:
        try:
            with transaction.atomic():
                ApiKey.objects.all().revoke(timezone.now())
                begun.set()
                assert looked.wait(10)
        finally:
            connection.close()

    thread = threading.Thread(target=revoke_slowly)
    thread.start()
    assert begun.wait(10)
    settings.AUTHENTICATION_LOOK_S = 0
    assert is_in(request)
    assert is_in(request)
    looked.set()
    thread.join()
    assert not is_in(request)


def test_a_proof_that_a_look_overtook_is_not_kept(settings: Settings):
    """Read as good, revoked, looked, and only then kept: it must not stay."""
    user = make_user()
    kept = memory.Memory()
    proof = memory.Proof(user, object(), timezone.now() + timedelta(minutes=1))  # type: ignore[arg-type]

    def prove_slowly() -> memory.Proof:
        kept._is_current()
        return proof

    assert kept.recall(b"name", timezone.now(), prove_slowly) is proof
    assert kept.recall(b"name", timezone.now(), lambda: None) is None


def test_when_nobody_can_look_nothing_is_remembered(remembering: memory.Memory):
    request = by_key(make_user())
    assert is_in(request)
    ApiKey.objects.all().revoke(timezone.now())
    with (
        patch.object(remembering, "_look_unless_another_does"),
        patch.object(remembering, "_looked_at", time.monotonic() - memory.HOLDS_S),
    ):
        assert not is_in(request)


def test_after_a_long_silence_everything_is_forgotten(settings: Settings):
    kept, user = memory.Memory(), make_user()
    proof = memory.Proof(user, object(), timezone.now() + timedelta(hours=1))  # type: ignore[arg-type]
    kept.recall(b"name", timezone.now(), lambda: proof)
    kept._looked_at -= memory.FORGETS_S + 1
    assert kept.recall(b"name", timezone.now(), lambda: None) is None


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch, settings: Settings):
    monkeypatch.setattr(memory, "MOST", 3)
    kept, user = memory.Memory(), make_user()
    proof = memory.Proof(user, object(), timezone.now() + timedelta(hours=1))  # type: ignore[arg-type]
    for number in range(10):
        kept.recall(bytes([number]), timezone.now(), lambda: proof)
    assert len(kept._proofs) == 3


def test_somebody_else_s_revocation_leaves_one_s_own_proof(settings: Settings):
    alice, bob = by_key(make_user("alice")), by_key(make_user("bob"))
    assert is_in(alice)
    assert is_in(bob)
    ApiKey.objects.filter(user__username="bob").revoke(timezone.now())
    assert is_in(alice)
    assert not is_in(bob)


@pytest.mark.parametrize("door", DOORS)
def test_an_open_socket_is_told(remembering: memory.Memory, door: str):
    user = make_user()
    principal = principal_of(DOORS[door](user))
    assert principal is not None
    assert still_stands(principal, address="127.0.0.1", now=timezone.now())
    disable(user)
    began = time.monotonic()
    while still_stands(principal, address="127.0.0.1", now=timezone.now()):
        assert time.monotonic() - began < 1, "it was not told"
        time.sleep(0.01)


@pytest.mark.parametrize("door", DOORS)
def test_who_knows_the_name_of_a_proof_is_not_let_in_by_it(
    remembering: memory.Memory, door: str
):
    """Public ids stand in lists and logs, and a quoted cookie may hold a NUL."""
    principal = principal_of(DOORS[door](make_user()))
    assert principal is not None
    assert still_stands(principal, address="127.0.0.1", now=timezone.now())
    named = f"{principal.kind}\0{principal.proof_id}"
    cookie = RequestFactory().get("/")
    cookie.COOKIES = {"sessionid": f"{named}\x00127.0.0.1"}
    for request in (cookie, request_with(named)):
        assert not is_in(request)


def test_control_names_that_fit_every_door_let_in(
    remembering: memory.Memory, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asking, "name_of", lambda _, shown: shown.encode())
    principal = principal_of(by_key(make_user()))
    assert principal is not None
    assert still_stands(principal, address="127.0.0.1", now=timezone.now())
    cookie = RequestFactory().get("/")
    cookie.COOKIES = {"sessionid": f"api_key\0{principal.proof_id}\x00127.0.0.1"}
    assert is_in(cookie)


def test_what_one_asks_with_is_not_what_is_kept(remembering: memory.Memory):
    key = make_key(make_user())
    assert is_in(request_with(key.text))
    assert key.text not in repr(remembering._proofs)


def test_a_user_of_one_request_is_not_that_of_the_next():
    request = by_key(make_user())
    first = subject_of(again(request))
    second = subject_of(again(request))
    assert first is not None
    assert second is not None
    first[0].username = "somebody else"
    assert second[0].username == "alice"


# --- sessions end by themselves ------------------------------------------------


def test_a_session_that_is_left_alone_ends_after_15_minutes(clock: None):
    request = by_session(make_user())
    for minutes, is_still_in in ((14, True), (28, True), (44, False)):
        with time_machine.travel(START + timedelta(minutes=minutes), tick=False):
            assert is_in(request) == is_still_in


def test_a_session_in_use_ends_after_8_hours(clock: None, settings: Settings):
    settings.SESSION_IDLE = timedelta(hours=9)
    request = by_session(make_user())
    for hours, is_still_in in ((7.9, True), (8.1, False)):
        with time_machine.travel(START + timedelta(hours=hours), tick=False):
            assert is_in(request) == is_still_in


def test_use_does_not_move_the_end_of_a_session(
    clock: None, client: Client, settings: Settings
):
    settings.SESSION_IDLE = timedelta(hours=9)
    client.force_login(make_user())
    before = Session.objects.get().expire_date
    with time_machine.travel(START + timedelta(hours=2), tick=False):
        session = client.session
        session["anything"] = 1
        session.save()
    assert Session.objects.get().expire_date == before


def test_the_key_of_a_session_is_nowhere_in_the_database(client: Client):
    client.force_login(make_user())
    key = client.session.session_key
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_session::text FROM accounts_session")
        rows = "".join(row for (row,) in cursor.fetchall())
    assert key
    assert key not in rows
