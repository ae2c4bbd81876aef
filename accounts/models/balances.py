"""Balances: the money of an account by segment, as the broker reports it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import ClassVar

from django.db import models, transaction
from django.db.models.functions import Now

from accounts.models.desks import TradingAccount
from accounts.models.positions import MONEY
from accounts.models.sync import AccountSync
from accounts.reported import ZERO, ReportedBalance, facts_of

FACTS = tuple(one.name for one in fields(ReportedBalance) if one.name != "segment")


class BalanceQuerySet(models.QuerySet["Balance"]):
    """Balances, and their one writer."""

    def of(self, account: TradingAccount) -> BalanceQuerySet:
        return self.filter(account=account)

    def apply(
        self,
        account: TradingAccount,
        reported: Iterable[ReportedBalance],
        *,
        as_of: datetime,
    ) -> int:
        """Take over all segments of a broker; return how many rows differ.

        A report that is older than the one that stands is ignored.
        """
        named = {one.segment: one for one in reported}
        with transaction.atomic():
            sync = AccountSync.objects.locked(account.pk)
            if sync.balances_at is not None and as_of < sync.balances_at:
                return 0
            standing = {row.segment: row for row in self.of(account)}
            gone = [row.pk for name, row in standing.items() if name not in named]
            if gone:
                self.filter(pk__in=gone).delete()
            rows = _differing(account, standing, named)
            self._write(rows)
            if sync.balances_at != as_of:
                sync.balances_at = as_of
                sync.save(update_fields=["balances_at", "updated_at"])
        return len(gone) + len(rows)

    def _write(self, rows: list[Balance]) -> None:
        if rows:
            self.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["account", "segment"],
                update_fields=[*FACTS, "updated_at"],
            )


def _differing(
    account: TradingAccount,
    standing: dict[str, Balance],
    named: dict[str, ReportedBalance],
) -> list[Balance]:
    rows = []
    for segment, reported in named.items():
        row = standing.get(segment) or Balance(account=account, segment=segment)
        facts = facts_of(reported, FACTS)
        is_same = all(getattr(row, name) == fact for name, fact in facts.items())
        if segment in standing and is_same:
            continue
        for name, value in facts.items():
            setattr(row, name, value)
        rows.append(row)
    return rows


class Balance(models.Model):
    """The money of one segment: what came in, what is blocked, what is free."""

    account = models.ForeignKey(
        TradingAccount, on_delete=models.CASCADE, related_name="balances"
    )
    segment = models.CharField(max_length=12)
    is_enabled = models.BooleanField(default=True)
    net = models.DecimalField(default=ZERO, **MONEY)
    cash = models.DecimalField(default=ZERO, **MONEY)
    opening_balance = models.DecimalField(default=ZERO, **MONEY)
    intraday_payin = models.DecimalField(default=ZERO, **MONEY)
    collateral = models.DecimalField(default=ZERO, **MONEY)
    used = models.DecimalField(default=ZERO, **MONEY)
    span = models.DecimalField(default=ZERO, **MONEY)
    exposure = models.DecimalField(default=ZERO, **MONEY)
    option_premium = models.DecimalField(default=ZERO, **MONEY)
    delivery = models.DecimalField(default=ZERO, **MONEY)
    payout = models.DecimalField(default=ZERO, **MONEY)
    realized_pnl = models.DecimalField(default=ZERO, **MONEY)
    unrealized_pnl = models.DecimalField(default=ZERO, **MONEY)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar[BalanceQuerySet] = BalanceQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-segment"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "segment"], name="balance_once_per_segment"
            )
        ]

    def __str__(self) -> str:
        return f"{self.segment}: {self.net}"
