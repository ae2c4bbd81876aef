"""Tokens for programs: access for five minutes, and a refresh that works once.

An access token is a JWT signed with Ed25519; whether its log-in still stands is asked
of the database (and remembered like any proof). A refresh token is exchanged under a
row lock; shown a second time it must be taken for stolen, and its whole family, all
that was ever made from that log-in, is revoked.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from django.conf import settings
from django.db import transaction

from accounts import audit, credentials, signing_keys
from accounts.lifetimes import end_of
from accounts.models import RefreshToken, TokenFamily
from accounts.principals import Principal

ALGORITHM = "EdDSA"
TYPE = "at+jwt"
AUDIENCE = "tradingsite-api"
_NO_HASH = "0" * 64
_REQUIRED = ["iss", "aud", "sub", "fam", "jti", "iat", "nbf", "exp"]


class RefreshError(Exception):
    """The refresh token is unknown, used or over; nobody is told which."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says that we go on with."""

    subject: str
    family: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Pair:
    """What a program gets: the texts are there this once and kept nowhere."""

    family: TokenFamily
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in_s: int


@transaction.atomic
def begin(family: TokenFamily, *, now: datetime) -> Pair:
    """Begin the log-in ``family``, with who and from where filled in."""
    family.public_id = secrets.token_urlsafe(12)
    family.started_at = family.last_used_at = now
    family.expires_at = end_of(
        now, longest=settings.SESSION_LONGEST, daily_end=settings.SESSION_DAILY_END
    )
    family.save(force_insert=True)
    TokenFamily.objects.prune(now)
    return _pair(family, now)


def refresh(text: str, *, now: datetime) -> Pair:
    """Exchange ``text`` for a new pair; of any number of tries at once, one works."""
    shown = credentials.parse(text, credentials.REFRESH_PREFIX)
    pair = None if shown is None else _exchange(shown, now)
    if pair is None:
        raise RefreshError
    return pair


@transaction.atomic
def _exchange(shown: credentials.KeyText, now: datetime) -> Pair | None:
    token = _locked(shown)
    if token is None:
        return None
    family = token.family
    if token.used_at is not None:
        _revoke_stolen(family, now)
        return None
    if not family.is_alive(now) or not family.user.is_active:
        return None
    token.used_at = family.last_used_at = now
    token.save(update_fields=["used_at"])
    family.save(update_fields=["last_used_at"])
    return _pair(family, now)


def _locked(shown: credentials.KeyText) -> RefreshToken | None:
    # The family too: its row must be the one that the lock waited for.
    tokens = RefreshToken.objects.select_for_update(of=("self", "family"))
    rows = tokens.select_related("family__user")
    token = rows.filter(public_id=shown.public_id).first()
    is_right = shown.proves(_NO_HASH if token is None else token.secret_hash)
    return token if is_right else None


def _revoke_stolen(family: TokenFamily, now: datetime) -> None:
    """End a log-in one of whose tokens came twice: one of the two is a thief."""
    if TokenFamily.objects.filter(pk=family.pk).revoke(now, "refresh token reused"):
        audit.record(
            "token.reused",
            source=_principal_of(family),
            target=f"TokenFamily {family.public_id}",
            refused="A refresh token was used twice; its log-in was ended.",
        )


def _principal_of(family: TokenFamily) -> Principal:
    return Principal(
        user_id=family.user_id,
        username=family.user.get_username(),
        kind="token",
        key_id=family.public_id,
        scopes=frozenset(family.scopes),
        is_staff=False,
        proof_id=family.public_id,
    )


def revoke_shown(shown: credentials.KeyText, *, now: datetime) -> bool:
    """End the log-in that a refresh token belongs to; False when it is none."""
    token = RefreshToken.objects.filter(public_id=shown.public_id).first()
    is_right = shown.proves(_NO_HASH if token is None else token.secret_hash)
    if token is None or not is_right:
        return False
    families = TokenFamily.objects.filter(pk=token.family_id)
    return families.revoke(now, "logged out") == 1


def revoke(family: str, *, now: datetime, reason: str) -> None:
    TokenFamily.objects.filter(public_id=family).revoke(now, reason)


def _pair(family: TokenFamily, now: datetime) -> Pair:
    made = credentials.make(credentials.REFRESH_PREFIX)
    RefreshToken.objects.create(
        public_id=made.public_id,
        secret_hash=made.secret_hash,
        family=family,
        made_at=now,
    )
    life = min(timedelta(seconds=settings.ACCESS_TOKEN_S), family.expires_at - now)
    access = _signed(family, now, life)
    return Pair(family, access, str(made), int(life.total_seconds()))


def _signed(family: TokenFamily, now: datetime, life: timedelta) -> str:
    signer = signing_keys.signer()
    payload = {
        "iss": settings.SITE_URL,
        "aud": AUDIENCE,
        "sub": str(family.user_id),
        "fam": family.public_id,
        "jti": secrets.token_urlsafe(12),
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int((now + life).timestamp()),
    }
    return jwt.encode(
        payload,
        signing_keys.private_key(signer),
        algorithm=ALGORITHM,
        headers={"kid": signer.kid, "typ": TYPE},
    )


def read(text: str) -> Claims | None:
    """Return what an access token of ours says; None for anything else."""
    try:
        key = _key_of(jwt.get_unverified_header(text))
        if key is None:
            return None
        payload = jwt.decode(
            text,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=settings.SITE_URL,
            options={"require": _REQUIRED},
        )
    except (jwt.PyJWTError, ValueError):
        return None
    expires_at = datetime.fromtimestamp(payload["exp"], UTC)
    return Claims(payload["sub"], str(payload["fam"]), expires_at)


def _key_of(header: dict[str, Any]) -> Any:
    """Return the key that a header names, if it is a header as we write it.

    Whatever else stands there (a key of its own, where to fetch one, what we would
    have to understand) makes it none of ours.
    """
    is_ours = (
        set(header) == {"alg", "kid", "typ"}
        and header["alg"] == ALGORITHM
        and header["typ"] == TYPE
        and isinstance(header["kid"], str)
    )
    return signing_keys.public_key(header["kid"]) if is_ours else None
