"""People, desks, accounts and keys that the tests are arranged with."""

import base64
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts import log_ins, second_factor, tokens
from accounts.authentication import Origin
from accounts.models import ApiKey, Desk, Membership, TradingAccount, User
from accounts.principals import ALL_SCOPES, Principal
from accounts.session_store import PROVEN

PASSWORD = "correct horse battery"
# A key that trades names where it is used; most tests do not ask from where.
EVERYWHERE = ("0.0.0.0/0", "::/0")
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


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
    allowed_networks: Iterable[str] = EVERYWHERE,
) -> ApiKey:
    """Return a key as it is the moment it was made: ``text`` is still there."""
    return ApiKey.objects.issue(
        user_id=user.pk,
        name="Test",
        scopes=scopes,
        now=timezone.now(),
        life=life,
        all_accounts=all_accounts,
        allowed_networks=allowed_networks,
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


def enrol(user: User, secret: str = TOTP_SECRET) -> None:
    """Give ``user`` an authenticator that makes codes with ``secret``."""
    second_factor.enrol(user, secret, now=timezone.now())


def code_of(secret: str = TOTP_SECRET, *, steps: int = 0) -> str:
    """Return the code that the authenticator shows so many steps from now."""
    step = int(timezone.now().timestamp()) // second_factor.STEP_S + steps
    return second_factor.code_at(base64.b32decode(secret), step)


def make_tokens(
    user: User,
    *,
    scopes: Iterable[str] = ALL_SCOPES,
    proven_at: datetime | None = None,
) -> tokens.Pair:
    """Return the first tokens of a log-in of a program."""
    family = log_ins.family_of(
        user,
        scopes=frozenset(scopes),
        origin=Origin("127.0.0.1", "robot/1"),
        proven_at=proven_at,
    )
    return tokens.begin(family, now=timezone.now())


def log_in_without_second_factor(client: Client, user: User) -> None:
    """Log in as a password alone does it, whoever ``user`` is."""
    client.force_login(user)
    session = client.session
    session.pop(PROVEN, None)
    session.save()
