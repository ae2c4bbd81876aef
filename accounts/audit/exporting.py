"""The audit as a file: JSON lines or CSV, each row with what proves it.

A row carries the hash before it and its own, so that whoever has the file can verify
it without us: ``clients/verify_audit_export.py``. In CSV a cell that a spreadsheet
would take for a formula gets an apostrophe before it; so does one that begins with an
apostrophe, and therefore taking one away always gives back what was there.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import orjson

from accounts.audit.canonical import FIELDS, FIRST, canonical
from accounts.audit.chains import fields_of
from accounts.models import AuditEntry
from accounts.models.audit import AuditEntryQuerySet

Format = Literal["jsonl", "csv"]
COLUMNS = (*FIELDS, "previous", "hash")
CONTENT_TYPES: dict[Format, str] = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
}
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "'")
_BATCH = 2_000


def lines(entries: AuditEntryQuerySet, form: Format) -> Iterator[bytes]:
    """Yield a file of ``entries``, oldest first, in pieces of a line each."""
    write = _csv_line if form == "csv" else _json_line
    if form == "csv":
        yield _joined(COLUMNS)
    for row in _rows(entries):
        yield write(row)


def safe(cell: str) -> str:
    """Return ``cell`` so that no spreadsheet calculates it."""
    return f"'{cell}" if cell.startswith(_DANGEROUS) else cell


def _rows(entries: AuditEntryQuerySet) -> Iterator[dict[str, Any]]:
    position = 0
    while True:
        some = list(entries.filter(position__gt=position).order_by("position")[:_BATCH])
        before = _hashes_before(some)
        for entry in some:
            previous = before.get(entry.position - 1, FIRST)
            yield {
                **fields_of(entry),
                "previous": previous.hex(),
                "hash": bytes(entry.hash).hex(),
            }
        if len(some) < _BATCH:
            return
        position = some[-1].position


def _hashes_before(entries: list[AuditEntry]) -> dict[int, bytes]:
    """Return the hash at each position just before one of ``entries``."""
    if not entries:
        return {}
    wanted = [entry.position - 1 for entry in entries]
    found = AuditEntry.objects.filter(chain=entries[0].chain, position__in=wanted)
    return {
        position: bytes(digest)
        for position, digest in found.order_by().values_list("position", "hash")
    }


def _json_line(row: dict[str, Any]) -> bytes:
    return canonical(row) + b"\n"


def _csv_line(row: dict[str, Any]) -> bytes:
    return _joined(_cell(row[name]) for name in COLUMNS)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    return safe(str(value))


def _joined(cells: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()
