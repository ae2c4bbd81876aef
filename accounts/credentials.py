"""The text of what a program shows: ``tsk_<8 id>_<43 secret>_<crc>``, pure.

The id finds the row, the secret proves the holder, and the checksum lets a
mistyped one be refused (and a leaked one be recognized) without a database. API keys
begin with ``tsk_``, refresh tokens with ``tsr_``, tickets of sockets with ``tst_``.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

PREFIX = "tsk_"
REFRESH_PREFIX = "tsr_"
TICKET_PREFIX = "tst_"
ID_LENGTH = 8
_ALPHABET = string.ascii_letters + string.digits
_SHAPE = re.compile(
    r"(ts[krt]_)([A-Za-z0-9]{8})_([A-Za-z0-9_-]{43})_([0-9a-f]{8})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key as its holder knows it; never stored, never shown in a repr."""

    public_id: str
    secret: str = field(repr=False)
    prefix: str = PREFIX

    def __str__(self) -> str:
        body = f"{self.prefix}{self.public_id}_{self.secret}"
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


def make(prefix: str = PREFIX) -> KeyText:
    public_id = "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTH))
    return KeyText(public_id, secrets.token_urlsafe(32), prefix)


def parse(text: str, prefix: str = PREFIX) -> KeyText | None:
    """Return what is written in ``text``, or None when it is no such thing."""
    match = _SHAPE.fullmatch(text)
    found = _read(match) if match else None
    return found if found and found.prefix == prefix else None


def find_all(text: str) -> list[KeyText]:
    """Return the whole keys, refresh tokens and tickets anywhere in ``text``."""
    found = (_read(match) for match in _SHAPE.finditer(text))
    return [key for key in found if key is not None]


def _read(match: re.Match[str]) -> KeyText | None:
    key = KeyText(match[2], match[3], match[1])
    return key if match[0] == str(key) else None
