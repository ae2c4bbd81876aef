"""When an account was last brought up to date from its broker, and how it went."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models.desks import TradingAccount


class AccountSyncQuerySet(models.QuerySet["AccountSync"]):
    """The sync rows; the row of an account is also the lock of its writers."""

    def locked(self, account_id: int) -> AccountSync:
        """Return the row of an account, held until COMMIT; made where it is not yet.

        Whoever writes positions, holdings or balances of an account holds it, so
        that writers of one account follow one another and others go on.
        """
        self.bulk_create([AccountSync(account_id=account_id)], ignore_conflicts=True)
        return self.select_for_update().get(account_id=account_id)

    def began(self, account_id: int, now: datetime) -> None:
        self.update_or_create(
            account_id=account_id,
            defaults={"status": AccountSync.Status.RUNNING, "started_at": now},
        )


class AccountSync(models.Model):
    """How far our picture of an account has come.

    ``positions_at``, ``holdings_at`` and ``balances_at`` are when the newest complete
    report was asked for; an older one is not taken. ``last_sync_at`` is the last time
    that all of it succeeded, and stays when a later try fails.
    """

    class Status(models.TextChoices):
        """How the last try went."""

        NEVER = "never", "Never synced"
        RUNNING = "running", "Syncing"
        OK = "ok", "In step"
        FAILED = "failed", "Failed for now"
        NEEDS_ATTENTION = "needs_attention", "Needs attention"

    account = models.OneToOneField(
        TradingAccount, on_delete=models.CASCADE, primary_key=True, related_name="sync"
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.NEVER)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    last_sync_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    positions_at = models.DateTimeField(null=True, blank=True)
    holdings_at = models.DateTimeField(null=True, blank=True)
    balances_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar[AccountSyncQuerySet] = AccountSyncQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["account"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["never", "running", "ok", "failed", "needs_attention"]
                ),
                name="account_sync_status_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.get_status_display()}"
