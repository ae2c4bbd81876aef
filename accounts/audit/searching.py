"""Looking something up in the audit of one account."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import AuditEntry, TradingAccount
from accounts.models.audit import AuditEntryQuerySet


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for; what is empty does not narrow."""

    action: str = ""
    outcome: str = ""
    person: str = ""
    address: str = ""
    request_id: str = ""
    target: str = ""
    since: datetime | None = None
    until: datetime | None = None


def entries(account: TradingAccount, wanted: Search) -> AuditEntryQuerySet:
    """Return the entries of ``account`` that fit, newest first.

    An action ends with a dot when all below it are wanted: ``key.``; ``person`` is
    on whose behalf, and ``target`` how the target's name begins.
    """
    fields = {
        "outcome": wanted.outcome,
        "on_behalf_of": wanted.person,
        "address": wanted.address,
        "request_id": wanted.request_id,
        "target__startswith": wanted.target,
        "at__gte": wanted.since,
        "at__lt": wanted.until,
        _action(wanted.action): wanted.action,
    }
    narrowed = {name: value for name, value in fields.items() if value}
    return AuditEntry.objects.of_account(account).filter(**narrowed)


def _action(action: str) -> str:
    return "action__startswith" if action.endswith(".") else "action"
