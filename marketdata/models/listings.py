"""What each list of instruments changed, and the rows that nobody could place."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from marketdata.models.calendar import Exchange
from marketdata.models.instruments import Instrument


class InstrumentList(models.Model):
    """One list that was loaded, and the difference it made."""

    day = models.DateField()
    source = models.CharField(max_length=128)
    fingerprint = models.CharField(max_length=64)
    exchanges = models.JSONField(default=list)
    is_complete = models.BooleanField()
    listed = models.PositiveIntegerField()
    added = models.PositiveIntegerField()
    changed = models.PositiveIntegerField()
    expired = models.PositiveIntegerField()
    delisted = models.PositiveIntegerField()
    quarantined = models.PositiveIntegerField()
    # The first of the changes, in words: a report, not a journal.
    changes = models.JSONField(default=list)
    loaded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-loaded_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "fingerprint"], name="instrument_list_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} of {self.day}"


class QuarantinedListingQuerySet(models.QuerySet["QuarantinedListing"]):
    """Rows by what is still to be decided."""

    def open(self) -> Self:
        return self.filter(status=QuarantinedListing.Status.OPEN)


class QuarantinedListing(models.Model):
    """A row of a list that can be read in two ways: a person decides which."""

    class Reason(models.TextChoices):
        """Why the row has no one meaning."""

        LISTED_TWICE = "listed_twice", "The symbol stands twice, with different terms"
        TOKEN_TWICE = "token_twice", "The number stands at two symbols"
        TOKEN_TAKEN = "token_taken", "The number belongs to an instrument that lives"
        CONTRACT_CHANGED = "contract_changed", "The symbol means another contract now"

    class Status(models.TextChoices):
        """What was decided."""

        OPEN = "open", "Open"
        RENAMED = "renamed", "The same instrument under a new symbol"
        REPLACED = "replaced", "A new instrument; the old one has ended"
        DISMISSED = "dismissed", "Dismissed"

    first_list = models.ForeignKey(
        InstrumentList, on_delete=models.CASCADE, related_name="quarantined_listings"
    )
    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, related_name="quarantined_listings"
    )
    symbol = models.CharField(max_length=64)
    token = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=16, choices=Reason.choices)
    detail = models.CharField(max_length=200)
    row = models.JSONField(default=dict)
    holder = models.ForeignKey(
        Instrument,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="quarantined_listings",
    )
    first_seen_on = models.DateField()
    last_seen_on = models.DateField()
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.OPEN)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )

    objects: ClassVar[models.Manager["QuarantinedListing"]] = (
        QuarantinedListingQuerySet.as_manager()
    )

    class Meta:
        ordering = ["-last_seen_on", "exchange", "symbol", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "symbol", "reason", "detail"],
                condition=Q(status="open"),
                name="quarantined_listing_open_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    reason__in=[
                        "listed_twice",
                        "token_twice",
                        "token_taken",
                        "contract_changed",
                    ]
                ),
                name="quarantined_listing_reason_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "renamed", "replaced", "dismissed"]),
                name="quarantined_listing_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id}:{self.symbol}: {self.reason}"
