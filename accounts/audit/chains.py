"""Adding an entry to the end of its chain, one writer of a chain at a time."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.audit.canonical import FIELDS, FIRST, digest, moment
from accounts.models import AuditEntry
from tradingsite import claims


def append(entry: AuditEntry) -> None:
    """Give ``entry`` its place and its hash, and write it in this transaction.

    The chain is held to COMMIT: whoever writes into several chains takes those of
    accounts first, in the order of their keys, and the house's last.
    """
    with transaction.atomic():
        claims.serialize(f"audit:{entry.chain}")
        position, previous = _end_of(entry.chain)
        entry.position = position + 1
        entry.at = timezone.now()
        entry.hash = digest(previous, fields_of(entry))
        entry.save(force_insert=True)


def _end_of(chain: str) -> tuple[int, bytes]:
    last = (
        AuditEntry.objects.filter(chain=chain)
        .order_by("-position")
        .values_list("position", "hash")
        .first()
    )
    return (0, FIRST) if last is None else (last[0], bytes(last[1]))


def fields_of(entry: AuditEntry) -> dict[str, Any]:
    """Return what of ``entry`` is hashed."""
    fields = {name: getattr(entry, name) for name in FIELDS}
    return fields | {"at": moment(entry.at)}
