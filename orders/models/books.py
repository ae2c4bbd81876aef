"""How far our picture of an account's orders has come."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from accounts.models import TradingAccount
from orders.models.orders import Order, stream_of
from tradingsite.streaming import journal

# A book is read every minute, one with a working order every second; whoever takes
# over from a follower that died waits for its lease to run out first.
SILENT_AFTER = timedelta(seconds=150)
SILENT_AFTER_WORKING = timedelta(seconds=30)


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
        self.locked(account_id).fell_behind(
            status.NEEDS_ATTENTION if for_good else status.FAILED, code, text, now
        )

    def with_silence(self, now: datetime) -> OrderBookQuerySet:
        """Annotate ``is_silent``: nobody has read it for longer than can be meant."""
        working = Order.objects.filter(account_id=OuterRef("account_id")).in_book()
        late = Q(read_at__lt=now - SILENT_AFTER) | (
            Q(read_at__lt=now - SILENT_AFTER_WORKING) & Exists(working.working())
        )
        followed = ~Q(account__status=TradingAccount.Status.CLOSED)
        return self.annotate(
            is_silent=models.ExpressionWrapper(
                late & followed & Q(status=OrderBook.Status.OK),
                output_field=models.BooleanField(),
            )
        )

    def note_silence(self, now: datetime) -> int:
        """Note, in the caller's transaction, which books nobody reads; return how many.

        Those who follow them hear it; the next turn of a follower ends it.
        """
        silent = self.with_silence(now).filter(Q(("is_silent", True)))
        # One that is being written just now is not silent.
        held = silent.select_for_update(of=("self",), skip_locked=True)
        books = list(held.order_by("account_id"))
        for book in books:
            book.fell_behind(
                OrderBook.Status.SILENT,
                "not_followed",
                "Nobody reads the broker's book of orders.",
                now,
            )
        return len(books)


class OrderBook(models.Model):
    """The broker's book of an account's orders, as we read it last.

    ``read_at`` is when the newest complete book was asked for, and stays when a later
    try fails; an older one is not taken. That it falls behind, and that it is in step
    again, is told on the stream of the account's orders.
    """

    class Status(models.TextChoices):
        """How the last try went."""

        NEVER = "never", "Never read"
        OK = "ok", "In step"
        FAILED = "failed", "Failed for now"
        NEEDS_ATTENTION = "needs_attention", "Needs attention"
        SILENT = "silent", "Not being read"

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
                    status__in=["never", "ok", "failed", "needs_attention", "silent"]
                ),
                name="order_book_status_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.get_status_display()}"

    @property
    def standing(self) -> Status:
        """Return how it stands; what ``with_silence`` has found counts."""
        is_silent = getattr(self, "is_silent", False)
        return OrderBook.Status.SILENT if is_silent else OrderBook.Status(self.status)

    @property
    def is_behind(self) -> bool:
        """Tell whether the broker's orders may be others by now."""
        return self.standing not in {OrderBook.Status.OK, OrderBook.Status.NEVER}

    @property
    def stale_since(self) -> datetime | None:
        """Return of when our picture is, if it should be newer and there is one."""
        return self.read_at if self.is_behind else None

    @property
    def document(self) -> dict[str, Any]:
        """Return what clients are told of it."""
        since = self.stale_since
        return {
            "status": str(self.standing),
            "as_of": self.read_at.isoformat() if self.read_at else None,
            "stale_since": since.isoformat() if since else None,
            "error_code": self.error_code,
            "last_error": self.last_error,
        }

    def was_read(self, as_of: datetime) -> None:
        """Note that the complete book of ``as_of`` was taken over."""
        was_behind = self.is_behind
        self.read_at, self.status = as_of, OrderBook.Status.OK
        self.error_code = self.last_error = ""
        self.save()
        if was_behind:
            self._tell()

    def fell_behind(self, status: Status, code: str, text: str, now: datetime) -> None:
        """Note why it is behind the broker; told when that is news."""
        is_news = (self.status, self.error_code) != (status, code)
        self.status, self.error_code = status, code
        self.last_error, self.last_error_at = text[:300], now
        self.save()
        if is_news:
            self._tell()

    def _tell(self) -> None:
        event = {"type": "book_update", "book": self.document}
        journal.record(stream_of(self.account_id), event)
