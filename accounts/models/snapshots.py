"""Snapshots: what an account had at an instant, and what that was worth.

One row per account and instant; the rows of positions, holdings and balances stand in
it as documents, decimals as text. A desk makes some seventy a day and account, read
one at a time by instant, so a plain table with an index does, without partitions.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.desks import TradingAccount
from accounts.models.positions import MONEY

LAST_OF_DAYS = """
SELECT last.id FROM generate_series(%s::date, %s::date, '1 day') AS days (day)
 CROSS JOIN LATERAL (
       SELECT id FROM accounts_accountsnapshot
        WHERE account_id = %s AND day = days.day::date
        ORDER BY taken_at DESC LIMIT 1) AS last
"""


class AccountSnapshotQuerySet(models.QuerySet["AccountSnapshot"]):
    """Snapshots by time: one as of an instant, or the points of a curve."""

    def of(self, account: TradingAccount) -> AccountSnapshotQuerySet:
        return self.filter(account=account)

    def as_of(
        self, account: TradingAccount, at: datetime.datetime
    ) -> AccountSnapshot | None:
        """Return the newest one taken at ``at`` or before; None before the first."""
        rows = self.of(account).filter(taken_at__lte=at).order_by("-taken_at")
        return rows.first()

    def keep(self, rows: Iterable[AccountSnapshot]) -> int:
        """Write those whose account and instant have none yet; return how many."""
        rows = list(rows)
        before = self._having(rows)
        self.bulk_create(rows, ignore_conflicts=True)
        return self._having(rows) - before

    def _having(self, rows: list[AccountSnapshot]) -> int:
        accounts = {row.account_id for row in rows}
        instants = {row.taken_at for row in rows}
        return self.filter(account__in=accounts, taken_at__in=instants).count()

    def last_of_days(
        self, account: TradingAccount, start: datetime.date, end: datetime.date
    ) -> AccountSnapshotQuerySet:
        """Return the last one of each day from ``start`` through ``end``, in order.

        One look into the index per day: the others of the day are not read.
        """
        with connection.cursor() as cursor:
            cursor.execute(LAST_OF_DAYS, [start, end, account.pk])
            pks = [pk for (pk,) in cursor.fetchall()]
        return self.filter(pk__in=pks).order_by("day")

    def points(self) -> AccountSnapshotQuerySet:
        """Leave the documents where they are: a curve has no use for them."""
        return self.defer("positions", "holdings", "balances")


class AccountSnapshot(models.Model):
    """An account at an instant; without a net worth where a price was missing.

    ``taken_at`` is the instant it stands for, ``day`` the trading day it belongs to,
    ``synced_at`` the age of what the broker had said by then.
    """

    class Kind(models.TextChoices):
        """Why it was taken."""

        INTERVAL = "interval", "In session"
        DAY_END = "day_end", "Day end"

    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="snapshots"
    )
    taken_at = models.DateTimeField()
    day = models.DateField()
    kind = models.CharField(max_length=8, choices=Kind)
    synced_at = models.DateTimeField(null=True, blank=True)
    net_worth = models.DecimalField(null=True, blank=True, **MONEY)
    cash = models.DecimalField(**MONEY)
    holdings_value = models.DecimalField(null=True, blank=True, **MONEY)
    positions_value = models.DecimalField(null=True, blank=True, **MONEY)
    pnl = models.DecimalField(null=True, blank=True, **MONEY)
    day_pnl = models.DecimalField(null=True, blank=True, **MONEY)
    missing = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    positions = models.JSONField(default=list)
    holdings = models.JSONField(default=list)
    balances = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())

    objects: ClassVar[AccountSnapshotQuerySet] = AccountSnapshotQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-taken_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "taken_at"], name="snapshot_once_per_instant"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["interval", "day_end"]),
                name="snapshot_kind_known",
            ),
            models.CheckConstraint(
                # Never a number where a price was missing, never none without reason.
                condition=Q(missing=[], net_worth__isnull=False)
                | (~Q(missing=[]) & Q(net_worth__isnull=True)),
                name="snapshot_worth_is_whole",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "day", "taken_at"], name="snapshot_by_day")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} at {self.taken_at:%Y-%m-%d %H:%M}"

    @property
    def is_complete(self) -> bool:
        return not self.missing
