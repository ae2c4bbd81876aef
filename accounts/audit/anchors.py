"""What chains end with, signed every ten minutes and kept also outside the database.

Whoever can rewrite a whole chain, or cut off its end, can make its hashes fit; they
cannot make them fit what was signed (Ed25519) and written to a file in the data folder.
Copy that file elsewhere and nobody on this machine can. The key stands in
``AUDIT_SIGNING_KEY`` or in the data folder, never in the database.
"""

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from django.conf import settings
from django.db import connection, transaction

from accounts.audit.canonical import canonical, moment
from accounts.models import AuditAnchor
from tradingsite import claims
from tradingsite.environment import kept_secret

KEY_FILE = "audit_signing_key"
ANCHORS_FILE = "audit_anchors.jsonl"
_HEADS = """
WITH RECURSIVE chains AS (
    (SELECT chain FROM accounts_auditentry ORDER BY chain LIMIT 1)
    UNION ALL
    SELECT (SELECT chain FROM accounts_auditentry WHERE chain > chains.chain
             ORDER BY chain LIMIT 1)
      FROM chains WHERE chains.chain IS NOT NULL
)
SELECT chains.chain, head.position, head.hash
  FROM chains
 CROSS JOIN LATERAL (SELECT position, hash FROM accounts_auditentry AS entry
                      WHERE entry.chain = chains.chain
                      ORDER BY position DESC LIMIT 1) AS head
 WHERE NOT EXISTS (SELECT 1 FROM accounts_auditanchor AS anchor
                    WHERE anchor.chain = chains.chain
                      AND anchor.position >= head.position)
"""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A signed statement: at this moment this chain ended with this."""

    chain: str
    position: int
    hash: bytes
    at: str
    key_id: str
    signature: bytes = b""

    @property
    def signed(self) -> bytes:
        """Return what the signature is of."""
        return b"tradingsite audit anchor" + canonical(self._fields())

    def is_genuine(self, keys: Mapping[str, Ed25519PublicKey]) -> bool:
        """Tell whether one of ``keys`` signed this."""
        key = keys.get(self.key_id)
        if key is None:
            return False
        try:
            key.verify(self.signature, self.signed)
        except InvalidSignature:
            return False
        return True

    def as_line(self) -> bytes:
        fields = {**self._fields(), "signature": self.signature.hex()}
        return canonical(fields) + b"\n"

    def _fields(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "chain": self.chain,
            "hash": self.hash.hex(),
            "key_id": self.key_id,
            "position": self.position,
        }


def anchor_all(now: datetime) -> list[Anchor]:
    """Anchor each chain that grew since its last anchor, in both places.

    The file is written before COMMIT: an anchor that only stands there is as good as
    any, one that only stands in the database protects little.
    """
    key = signing_key()
    with transaction.atomic():
        claims.serialize("audit:anchors")
        with connection.cursor() as cursor:
            cursor.execute(_HEADS)
            made = [_made(key, now, *row) for row in cursor.fetchall()]
        write(made)
        AuditAnchor.objects.bulk_create(_row(anchor, now) for anchor in made)
    return made


def _made(
    key: Ed25519PrivateKey, now: datetime, chain: str, position: int, digest: bytes
) -> Anchor:
    key_id = id_of(key.public_key())
    bare = Anchor(chain, position, bytes(digest), moment(now), key_id)
    return _signed(bare, key.sign(bare.signed))


def _signed(bare: Anchor, signature: bytes) -> Anchor:
    return Anchor(bare.chain, bare.position, bare.hash, bare.at, bare.key_id, signature)


def _row(anchor: Anchor, now: datetime) -> AuditAnchor:
    return AuditAnchor(
        chain=anchor.chain,
        position=anchor.position,
        hash=anchor.hash,
        at=now,
        key_id=anchor.key_id,
        signature=anchor.signature,
    )


def write(anchors: list[Anchor]) -> None:
    """Add ``anchors`` to the file, and see to it that they are on the disk."""
    if not anchors:
        return
    place = path()
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(place, flags, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(b"".join(anchor.as_line() for anchor in anchors))
        file.flush()
        os.fsync(descriptor)


def in_database() -> list[Anchor]:
    return [
        Anchor(
            row.chain,
            row.position,
            bytes(row.hash),
            moment(row.at),
            row.key_id,
            bytes(row.signature),
        )
        for row in AuditAnchor.objects.iterator()
    ]


def in_file(place: Path) -> list[Anchor]:
    """Return the anchors of a file; ValueError names a line that is none."""
    found = []
    for number, line in enumerate(place.read_bytes().splitlines(), start=1):
        try:
            found.append(_parsed(orjson.loads(line)))
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{place}, line {number}: this is no anchor.") from None
    return found


def _parsed(fields: dict[str, Any]) -> Anchor:
    return Anchor(
        str(fields["chain"]),
        int(fields["position"]),
        bytes.fromhex(fields["hash"]),
        str(fields["at"]),
        str(fields["key_id"]),
        bytes.fromhex(fields["signature"]),
    )


def path() -> Path:
    return Path(settings.DATA_DIR) / ANCHORS_FILE


def signing_key() -> Ed25519PrivateKey:
    """Return the key that signs; it is made in the data folder on first use."""
    text = settings.AUDIT_SIGNING_KEY or kept_secret(Path(settings.DATA_DIR) / KEY_FILE)
    seed = hashlib.sha256(b"tradingsite audit" + text.encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def known_keys() -> dict[str, Ed25519PublicKey]:
    """Return the keys whose anchors are believed: ours, and those named as such."""
    older = (
        Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text))
        for text in settings.AUDIT_PUBLIC_KEYS
    )
    return {id_of(key): key for key in (signing_key().public_key(), *older)}


def id_of(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key as ``AUDIT_PUBLIC_KEYS`` names it."""
    return base64.urlsafe_b64encode(key.public_bytes_raw()).decode()
