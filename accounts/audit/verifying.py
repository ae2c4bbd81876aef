"""Finding the first row of a chain that is not as it was written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection

from accounts.audit.anchors import Anchor
from accounts.audit.canonical import FIELDS, FIRST, digest

BATCH = 10_000
# As they are hashed: PostgreSQL writes the time, JSON is read from its text.
_SPECIAL = {
    "at": """to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    "before": "before::text",
    "after": "after::text",
}
_COLUMNS = ", ".join(_SPECIAL.get(name, name) for name in FIELDS)
_ROWS = f"""
SELECT id, hash, {_COLUMNS} FROM accounts_auditentry
 WHERE chain = %s AND position > %s ORDER BY position LIMIT %s
"""  # noqa: S608 - our own names
_CHAINS = """
SELECT chain FROM accounts_auditentry UNION SELECT chain FROM accounts_auditanchor
 ORDER BY chain
"""
_AFTER, _BEFORE = FIELDS.index("after"), FIELDS.index("before")
_POSITION = FIELDS.index("position")


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing of a chain that is wrong: where, and what."""

    chain: str
    position: int
    what: str
    row_id: int | None = None

    def __str__(self) -> str:
        row = "" if self.row_id is None else f" (row {self.row_id})"
        return f"{self.chain} {self.position}{row}: {self.what}"


@dataclass(slots=True)
class Verified:
    """What was found of a chain: how long it is, and what is wrong, if anything."""

    chain: str
    rows: int = 0
    anchored: int = 0
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The anchors, wherever they were kept, and the keys that may have signed them."""

    anchors: Sequence[Anchor] = ()
    keys: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)

    def of_chain(self, chain: str) -> list[Anchor]:
        mine = (anchor for anchor in self.anchors if anchor.chain == chain)
        return sorted(mine, key=lambda anchor: anchor.position)


def chains() -> list[str]:
    """Return every chain that has a row or an anchor."""
    with connection.cursor() as cursor:
        cursor.execute(_CHAINS)
        return [name for (name,) in cursor.fetchall()]


def verify(chain: str, evidence: Evidence) -> Verified:
    """Read the whole chain; stop at the first row that is wrong.

    The hashes are looked at first, then the anchors: a chain whose hashes all fit may
    still have been cut off or written anew.
    """
    anchors = evidence.of_chain(chain)
    wanted = {anchor.position for anchor in anchors}
    found = Verified(chain)
    passed: dict[int, bytes] = {}
    previous = FIRST
    for row_id, stored, values in _rows(chain):
        position = values[_POSITION]
        fault = _fault(values, previous, stored, expected=found.rows + 1)
        if fault:
            found.fault = Fault(chain, found.rows + 1, fault, row_id)
            return found
        found.rows, previous = position, stored
        if position in wanted:
            passed[position] = stored
    found.fault = _anchor_fault(anchors, evidence, found.rows, passed)
    found.anchored = max(passed, default=0)
    return found


def _rows(chain: str) -> Iterator[tuple[int, bytes, list[Any]]]:
    position = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_ROWS, [chain, position, BATCH])
            rows = cursor.fetchall()
        for row_id, stored, *values in rows:
            yield row_id, bytes(stored), values
        if len(rows) < BATCH:
            return
        position = rows[-1][2 + _POSITION]


def _fault(values: list[Any], previous: bytes, stored: bytes, *, expected: int) -> str:
    position = values[_POSITION]
    if position != expected:
        return f"the row is missing; the next one there is {position}"
    for index in (_AFTER, _BEFORE):
        text = values[index]
        values[index] = {} if text == "{}" else orjson.loads(str(text))
    if digest(previous, dict(zip(FIELDS, values, strict=True))) != stored:
        return "the row is not what its hash says"
    return ""


def _anchor_fault(
    anchors: list[Anchor], evidence: Evidence, rows: int, passed: dict[int, bytes]
) -> Fault | None:
    for anchor in anchors:
        place, what = anchor.position, ""
        if not anchor.is_genuine(evidence.keys):
            what = f"the anchor of {anchor.at} has no good signature"
        elif anchor.position > rows:
            what = f"the chain ends before this; at {anchor.at} it went to {place}"
            place = rows + 1
        elif passed[anchor.position] != anchor.hash:
            what = f"the row is not the one that was anchored at {anchor.at}"
        if what:
            return Fault(anchor.chain, place, what)
    return None
