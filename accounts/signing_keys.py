"""The keys of access tokens: made when there is none, rotated with an overlap.

The private half is sealed in the database, so that every process signs with the same
key, and a copy of the database signs nothing.
"""

import secrets
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import vault
from accounts.models import SigningKey

_KID = "0123456789abcdef"


def signer() -> SigningKey:
    """Return the key that signs now; two made at once do no harm, both verify."""
    return SigningKey.objects.signer() or _make(timezone.now())


def private_key(key: SigningKey) -> Ed25519PrivateKey:
    raw = vault.unseal(bytes(key.sealed_private_key), bound_to=key.bound_to)
    return Ed25519PrivateKey.from_private_bytes(raw)


def public_key(kid: str) -> Ed25519PublicKey | None:
    """Return the key that verifies what ``kid`` signed; None when it is unknown."""
    # No database keeps a NUL, and the index need not see a long one.
    if len(kid) != len(_KID) or not set(kid) <= set(_KID):
        return None
    raw = SigningKey.objects.filter(kid=kid).values_list("public_key", flat=True)
    found = raw.first()
    return None if found is None else Ed25519PublicKey.from_public_bytes(bytes(found))


@transaction.atomic
def rotate(*, now: datetime, at_once: bool = False) -> tuple[SigningKey, int]:
    """Make a new key that signs from now; retire the ones no living token needs.

    The key that signed until now verifies for as long as a token of it can live, and
    is retired by a later rotation. ``at_once`` retires all: a key has leaked.
    Return the new key and how many were retired.
    """
    life = timedelta(seconds=settings.ACCESS_TOKEN_S)
    made = _make(now)
    older = SigningKey.objects.exclude(pk=made.pk).order_by("-created_at", "-pk")
    retired = [
        key.pk
        for key, successor in zip(older, [made, *older], strict=False)
        if at_once or successor.created_at + life < now
    ]
    return made, SigningKey.objects.filter(pk__in=retired).delete()[0]


def _make(now: datetime) -> SigningKey:
    private, kid = Ed25519PrivateKey.generate(), secrets.token_hex(8)
    return SigningKey.objects.create(
        kid=kid,
        public_key=private.public_key().public_bytes_raw(),
        sealed_private_key=vault.seal(
            private.private_bytes_raw(), bound_to=f"SigningKey {kid}"
        ),
        created_at=now,
    )
