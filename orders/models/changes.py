"""What became of an order, step by step."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Now

from orders.models.orders import PRICE, STATUSES, Order


class OrderChangeQuerySet(models.QuerySet["OrderChange"]):
    """The steps of orders, oldest first."""

    def of(self, order: Order) -> OrderChangeQuerySet:
        return self.filter(order=order).order_by("pk")


class OrderChange(models.Model):
    """A status or a filled quantity that moved; written once, with its move.

    ``pk`` is the order in which the changes of an account were made.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="changes")
    status_before = models.CharField(max_length=12, blank=True)
    status_after = models.CharField(max_length=12)
    filled_before = models.PositiveBigIntegerField()
    filled_after = models.PositiveBigIntegerField()
    average_price_after = models.DecimalField(null=True, blank=True, **PRICE)
    status_message = models.CharField(max_length=500, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    reported_at = models.DateTimeField()
    source = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())

    objects: ClassVar[OrderChangeQuerySet] = OrderChangeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status_after__in=STATUSES)
                & models.Q(status_before__in=["", *STATUSES]),
                name="order_change_status_known",
            ),
            models.CheckConstraint(
                condition=~models.Q(status_before=models.F("status_after"))
                | ~models.Q(filled_before=models.F("filled_after")),
                name="order_change_moves",
            ),
        ]
        indexes = [models.Index(fields=["order", "id"], name="order_change_order")]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.status_before or 'new'} → {self.status_after}"

    @property
    def document(self) -> dict[str, Any]:
        """Return what clients are told of it; nothing was before a new order."""
        return {
            "status_before": self.status_before or None,
            "status_after": self.status_after,
            "filled_before": self.filled_before,
            "filled_after": self.filled_after,
        }
