"""Secrets at rest: sealed with AES-256-GCM and bound to the row they belong to."""

import base64
import os
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from tradingsite import environment

_NONCE = 12


def seal(plain: bytes, *, bound_to: str) -> bytes:
    """Return ``plain`` sealed; only the same ``bound_to`` opens it again."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(_key(settings.DATA_DIR)).encrypt(
        nonce, plain, bound_to.encode()
    )


def unseal(sealed: bytes, *, bound_to: str) -> bytes:
    """Return what was sealed; raises InvalidTag for another row, key or byte."""
    sealed = bytes(sealed)
    return AESGCM(_key(settings.DATA_DIR)).decrypt(
        sealed[:_NONCE], sealed[_NONCE:], bound_to.encode()
    )


@cache
def _key(data: Path) -> bytes:
    text = environment.text("TRADINGSITE_MASTER_KEY") or environment.kept_secret(
        data / "master_key"
    )
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))[:32]
