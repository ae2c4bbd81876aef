"""The text of an API key: ``tsk_<8 id>_<43 secret>_<crc>``, pure.

The id finds the row, the secret proves the holder, and the checksum lets a
mistyped key be refused (and a leaked one be recognized) without a database.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

PREFIX = "tsk_"
ID_LENGTH = 8
_ALPHABET = string.ascii_letters + string.digits
_SHAPE = re.compile(r"tsk_([A-Za-z0-9]{8})_([A-Za-z0-9_-]{43})_([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key as its holder knows it; never stored, never shown in a repr."""

    public_id: str
    secret: str = field(repr=False)

    def __str__(self) -> str:
        body = f"{PREFIX}{self.public_id}_{self.secret}"
        return f"{body}_{_checksum(body)}"

    @property
    def secret_hash(self) -> str:
        # 256 random bits need no slow hash: there is nothing to guess.
        return hashlib.sha256(self.secret.encode()).hexdigest()

    def proves(self, secret_hash: str) -> bool:
        """Tell whether this key made ``secret_hash``, in constant time."""
        return hmac.compare_digest(self.secret_hash, secret_hash)


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"


def make() -> KeyText:
    public_id = "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTH))
    return KeyText(public_id, secrets.token_urlsafe(32))


def parse(text: str) -> KeyText | None:
    """Return the key written in ``text``, or None when it is not one."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    key = KeyText(match[1], match[2])
    return key if text == str(key) else None


def find_all(text: str) -> list[KeyText]:
    """Return the whole keys that stand anywhere in ``text``."""
    found = (parse(match[0]) for match in _SHAPE.finditer(text))
    return [key for key in found if key is not None]
