"""People, desks, accounts and keys that the tests are arranged with."""

from datetime import timedelta

from django.test import RequestFactory
from django.utils import timezone

from accounts.models import ApiKey, Desk, Membership, TradingAccount, User
from accounts.principals import ALL_SCOPES, Principal

PASSWORD = "correct horse battery"


def make_user(username: str = "alice", **fields: object) -> User:
    return User.objects.create_user(username, password=PASSWORD, **fields)


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


def make_key(user: User, **fields: object) -> ApiKey:
    """Return a key as it is the moment it was made: ``text`` is still there."""
    now = timezone.now()
    fields = {"scopes": ALL_SCOPES, "life": timedelta(days=1), **fields}
    return ApiKey.objects.issue(user_id=user.pk, name="Test", now=now, **fields)


def session_of(user: User) -> Principal:
    return Principal(
        user_id=user.pk,
        username=user.username,
        kind="session",
        key_id=None,
        scopes=ALL_SCOPES,
        is_staff=user.is_staff,
    )


def request_with(text: str, path: str = "/", **headers: str):
    return RequestFactory().get(path, HTTP_AUTHORIZATION=f"Bearer {text}", **headers)
