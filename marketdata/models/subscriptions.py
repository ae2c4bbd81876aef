"""Who wants live ticks of what, and what the ticker service was told about it."""

import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from marketdata.models.instruments import Instrument


class Mode(models.TextChoices):
    """How much of each tick is wanted, from the least to the most."""

    LTP = "LTP", "Last price"
    QUOTE = "QUOTE", "Quote"
    FULL = "FULL", "Quote and depth"


class SubscriptionSessionQuerySet(models.QuerySet["SubscriptionSession"]):
    """Sessions by their lease."""

    def live(self) -> Self:
        return self.filter(expires_at__gt=Now())

    def expired(self) -> Self:
        return self.filter(expires_at__lte=Now())


class SubscriptionSession(models.Model):
    """Somebody who wants ticks for a while: a page, a program, a process of ours.

    It ends when it is released or when nobody renewed it before ``expires_at``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
    )
    owner = models.CharField(max_length=60, help_text="Which page, key or process.")
    mode = models.CharField(max_length=8, choices=Mode.choices, default=Mode.FULL)
    timeframe = models.CharField(max_length=8, blank=True)
    account_id = models.CharField(max_length=60, default="primary")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager["SubscriptionSession"]] = (
        SubscriptionSessionQuerySet.as_manager()
    )

    class Meta:
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(mode__in=["LTP", "QUOTE", "FULL"]),
                name="subscription_session_mode_known",
            ),
        ]
        indexes = [
            # Leases that ran out are looked for every few seconds.
            models.Index(fields=["expires_at"], name="subscription_session_expiry")
        ]

    def __str__(self) -> str:
        return f"{self.owner} until {self.expires_at:%Y-%m-%d %H:%M:%S}"


class Want(models.Model):
    """One instrument that one session wants: the rows are the reference count."""

    session = models.ForeignKey(
        SubscriptionSession, on_delete=models.CASCADE, related_name="wants"
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.CASCADE, related_name="wants"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["session", "instrument"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "instrument"], name="want_once_per_session"
            )
        ]

    def __str__(self) -> str:
        return f"{self.session_id} wants {self.instrument_id}"


class TickerSubscription(models.Model):
    """What we told the ticker service about one instrument; no row: nothing.

    ``asking`` and ``releasing`` say that a call is under way, or was when its
    process died: after ``busy_until`` the list of the service tells which.
    """

    class State(models.TextChoices):
        """How far we are with it."""

        ASKING = "asking", "Being asked for"
        HELD = "held", "Held"
        RELEASING = "releasing", "Being given back"

    instrument = models.OneToOneField(
        Instrument,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="ticker_subscription",
    )
    token = models.BigIntegerField(help_text="The broker's number at the time.")
    state = models.CharField(max_length=10, choices=State.choices)
    mode = models.CharField(max_length=8, choices=Mode.choices)
    account_id = models.CharField(max_length=60)
    busy_until = models.DateTimeField(null=True, blank=True)
    held_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["instrument"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["asking", "held", "releasing"]),
                name="ticker_subscription_state_known",
            ),
            models.CheckConstraint(
                condition=Q(mode__in=["LTP", "QUOTE", "FULL"]),
                name="ticker_subscription_mode_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.state}"
