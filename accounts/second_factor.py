"""Codes of an authenticator (RFC 6238) and recovery codes: enrolling and checking.

A code is good for its 30 seconds and the 30 before and after, once. Five wrong ones
lock the codes of an account for a quarter of an hour, exactly, also when they are
tried all at once.
"""

import base64
import os
from datetime import datetime, timedelta
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.crypto import constant_time_compare

from accounts import vault
from accounts.models import LogInAttempt, Membership, RecoveryCode, SecondFactor, User
from accounts.roles import Action, roles_for

STEP_S = 30
DIGITS = 6
# One step of 30 seconds to either side: clocks differ.
DRIFT = 1
_SECRET_BYTES = 20
_ISSUER = "Tradingsite"


class CodeError(Exception):
    """The code is wrong, was used before, or too many were tried."""

    def __init__(self, wait: timedelta = timedelta()) -> None:
        super().__init__("Too many codes were tried." if wait else "Not accepted.")
        self.wait = wait


def is_required_of(user: User) -> bool:
    """Tell whether ``user`` must have a second factor: staff, and who trades."""
    if user.is_staff or user.is_superuser:
        return True
    trading = Membership.objects.filter(role__in=roles_for(Action.TRADE))
    return trading.filter(user_id=user.pk).exists()


def is_enrolled(user: User) -> bool:
    return SecondFactor.objects.confirmed().filter(user_id=user.pk).exists()


def is_due(user: User) -> bool:
    """Tell whether a log-in of ``user`` needs a second factor to be worth anything."""
    if user.is_staff or user.is_superuser:
        return True
    trading = Membership.objects.filter(role__in=roles_for(Action.TRADE))
    is_due = Exists(trading.filter(user_id=OuterRef("pk"))) | Exists(
        SecondFactor.objects.confirmed().filter(user_id=OuterRef("pk"))
    )
    return User.objects.filter(is_due, pk=user.pk).exists()


def propose(user: User) -> str:
    """Return a new secret in base32, kept until ``confirm`` hears a code of it."""
    secret = os.urandom(_SECRET_BYTES)
    SecondFactor.objects.update_or_create(
        user=user, defaults={"sealed_next": _sealed(user, secret)}
    )
    return base64.b32encode(secret).decode()


def proposed(user: User) -> str | None:
    """Return the secret that waits to be confirmed."""
    factor = SecondFactor.objects.filter(user_id=user.pk).first()
    if factor is None or not factor.sealed_next:
        return None
    return base64.b32encode(_unsealed(user, factor.sealed_next)).decode()


@transaction.atomic
def confirm(user: User, code: str, *, now: datetime) -> bool:
    """Put the proposed secret in place if ``code`` is one of its own."""
    factor = SecondFactor.objects.select_for_update().filter(user_id=user.pk).first()
    if factor is None or not factor.sealed_next:
        return False
    step = _step_of(code, _unsealed(user, factor.sealed_next), now)
    if step is None:
        return False
    factor.sealed_secret, factor.sealed_next = factor.sealed_next, b""
    factor.confirmed_at, factor.last_step = now, step
    factor.save()
    return True


def enrol(user: User, secret: str, *, now: datetime) -> None:
    """Give ``user`` this base32 secret, as if a code of it had been shown."""
    sealed = _sealed(user, base64.b32decode(secret))
    SecondFactor.objects.update_or_create(
        user=user,
        defaults={"sealed_secret": sealed, "sealed_next": b"", "confirmed_at": now},
    )


def has_secret(user: User, secret: str) -> bool:
    """Tell whether the codes of ``user`` are made with this base32 secret."""
    factor = SecondFactor.objects.confirmed().filter(user_id=user.pk).first()
    if factor is None:
        return False
    kept = base64.b32encode(_unsealed(user, factor.sealed_secret)).decode()
    return constant_time_compare(kept, secret)


def check(user: User, code: str, *, address: str, now: datetime) -> None:
    """Use ``code`` up, of the authenticator or a recovery code, or raise CodeError.

    The try is counted first, so that the limit is exact under parallel tries.
    """
    name = user.get_username()
    wait = LogInAttempt.objects.wait_for_code(username=name, address=address, now=now)
    if wait:
        raise CodeError(wait)
    if not _is_right(user, code, now):
        raise CodeError
    LogInAttempt.objects.forgive_codes(username=name, now=now)


def _is_right(user: User, code: str, now: datetime) -> bool:
    factor = SecondFactor.objects.confirmed().filter(user_id=user.pk).first()
    if factor is None:
        return False
    step = _step_of(code, _unsealed(user, factor.sealed_secret), now)
    if step is not None:
        return SecondFactor.objects.spend(factor.pk, step)
    return RecoveryCode.objects.spend(user.pk, code, now)


def code_at(secret: bytes, step: int) -> str:
    """Return the code of a step: so many times 30 seconds since 1970."""
    # SHA-1 inside an HMAC is what authenticators speak, and sound there.
    code = TOTP(secret, DIGITS, SHA1(), STEP_S).generate(step * STEP_S)  # noqa: S303
    return code.decode()


def _step_of(code: str, secret: bytes, now: datetime) -> int | None:
    plain = "".join(code.split())
    current = int(now.timestamp()) // STEP_S
    found = None
    # All are compared, so that the time taken does not tell which one it was.
    for step in range(current - DRIFT, current + DRIFT + 1):
        if constant_time_compare(plain, code_at(secret, step)):
            found = step
    return found


def uri_of(user: User, secret: str) -> str:
    """Return the ``otpauth://`` address that an authenticator reads from a QR code."""
    label = quote(f"{_ISSUER}:{user.get_username()}")
    return f"otpauth://totp/{label}?secret={secret}&issuer={_ISSUER}"


def _sealed(user: User, secret: bytes) -> bytes:
    return vault.seal(secret, bound_to=f"SecondFactor {user.pk}")


def _unsealed(user: User, sealed: bytes | memoryview) -> bytes:
    return vault.unseal(bytes(sealed), bound_to=f"SecondFactor {user.pk}")
