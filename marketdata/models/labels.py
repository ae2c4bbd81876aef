"""What people note on a chart: labels, each of one user."""

import datetime
import uuid
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from marketdata.models.instruments import Instrument


def stream_of(user_id: int, instrument_id: int) -> str:
    """Return the journal stream of the labels of one user on one chart."""
    return f"labels.{user_id}.{instrument_id}"


class LabelQuerySet(models.QuerySet["Label"]):
    """The labels of one user, oldest bar first."""

    def of_user(self, user_id: int) -> Self:
        return self.filter(user_id=user_id).order_by("bar_at", "created_at", "id")

    def between(self, start: datetime.datetime, end: datetime.datetime) -> Self:
        """Return those on bars that opened at ``start`` or later and before ``end``."""
        return self.filter(bar_at__gte=start, bar_at__lt=end)


class Label(models.Model):
    """A note on one bar of a chart: what the user saw there.

    ``resolution`` and ``bar_at`` name the bar, ``offset_s`` how far from its opening
    the user pointed. ``extra`` keeps what else a client wants to find again.
    """

    class Type(models.TextChoices):
        """What the user saw."""

        BULLISH = "bullish", "Bullish"
        BEARISH = "bearish", "Bearish"
        NEUTRAL = "neutral", "Neutral"
        EXIT_BULLISH = "exit_bullish", "Exit bullish"
        EXIT_BEARISH = "exit_bearish", "Exit bearish"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.CASCADE, related_name="labels"
    )
    label_type = models.CharField(max_length=12, choices=Type.choices)
    resolution = models.CharField(max_length=4)
    bar_at = models.DateTimeField()
    offset_s = models.IntegerField(default=0)
    price = models.FloatField(null=True, blank=True)
    tags = models.JSONField(default=list, blank=True)
    extra = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar[models.Manager["Label"]] = LabelQuerySet.as_manager()

    class Meta:
        ordering = ["user", "bar_at", "created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    label_type__in=[
                        "bullish",
                        "bearish",
                        "neutral",
                        "exit_bullish",
                        "exit_bearish",
                    ]
                ),
                name="label_type_known",
            )
        ]
        indexes = [
            # A chart asks for its own labels, by time.
            models.Index(
                fields=["user", "instrument", "bar_at"], name="label_chart_index"
            )
        ]

    def __str__(self) -> str:
        return f"{self.label_type} at {self.bar_at:%Y-%m-%d %H:%M}"

    @property
    def stream(self) -> str:
        """Return the journal stream in which it is told what becomes of it."""
        return stream_of(self.user_id, self.instrument_id)
