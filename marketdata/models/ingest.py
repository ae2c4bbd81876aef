"""What the ingestor knows about its own work: positions, gaps, refused ticks."""

import datetime
from collections.abc import Iterable
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from marketdata.models.instruments import Instrument


class ShardPosition(models.Model):
    """How far one stream shard has been read; written with the bars it led to.

    ``ordinal`` counts the entries ever added up to the position, so that a trim
    tells exactly how many entries it took. ``counters`` moves with the position
    and therefore counts each tick once.
    """

    stream = models.CharField(max_length=128, primary_key=True)
    epoch = models.CharField(max_length=32)
    entry_id = models.CharField(max_length=48, default="0-0")
    ordinal = models.BigIntegerField(default=0)
    clock_at = models.DateTimeField(null=True)
    last_tick_at = models.DateTimeField(null=True)
    counters = models.JSONField(default=dict)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["stream"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ordinal__gte=0), name="shard_position_ordinal_sane"
            )
        ]

    def __str__(self) -> str:
        return f"{self.stream} at {self.entry_id}"


class BarGapQuerySet(models.QuerySet["BarGap"]):
    """Gaps by what is still to be done about them."""

    def open(self) -> Self:
        return self.filter(status=BarGap.Status.OPEN)


class BarGap(models.Model):
    """A stretch of time whose ticks never reached a builder."""

    class Reason(models.TextChoices):
        """How the ticks were lost."""

        WIPED = "wiped", "The stream was wiped"
        TRIMMED = "trimmed", "Trimmed before it was read"
        BRIDGE_AWAY = "bridge_away", "The bridge was away"

    class Status(models.TextChoices):
        """Whether history has filled it."""

        OPEN = "open", "Open"
        REPAIRED = "repaired", "Repaired"
        ABANDONED = "abandoned", "Given up"

    stream = models.CharField(max_length=128)
    shard = models.PositiveSmallIntegerField(null=True)
    instrument = models.ForeignKey(
        Instrument,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="bar_gaps",
    )
    from_at = models.DateTimeField()
    to_at = models.DateTimeField()
    reason = models.CharField(max_length=12, choices=Reason.choices)
    lost_entries = models.BigIntegerField(null=True, blank=True)
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.OPEN
    )
    recorded_at = models.DateTimeField(db_default=Now())
    repaired_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    last_error = models.CharField(max_length=200, blank=True)

    objects: ClassVar[models.Manager["BarGap"]] = BarGapQuerySet.as_manager()

    class Meta:
        ordering = ["-from_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reason__in=["wiped", "trimmed", "bridge_away"]),
                name="bar_gap_reason_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "repaired", "abandoned"]),
                name="bar_gap_status_known",
            ),
            models.CheckConstraint(
                condition=Q(to_at__gte=F("from_at")), name="bar_gap_in_order"
            ),
        ]
        indexes = [
            # The repairer asks only for what is still open.
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(status="open"),
                name="bar_gap_open_index",
            )
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.from_at:%Y-%m-%d %H:%M} {self.reason}"


class QuarantinedTick(models.Model):
    """A tick that was refused, with the reason and the beginning of what it said."""

    stream = models.CharField(max_length=128)
    entry_id = models.CharField(max_length=48)
    reason = models.CharField(max_length=32)
    detail = models.CharField(max_length=200, blank=True)
    payload = models.TextField(blank=True)
    payload_bytes = models.PositiveIntegerField()
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-received_at", "-id"]
        indexes = [
            models.Index(fields=["-received_at", "-id"], name="quarantine_newest_index")
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.entry_id}: {self.reason}"


class DirtyBucketQuerySet(models.QuerySet["DirtyBucket"]):
    """Marking minutes from which larger bars are to be made again."""

    def mark(self, instrument_id: int, minutes: Iterable[datetime.datetime]) -> None:
        """Mark closed minutes, in the transaction that writes their bars.

        A mark that is there already is locked and renewed: a rollup that read the
        minute before this transaction ends must not take it for done.
        """
        now = timezone.now()
        self.bulk_create(
            [
                DirtyBucket(
                    instrument_id=instrument_id, opened_at=opened_at, marked_at=now
                )
                for opened_at in sorted(set(minutes))
            ],
            update_conflicts=True,
            unique_fields=["instrument", "opened_at"],
            update_fields=["is_open", "marked_at"],
        )


class DirtyBucket(models.Model):
    """A minute that larger bars do not show yet as it is.

    Whoever writes a minute marks it in the same transaction, so a bar without a mark
    in it is right. The mark of a minute that still runs is open: the one who writes
    it closes the mark with the minute, and until then it is not rolled up.
    """

    pk = models.CompositePrimaryKey("instrument_id", "opened_at")
    instrument = models.ForeignKey(
        Instrument,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    opened_at = models.DateTimeField()
    is_open = models.BooleanField(default=False, db_default=False)
    marked_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[models.Manager["DirtyBucket"]] = DirtyBucketQuerySet.as_manager()

    class Meta:
        db_table = "dirty_buckets"
        ordering = ["marked_at", "instrument_id", "opened_at"]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.opened_at:%Y-%m-%d %H:%M}"
