"""How far our picture of an account's orders has come."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from accounts.models import TradingAccount


class OrderBookQuerySet(models.QuerySet["OrderBook"]):
    """The books; the row of an account is also the lock of who writes its orders."""

    def locked(self, account_id: int) -> OrderBook:
        """Return the book of an account, held until COMMIT; made where it is not."""
        self.bulk_create([OrderBook(account_id=account_id)], ignore_conflicts=True)
        return self.select_for_update().get(account_id=account_id)

    def failed(
        self, account_id: int, *, code: str, text: str, now: datetime, for_good: bool
    ) -> None:
        """Note why the broker's book could not be read; what we know stays."""
        status = OrderBook.Status
        self.update_or_create(
            account_id=account_id,
            defaults={
                "status": status.NEEDS_ATTENTION if for_good else status.FAILED,
                "error_code": code,
                "last_error": text[:300],
                "last_error_at": now,
            },
        )


class OrderBook(models.Model):
    """The broker's book of an account's orders, as we read it last.

    ``read_at`` is when the newest complete book was asked for, and stays when a later
    try fails; an older one is not taken.
    """

    class Status(models.TextChoices):
        """How the last try went."""

        NEVER = "never", "Never read"
        OK = "ok", "In step"
        FAILED = "failed", "Failed for now"
        NEEDS_ATTENTION = "needs_attention", "Needs attention"

    account = models.OneToOneField(
        TradingAccount,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="order_book",
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.NEVER)
    read_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar[OrderBookQuerySet] = OrderBookQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["account"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    status__in=["never", "ok", "failed", "needs_attention"]
                ),
                name="order_book_status_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.get_status_display()}"

    def was_read(self, as_of: datetime) -> None:
        """Note that the complete book of ``as_of`` was taken over."""
        self.read_at, self.status = as_of, OrderBook.Status.OK
        self.error_code = self.last_error = ""
        self.save()
