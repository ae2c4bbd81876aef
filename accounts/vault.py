"""Sealed secrets: envelopes that the database keeps and cannot open.

Each secret has a data key of its own (AES-256-GCM); the data key is wrapped by a
master key, which stands in ``TRADINGSITE_MASTER_KEYS`` or in a file of the data
folder, never in the database. Both seals are bound to where the secret belongs
(``bound_to``, such as ``broker_connection:7:account:3``), so that an envelope copied
to another row does not open there. The first master key seals; the others only open
what they once sealed, until ``manage.py rotate_master_key`` has wrapped it anew.

An envelope: version (1 byte), id of the master key (4), nonce (12), wrapped data key
(48), nonce (12), ciphertext with its tag.
"""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

FILE = "master_keys"
KEY_BYTES, ID_BYTES, NONCE_BYTES, TAG_BYTES = 32, 4, 12, 16
_VERSION = b"\x01"
_HEADER = len(_VERSION) + ID_BYTES
_WRAPPED = NONCE_BYTES + KEY_BYTES + TAG_BYTES
_SHORTEST = _HEADER + _WRAPPED + NONCE_BYTES + TAG_BYTES


class VaultError(Exception):
    """A secret cannot be sealed or opened; says why, never what."""


class MasterKeyMissing(VaultError):  # noqa: N818 - told by name wherever it is met
    """There is no master key, or one that is none."""


class UnknownMasterKey(VaultError):  # noqa: N818
    """The master key that sealed this is not among those of this process."""


class Unreadable(VaultError):  # noqa: N818
    """The envelope was changed, or belongs to another row."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A master key; its id is derived from it and may be told."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> bytes:
        return hashlib.sha256(b"tradingsite master key" + self.key).digest()[:ID_BYTES]

    def wrap(self, data_key: bytes, bound_to: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        header = _VERSION + self.id
        bound = header + b"key\0" + bound_to.encode()
        return header + nonce + AESGCM(self.key).encrypt(nonce, data_key, bound)

    def unwrap(self, wrapped: bytes, bound_to: str) -> bytes:
        bound = _VERSION + self.id + b"key\0" + bound_to.encode()
        return _open(self.key, wrapped, bound)


@sensitive_variables()
def seal(plain: bytes, *, bound_to: str) -> bytes:
    """Return the envelope of ``plain``, which opens only for the same ``bound_to``."""
    data_key, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES)
    body = AESGCM(data_key).encrypt(nonce, plain, b"data\0" + bound_to.encode())
    return master_keys()[0].wrap(data_key, bound_to) + nonce + body


@sensitive_variables()
def unseal(sealed: bytes, *, bound_to: str) -> bytes:
    """Return what was sealed for ``bound_to``; VaultError when that cannot be."""
    sealed = _checked(sealed)
    data_key = _data_key(sealed, bound_to)
    body = sealed[_HEADER + _WRAPPED :]
    return _open(data_key, body, b"data\0" + bound_to.encode())


@sensitive_variables()
def rewrap(sealed: bytes, *, bound_to: str) -> bytes:
    """Return the envelope under the first master key; the secret stays sealed."""
    sealed = _checked(sealed)
    data_key = _data_key(sealed, bound_to)
    head = master_keys()[0].wrap(data_key, bound_to)
    return head + sealed[_HEADER + _WRAPPED :]


def key_id_of(sealed: bytes) -> str:
    """Return the id, in hexadecimal, of the master key that sealed this."""
    return _checked(sealed)[len(_VERSION) : _HEADER].hex()


def master_keys() -> list[MasterKey]:
    """Return the master keys, the one that seals first; never remembered.

    They are read each time, so that a rotation is felt in every process at once.
    """
    text = settings.MASTER_KEYS or _kept()
    keys = [_parsed(part) for part in text.replace(",", " ").split()]
    if not keys:
        raise MasterKeyMissing(
            "There is no master key: run manage.py prepare_site, or set "
            "TRADINGSITE_MASTER_KEYS."
        )
    return keys


def make_master_key() -> bool:
    """Make the first master key in the data folder; False when there is one."""
    if settings.MASTER_KEYS or path().exists():
        return False
    _write([secrets.token_bytes(KEY_BYTES)], put=_link)
    return True


def add_master_key() -> MasterKey:
    """Put a new master key before the others in the data folder, and return it."""
    new = secrets.token_bytes(KEY_BYTES)
    _write([new, *(old.key for old in master_keys())], put=Path.replace)
    return MasterKey(new)


def keep_first(count: int) -> int:
    """Forget the master keys of the data folder after ``count``; return how many."""
    keys = master_keys()
    if len(keys) > count:
        _write([each.key for each in keys[:count]], put=Path.replace)
    return len(keys[count:])


def path() -> Path:
    return Path(settings.DATA_DIR) / FILE


def _kept() -> str:
    try:
        return path().read_text(encoding="ascii")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise MasterKeyMissing(
            f"The master keys in {path()} cannot be read: {error.strerror}."
        ) from error


@sensitive_variables()
def _parsed(text: str) -> MasterKey:
    try:
        key = base64.urlsafe_b64decode(text)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyMissing(
            f"A master key is {KEY_BYTES} random bytes in base64; one of them is not."
        )
    return MasterKey(key)


@sensitive_variables()
def _write(keys: list[bytes], *, put: Callable[[Path, Path], object]) -> None:
    """Write the keys beside their file, then ``put`` them in its place."""
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path().with_name(f".{FILE}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.writelines(
                base64.urlsafe_b64encode(key).decode() + "\n" for key in keys
            )
            file.flush()
            os.fsync(file.fileno())
        put(draft, path())
    finally:
        draft.unlink(missing_ok=True)


def _link(draft: Path, place: Path) -> None:
    # A link fails when the name is taken: of two processes one wins, whole.
    try:
        place.hardlink_to(draft)
    except FileExistsError:
        return


def _checked(sealed: bytes) -> bytes:
    sealed = bytes(sealed)
    if len(sealed) < _SHORTEST or not sealed.startswith(_VERSION):
        raise Unreadable("This is no sealed secret.")
    return sealed


def _data_key(sealed: bytes, bound_to: str) -> bytes:
    key_id = sealed[len(_VERSION) : _HEADER]
    for master in master_keys():
        if master.id == key_id:
            return master.unwrap(sealed[_HEADER : _HEADER + _WRAPPED], bound_to)
    raise UnknownMasterKey(
        f"The master key {key_id.hex()} that sealed this secret is not known here."
    )


def _open(key: bytes, box: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], bound)
    except InvalidTag:
        raise Unreadable(
            "The sealed secret was changed, or belongs to another row."
        ) from None
