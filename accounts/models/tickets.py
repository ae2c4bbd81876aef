"""Tickets: what a socket shows in its first frame, once, within half a minute."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction

from accounts.principals import Scope

PRUNED = 1000


class TicketQuerySet(models.QuerySet["Ticket"]):
    """Tickets that wait to be redeemed."""

    def prune(self, now: datetime) -> int:
        """Delete a batch of those that nobody redeemed; two that do it never wait."""
        with transaction.atomic():
            old = self.filter(expires_at__lte=now).select_for_update(skip_locked=True)
            return self.filter(pk__in=old.values("pk")[:PRUNED]).delete()[0]


class Ticket(models.Model):
    """The hash of a ticket, and what it lets its holder be; redeemed, it is gone."""

    public_id = models.CharField(max_length=8, primary_key=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, editable=False
    )
    # The credential that asked for it: it must still stand when the ticket is shown.
    kind = models.CharField(max_length=8, editable=False)
    proof_id = models.CharField(max_length=22, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=20, choices=[(s, s) for s in Scope]),
        editable=False,
    )
    address = models.CharField(max_length=45, editable=False)
    expires_at = models.DateTimeField(editable=False, db_index=True)

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["expires_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["session", "api_key", "token"]),
                name="ticket_kind_known",
            ),
            models.CheckConstraint(
                condition=models.Q(("secret_hash__regex", "^[0-9a-f]{64}$")),
                name="ticket_secret_is_hashed",
            ),
        ]

    def __str__(self) -> str:
        return f"Ticket {self.public_id}…"
