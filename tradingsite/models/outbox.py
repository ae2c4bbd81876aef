"""Side effects written with their cause: what ``deliver_outbox`` has yet to do."""

from datetime import timedelta
from typing import Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now


class OutboxQuerySet(models.QuerySet["OutboxMessage"]):
    """Messages by what is to be done with them."""

    def waiting(self) -> Self:
        return self.filter(status=OutboxMessage.Status.PENDING)

    def dead(self) -> Self:
        return self.filter(status=OutboxMessage.Status.DEAD)

    def due(self) -> Self:
        """Return what may be delivered now: of a shard only its oldest message."""
        earlier = (
            OutboxMessage.objects.waiting()
            .exclude(shard="")
            .filter(shard=models.OuterRef("shard"), id__lt=models.OuterRef("id"))
        )
        return (
            self.waiting()
            .filter(due_at__lte=Now())
            .filter(models.Q(shard="") | ~models.Exists(earlier))
            .order_by("id")
        )

    def taken_as(self, message: "OutboxMessage") -> Self:
        """Return ``message`` if nobody took it after ``message`` was read."""
        return self.waiting().filter(pk=message.pk, attempts=message.attempts)

    def delivered_before(self, age: timedelta) -> Self:
        return self.filter(
            status=OutboxMessage.Status.DELIVERED, finished_at__lt=Now() - age
        )


class OutboxMessage(models.Model):
    """One side effect, delivered at least once, in order within its shard.

    ``due_at`` is when it may be (tried again) delivered: whoever takes it moves it
    ahead by the length of a lease, so a message of a dead process comes back. Each
    taking raises ``attempts``, which is the fencing token of the taker.
    """

    class Status(models.TextChoices):
        """How far a message has come."""

        PENDING = "pending"
        DELIVERED = "delivered"
        DEAD = "dead"

    topic = models.CharField(max_length=100)
    shard = models.CharField(max_length=200, blank=True, default="")
    key = models.CharField(max_length=200, blank=True, default="")
    payload = models.JSONField(encoder=DjangoJSONEncoder)
    correlation_id = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.PENDING
    )
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")

    objects = OutboxQuerySet.as_manager()

    class Meta:
        db_table = "outbox_messages"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["topic", "key"],
                condition=~models.Q(key=""),
                name="outbox_messages_once_per_key",
            ),
            models.CheckConstraint(
                name="outbox_messages_status_known",
                condition=models.Q(status__in=["pending", "delivered", "dead"]),
            ),
            models.CheckConstraint(
                name="outbox_messages_finished_when_not_pending",
                condition=models.Q(status="pending", finished_at__isnull=True)
                | (~models.Q(status="pending") & models.Q(finished_at__isnull=False)),
            ),
        ]
        indexes = [
            # The queue itself; small, because what is done leaves it.
            models.Index(
                fields=["id"],
                condition=models.Q(status="pending"),
                name="outbox_messages_pending",
            ),
            # The oldest message of a shard.
            models.Index(
                fields=["shard", "id"],
                condition=models.Q(status="pending") & ~models.Q(shard=""),
                name="outbox_messages_shard_head",
            ),
            # Pruning, and the list of dead letters.
            models.Index(
                fields=["status", "finished_at"],
                condition=~models.Q(status="pending"),
                name="outbox_messages_finished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.id} ({self.status})"
