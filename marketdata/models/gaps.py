"""What is missing of each session, and how often the ticker may be asked for it."""

import datetime
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from marketdata.models.instruments import Instrument

DUE_ORDER = [F("priority").asc(), F("next_attempt_at").asc(), F("id").asc()]


class SessionGapQuerySet(models.QuerySet["SessionGap"]):
    """Sessions by what is still to be done about them."""

    def lacking(self) -> Self:
        return self.exclude(status=SessionGap.Status.WHOLE)

    def due(self) -> Self:
        """Return what may be asked for now, the most wanted first."""
        waiting = ~Q(status="whole") | Q(restate_after__isnull=False)
        return self.filter(waiting, next_attempt_at__lte=Now()).order_by(*DUE_ORDER)


class SessionGap(models.Model):
    """How much of one session of one instrument is stored, and what is missing.

    Minutes are counted from ``opens_at``. ``missing`` were never answered for;
    ``quiet`` are those of which the ticker's history had nothing: they are asked
    for again, ever more seldom. Every minute before ``surveyed_until`` is stored,
    missing or quiet. ``attempts`` only grows: who settles an attempt shows its
    number, so that one paused past its lease changes nothing.
    """

    class Status(models.TextChoices):
        """How the session stands."""

        OPEN = "open", "Minutes are missing"
        QUIET = "quiet", "The ticker had no more"
        WHOLE = "whole", "Nothing is missing"

    class Reason(models.TextChoices):
        """Why minutes are missing, as far as we know."""

        NONE = "", "Nothing is missing"
        NEVER_FETCHED = "never_fetched", "Never fetched"
        STREAM_GAP = "stream_gap", "Lost on the stream"
        TICKER_AWAY = "ticker_away", "The ticker does not answer"
        REFUSED = "refused", "The ticker refuses"
        NO_TRADES = "no_trades", "The ticker had none"

    class Priority(models.IntegerChoices):
        """Who is helped first."""

        ASKED = 0, "Somebody waits for it"
        STEADY = 1, "Trades every minute"
        SPARSE = 2, "May go minutes without a trade"

    instrument = models.ForeignKey(
        Instrument, on_delete=models.CASCADE, related_name="session_gaps"
    )
    day = models.DateField()
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    surveyed_until = models.DateTimeField()
    stored = models.PositiveSmallIntegerField(default=0)
    missing = ArrayField(models.SmallIntegerField(), default=list, blank=True)
    quiet = ArrayField(models.SmallIntegerField(), default=list, blank=True)
    # History wrote up to this minute and ticks had not come back: the first bar of
    # them counts from before the hole, and is taken from history too.
    restate_after = models.SmallIntegerField(null=True, blank=True)
    status = models.CharField(max_length=8, choices=Status.choices)
    reason = models.CharField(max_length=16, choices=Reason.choices, blank=True)
    priority = models.SmallIntegerField(
        choices=Priority.choices, default=Priority.SPARSE
    )
    missing_since = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    rechecks = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(db_default=Now())
    last_error = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager["SessionGap"]] = SessionGapQuerySet.as_manager()

    class Meta:
        ordering = ["-day", "instrument", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["instrument", "day"], name="session_gap_unique"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "quiet", "whole"]),
                name="session_gap_status_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    reason__in=[
                        "",
                        "never_fetched",
                        "stream_gap",
                        "ticker_away",
                        "refused",
                        "no_trades",
                    ]
                ),
                name="session_gap_reason_known",
            ),
            models.CheckConstraint(
                condition=Q(priority__in=[0, 1, 2]), name="session_gap_priority_known"
            ),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at"))
                & Q(surveyed_until__gte=F("opens_at")),
                name="session_gap_in_order",
            ),
        ]
        indexes = [
            # The map is read by day, newest first.
            models.Index(fields=["day", "status"], name="session_gap_day_index"),
            # The filler asks only for what is due.
            models.Index(
                fields=["priority", "next_attempt_at"],
                condition=~Q(status="whole") | Q(restate_after__isnull=False),
                name="session_gap_due_index",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} on {self.day}: {self.status}"

    @property
    def expected(self) -> int:
        """Return how many minutes of the session were looked at so far."""
        return int((self.surveyed_until - self.opens_at).total_seconds()) // 60

    @property
    def minutes(self) -> int:
        """Return how long the whole session is."""
        return int((self.closes_at - self.opens_at).total_seconds()) // 60

    @property
    def is_over(self) -> bool:
        return self.surveyed_until >= self.closes_at

    def at(self, minute: int) -> datetime.datetime:
        """Return when a minute of the session begins."""
        return self.opens_at + datetime.timedelta(minutes=minute)


class CallPace(models.Model):
    """When the last calls of one kind were let through, for all processes."""

    name = models.CharField(max_length=40, primary_key=True)
    granted_at = ArrayField(models.DateTimeField(), default=list)

    class Meta:
        db_table = "call_paces"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
