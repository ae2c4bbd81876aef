"""What was done and what was refused: rows that are only ever added.

Each trading account has a chain of its own, and the house has one. A row's hash is
SHA-256 of the hash before it and of its own fields, so a row that is changed, lost,
moved or put in between breaks the chain; what a chain ended with is kept, signed, as
an anchor, also outside the database. Triggers and grants refuse every other change.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from accounts.models.desks import TradingAccount
from accounts.principals import Principal
from accounts.roles import Action

HOUSE = "house"
HASH_BYTES = 32


def chain_of(account: TradingAccount | None) -> str:
    """Return the name of the chain of ``account``, or of the house."""
    return HOUSE if account is None else f"account:{account.pk}"


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Entries; ``for_subject`` is the only road to them outside the admin."""

    def for_subject(self, principal: Principal | None) -> AuditEntryQuerySet:
        """Return the entries of the accounts whose audit ``principal`` may read."""
        accounts = TradingAccount.objects.for_subject(principal, Action.READ_AUDIT)
        return self.filter(account__in=accounts)

    def of_account(self, account: TradingAccount) -> AuditEntryQuerySet:
        """Return the chain of ``account``, newest first."""
        return self.filter(chain=chain_of(account)).order_by("-position")


class AuditEntry(models.Model):
    """One thing that was done or refused: who, for whom, from where, what."""

    class Outcome(models.TextChoices):
        """What became of the attempt."""

        DONE = "done", "Done"
        REFUSED = "refused", "Refused"

    chain = models.CharField(max_length=32)
    position = models.BigIntegerField()
    at = models.DateTimeField()
    action = models.CharField(max_length=64)
    outcome = models.CharField(max_length=8, choices=Outcome)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=200, help_text="Who did it.")
    door = models.CharField(max_length=20, help_text="By which door.")
    on_behalf_of = models.CharField(max_length=150, blank=True)
    user_id = models.BigIntegerField(null=True)
    key_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    target = models.CharField(max_length=200, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    # No constraint: an entry outlives what it tells about.
    account = models.ForeignKey(
        TradingAccount,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
    )
    hash = models.BinaryField(max_length=HASH_BYTES)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        default_permissions = ["view"]
        constraints = [
            models.UniqueConstraint(
                fields=["chain", "position"], name="audit_position_once_a_chain"
            ),
            models.CheckConstraint(
                condition=models.Q(position__gte=1), name="audit_position_counts_from_1"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["done", "refused"]),
                name="audit_outcome_known",
            ),
        ]
        indexes = [
            # One person, one incident, one row, the refusals: each is looked for alone.
            models.Index(fields=["on_behalf_of", "-id"], name="audit_by_person"),
            models.Index(fields=["request_id"], name="audit_by_request"),
            models.Index(fields=["target", "-id"], name="audit_by_target"),
            models.Index(fields=["outcome", "-id"], name="audit_by_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.position}: {self.action}"

    @property
    def changes(self) -> list[tuple[str, dict[str, Any]]]:
        """Return each field that differs, with what it was and what it is now."""
        names = sorted({*self.before, *self.after})
        return [
            (name, {"was": self.before.get(name), "now": self.after.get(name)})
            for name in names
        ]

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("Audit entries are only ever added.")


class AuditAnchor(models.Model):
    """What a chain ended with at a moment, signed; also written outside."""

    chain = models.CharField(max_length=32)
    position = models.BigIntegerField()
    hash = models.BinaryField(max_length=HASH_BYTES)
    at = models.DateTimeField()
    key_id = models.CharField(max_length=16)
    signature = models.BinaryField(max_length=64)

    class Meta:
        ordering = ["chain", "position"]
        default_permissions = ["view"]
        constraints = [
            models.UniqueConstraint(
                fields=["chain", "position"], name="audit_anchor_once_a_position"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chain} {self.position} at {self.at:%Y-%m-%d %H:%M}"


class RefusalCount(models.Model):
    """How often somebody was refused since the last summary: bounds what is written."""

    key = models.CharField(max_length=64, primary_key=True)
    subject = models.CharField(max_length=200)
    address = models.CharField(max_length=64)
    count = models.PositiveBigIntegerField()
    window_started_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["key"]
        default_permissions = []

    def __str__(self) -> str:
        return f"{self.subject} from {self.address}: {self.count}"
