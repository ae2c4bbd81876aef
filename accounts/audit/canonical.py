"""What exactly is hashed: the fields of an entry as canonical JSON.

Canonical is: keys sorted, no spaces, UTF-8 without escapes beyond JSON's own, times in
UTC with microseconds, no fractions (numbers that have one are texts). The hash of an
entry is SHA-256 of the hash before it (32 zero bytes before the first) and of that.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from django.db.models import QuerySet

from tradingsite import logs

# Sorted, as canonical JSON has them.
FIELDS = (
    "account_id",
    "action",
    "actor",
    "address",
    "after",
    "at",
    "before",
    "chain",
    "door",
    "key_id",
    "on_behalf_of",
    "outcome",
    "position",
    "reason",
    "request_id",
    "target",
    "user_id",
)
FIRST = bytes(32)
LONGEST_TEXT = 1000
MOST_VALUES = 100
_BIGGEST = 2**53


def digest(previous: bytes, fields: Mapping[str, Any]) -> bytes:
    """Return the hash of an entry, with ``previous`` the one before it."""
    return hashlib.sha256(previous + canonical(fields)).digest()


def canonical(fields: Mapping[str, Any]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def moment(at: datetime) -> str:
    """Return a time as it is hashed, such as 2026-04-01T03:45:00.000000Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def clean(text: object, length: int) -> str:
    """Return a text without secrets, on one line, no longer than ``length``."""
    plain = str(text).encode("utf-8", "backslashreplace").decode()
    return logs.escaped(logs.masked(plain))[:length]


def plain(name: str, value: Any) -> Any:
    """Return the value of a named field as an entry keeps it."""
    if logs.SECRET_FIELDS.search(name):
        return logs.MASK
    return _plain(value)


def plain_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row had or has, as an entry keeps it."""
    few = list(fields.items())[:MOST_VALUES]
    return {clean(name, 64): plain(str(name), value) for name, value in few}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return plain_fields(value)
    if _is_many(value):
        return [_plain(item) for item in list(value)[:MOST_VALUES]]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -_BIGGEST < value < _BIGGEST:
        return int(value)
    if isinstance(value, datetime):
        return moment(value)
    return clean(value, LONGEST_TEXT)


def _is_many(value: Any) -> bool:
    if isinstance(value, str | bytes):
        return False
    return isinstance(value, Sequence | set | frozenset | QuerySet)
