"""The demo desk: people, an account and a key, the same after every start.

What cannot be read back from the database (the password, the key) is kept in a
file that only its owner reads, and made again only when it no longer fits.
"""

import base64
import json
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypedDict, cast

from accounts import audit, credentials, second_factor
from accounts.models import ApiKey, Desk, Membership, TradingAccount, User
from accounts.principals import ALL_SCOPES

USERNAME = "demo"
TRADER = "asha"
ACCOUNT = "demo-paper"
CLIENT = "DEMO01"
# A key that trades names where it is used: the demo is tried on this machine.
NEAR = ("127.0.0.0/8", "::1/128")
# A key with less life left than this is made again.
RENEW_BEFORE = timedelta(days=7)


class DemoAccess(TypedDict):
    """What one needs to try the demo; the fields of ``demo.json``."""

    url: str
    username: str
    password: str
    totp_secret: str
    api_key: str
    account_id: str


def load(*, kept: DemoAccess | None, url: str, now: datetime) -> DemoAccess:
    """Make what is missing of the demo desk and return how to get in."""
    desk, _ = Desk.objects.get_or_create(slug="demo", defaults={"name": "Demo desk"})
    account, _ = TradingAccount.objects.get_or_create(
        slug=ACCOUNT,
        defaults={
            "name": "Demo paper account",
            "desk": desk,
            "broker": TradingAccount.Broker.PAPER,
            "broker_client_id": CLIENT,
            "is_paper": True,
        },
    )
    user, password = _operator(kept["password"] if kept else "")
    secret = _second_factor(user, kept["totp_secret"] if kept else "", now)
    _member(user, desk, Membership.Role.ADMIN)
    _member(_trader(), desk, Membership.Role.TRADER)
    return DemoAccess(
        url=url,
        username=user.username,
        password=password,
        totp_secret=secret,
        api_key=_key(user, account, kept["api_key"] if kept else "", now),
        account_id=account.slug,
    )


def _operator(kept_password: str) -> tuple[User, str]:
    user, _ = User.objects.get_or_create(
        username=USERNAME,
        defaults={
            "is_staff": True,
            "is_superuser": True,
            "first_name": "Demo",
            "plan": User.Plan.INTERNAL,
        },
    )
    if kept_password and user.check_password(kept_password):
        return user, kept_password
    password = kept_password or secrets.token_urlsafe(12)
    user.set_password(password)
    user.save(update_fields=["password"])
    return user, password


def _second_factor(user: User, kept: str, now: datetime) -> str:
    """Return the kept secret while it is the one in place, else give a new one."""
    if kept and second_factor.has_secret(user, kept):
        return kept
    secret = base64.b32encode(os.urandom(20)).decode()
    second_factor.enrol(user, secret, now=now)
    return secret


def _trader() -> User:
    user, is_new = User.objects.get_or_create(
        username=TRADER, defaults={"first_name": "Asha", "last_name": "Example"}
    )
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def _member(user: User, desk: Desk, role: str) -> None:
    Membership.objects.get_or_create(user=user, desk=desk, defaults={"role": role})


def _key(user: User, account: TradingAccount, kept: str, now: datetime) -> str:
    """Return the kept key while it works, else a new one in its place."""
    shown = credentials.parse(kept)
    key = ApiKey.objects.with_id(shown.public_id) if shown else None
    is_good = (
        shown is not None
        and key is not None
        and key.user_id == user.pk
        and shown.proves(key.secret_hash)
        and key.is_usable(now=now + RENEW_BEFORE, address="127.0.0.1")
    )
    if is_good:
        return kept
    ApiKey.objects.filter(user=user, name="Demo").revoke(now)
    new = ApiKey.objects.issue(
        user_id=user.pk,
        name="Demo",
        scopes=ALL_SCOPES,
        now=now,
        allowed_networks=NEAR,
        accounts=[account],
    )
    audit.record("key.issued", target=f"API key {new.pk} ({new})")
    return new.text


def read(path: Path) -> DemoAccess | None:
    """Return what was kept at ``path``; None when there is nothing usable."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    is_whole = isinstance(kept, dict) and DemoAccess.__required_keys__ <= kept.keys()
    return cast("DemoAccess", kept) if is_whole else None


def write(path: Path, access: DemoAccess) -> None:
    """Keep ``access`` at ``path``, whole or not at all, for its owner's eyes only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(access, file, indent=2)
        file.write("\n")
    draft.replace(path)
