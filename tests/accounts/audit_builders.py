"""Audits that the tests are arranged with, and ways to tamper with them."""

from typing import Any

from django.db import connection

from accounts import audit
from accounts.audit import anchors
from accounts.audit.canonical import FIRST, digest
from accounts.audit.chains import fields_of
from accounts.audit.verifying import Evidence, Verified, verify
from accounts.models import AuditEntry, TradingAccount
from accounts.models.audit import chain_of

TRIGGER = "accounts_auditentry_append_only"


def write_entries(count: int, account: TradingAccount | None = None) -> str:
    """Write ``count`` entries; return the name of their chain."""
    for number in range(1, count + 1):
        audit.record(
            "limit.set",
            account=account,
            target=f"Limit {number}",
            change=audit.Change({"most": number - 1}, {"most": number}),
        )
    return chain_of(account)


def as_superuser(sql: str, params: list[Any] | None = None) -> None:
    """Do what only whoever owns the server can: past the trigger."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE accounts_auditentry DISABLE TRIGGER {TRIGGER}")
        cursor.execute(sql, params)
        cursor.execute(f"ALTER TABLE accounts_auditentry ENABLE TRIGGER {TRIGGER}")


def write_anew(chain: str, position: int, **fields: Any) -> None:
    """Change an entry and all hashes from it on, so that they fit again."""
    previous = FIRST
    for entry in AuditEntry.objects.filter(chain=chain).order_by("position"):
        if entry.position == position:
            for name, value in fields.items():
                setattr(entry, name, value)
        entry.hash = digest(previous, fields_of(entry))
        previous = entry.hash
        as_superuser(
            "UPDATE accounts_auditentry SET hash = %s, action = %s, target = %s"
            " WHERE id = %s",
            [entry.hash, entry.action, entry.target, entry.pk],
        )


def verified(chain: str) -> Verified:
    """Return what the verifier finds with all that it has."""
    place = anchors.path()
    outside = anchors.in_file(place) if place.exists() else []
    found = [*anchors.in_database(), *outside]
    return verify(chain, Evidence(found, anchors.known_keys()))


def verified_by_hashes_alone(chain: str) -> Verified:
    """Return what it would find without anchors: the control."""
    return verify(chain, Evidence())
