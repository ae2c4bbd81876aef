"""People, desks, accounts and keys that the tests are arranged with."""

from collections.abc import Iterable
from datetime import timedelta

from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from accounts.models import ApiKey, Desk, Membership, TradingAccount, User
from accounts.principals import ALL_SCOPES, Principal

PASSWORD = "correct horse battery"


def make_user(
    username: str = "alice",
    *,
    is_active: bool = True,
    is_staff: bool = False,
    is_superuser: bool = False,
) -> User:
    return User.objects.create_user(
        username,
        password=PASSWORD,
        is_active=is_active,
        is_staff=is_staff,
        is_superuser=is_superuser,
    )


def make_desk(slug: str = "north") -> Desk:
    return Desk.objects.get_or_create(slug=slug, defaults={"name": slug.title()})[0]


def make_account(slug: str = "north-1", desk: Desk | None = None) -> TradingAccount:
    return TradingAccount.objects.create(
        slug=slug,
        name=slug.upper(),
        desk=desk or make_desk(),
        broker=TradingAccount.Broker.PAPER,
        broker_client_id=slug,
        is_paper=True,
    )


def join(
    user: User, place: Desk | TradingAccount, role: str = Membership.Role.VIEWER
) -> Membership:
    field = "desk" if isinstance(place, Desk) else "account"
    return Membership.objects.create(user=user, role=role, **{field: place})


def make_key(
    user: User,
    *,
    scopes: Iterable[str] = ALL_SCOPES,
    life: timedelta = timedelta(days=1),
    all_accounts: bool = False,
) -> ApiKey:
    """Return a key as it is the moment it was made: ``text`` is still there."""
    return ApiKey.objects.issue(
        user_id=user.pk,
        name="Test",
        scopes=scopes,
        now=timezone.now(),
        life=life,
        all_accounts=all_accounts,
    )


def session_of(user: User) -> Principal:
    return Principal(
        user_id=user.pk,
        username=user.username,
        kind="session",
        key_id=None,
        scopes=ALL_SCOPES,
        is_staff=user.is_staff,
    )


def request_with(text: str, path: str = "/", **meta: str) -> HttpRequest:
    """Return a request that shows ``text`` as its key."""
    request = RequestFactory().get(path, HTTP_AUTHORIZATION=f"Bearer {text}")
    request.META.update(meta)
    return request
