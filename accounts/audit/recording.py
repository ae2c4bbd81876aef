"""Writing down what was done and what was refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model
from django.http import HttpRequest

from accounts.audit import refusals
from accounts.audit.canonical import clean, plain_fields
from accounts.audit.chains import append
from accounts.audit.sources import Source, source_of
from accounts.models import AuditEntry, TradingAccount
from accounts.models.audit import chain_of
from accounts.principals import Principal
from tradingsite.logs import correlation_id


@dataclass(frozen=True, slots=True)
class Change:
    """What a row was and what it has become; only the fields that differ."""

    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


def record(
    action: str,
    *,
    source: HttpRequest | Principal | Source | None = None,
    account: TradingAccount | None = None,
    target: str = "",
    change: Change | None = None,
    refused: str = "",
) -> None:
    """Write one entry into the chain of ``account`` (of the house without one).

    ``action`` is a dotted name such as ``key.issued``; ``target`` names the row, such
    as ``ApiKey 12``. Who, on whose behalf, from where and the request id come from
    ``source``. ``refused`` is the reason why an attempt was refused; empty means done.
    Call it in the transaction of the change itself. What is refused is written when
    the request is over, so that nothing rolls it back, and only so often: see
    ``accounts.audit.refusals``.
    """
    entry = _entry(action, source, account, change or Change())
    entry.target = clean(target, 200)
    entry.reason = clean(refused, 200)
    if refused:
        entry.outcome = AuditEntry.Outcome.REFUSED
        refusals.take(entry)
    else:
        append(entry)


def tell(
    action: str,
    *,
    source: HttpRequest | None,
    row: Model | None = None,
    target: str = "",
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """Write down what a floor below did; it names this by ``settings.AUDIT``."""
    record(
        action,
        source=source,
        account=account_of(row),
        target=target or ("" if row is None else name_of(row)),
        change=Change(before, after),
    )


def account_of(row: Model | None) -> TradingAccount | None:
    """Return the account that ``row`` is or belongs to."""
    if isinstance(row, TradingAccount):
        return row
    account = getattr(row, "account", None)
    return account if isinstance(account, TradingAccount) else None


def name_of(row: Model) -> str:
    """Return how ``row`` is named as a target, such as ``Desk 3 (North)``."""
    return f"{row._meta.object_name} {row.pk} ({row})"


def _entry(
    action: str,
    source: HttpRequest | Principal | Source | None,
    account: TradingAccount | None,
    change: Change,
) -> AuditEntry:
    who = source_of(source)
    return AuditEntry(
        chain=chain_of(account),
        account_id=None if account is None else account.pk,
        action=action,
        outcome=AuditEntry.Outcome.DONE,
        actor=clean(who.actor, 200),
        door=who.door,
        on_behalf_of=clean(who.on_behalf_of, 150),
        user_id=who.user_id,
        key_id=clean(who.key_id, 64),
        address=clean(who.address, 64),
        request_id=clean(correlation_id.get(), 64),
        before=plain_fields(change.before),
        after=plain_fields(change.after),
    )
