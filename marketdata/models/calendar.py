"""When an exchange trades: dated rows, so that old days keep their own hours."""

import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class Exchange(models.Model):
    """A market place with a clock of its own."""

    code = models.CharField(max_length=16, primary_key=True)
    name = models.CharField(max_length=64)
    timezone = models.CharField(max_length=64, default="Asia/Kolkata")

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class SessionHours(models.Model):
    """The hours of one weekday in one segment, within the dates they were valid.

    An empty segment means every segment without a row of its own. A session that
    ends at midnight closes at 00:00. Contracts on an index may stop earlier than the
    others on the day they expire: at ``expiring_closes_at``.
    """

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, related_name="session_hours"
    )
    segment = models.CharField(max_length=32, blank=True)
    weekday = models.PositiveSmallIntegerField(help_text="0 is Monday")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    opens_at = models.TimeField()
    closes_at = models.TimeField()
    expiring_closes_at = models.TimeField(null=True, blank=True)

    class Meta:
        ordering = ["exchange", "segment", "weekday", "valid_from"]
        verbose_name_plural = "session hours"
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "segment", "weekday", "valid_from"],
                name="session_hours_unique",
            ),
            models.CheckConstraint(
                condition=Q(weekday__lte=6), name="session_hours_weekday_known"
            ),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")) | Q(closes_at="00:00"),
                name="session_hours_close_after_open",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="session_hours_dates_in_order",
            ),
        ]

    def __str__(self) -> str:
        hours = f"{self.opens_at:%H:%M}-{self.closes_at:%H:%M}"
        return f"{self.exchange_id} {self.segment} {self.weekday} {hours}"


class SessionPhase(models.Model):
    """What is traded around the session: pre-open, closing auction, post-close.

    It holds on every day that has a regular session, within the dates of the row.
    """

    class Phase(models.TextChoices):
        """Which part of the day it is."""

        PRE_OPEN = "pre_open", "Pre-open"
        CLOSING_AUCTION = "closing_auction", "Closing auction"
        POST_CLOSE = "post_close", "Post-close"

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, related_name="session_phases"
    )
    segment = models.CharField(max_length=32, blank=True)
    phase = models.CharField(max_length=16, choices=Phase.choices)
    step = models.CharField(max_length=64, blank=True)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    opens_at = models.TimeField()
    closes_at = models.TimeField()

    class Meta:
        ordering = ["exchange", "segment", "valid_from", "opens_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "segment", "phase", "opens_at", "valid_from"],
                name="session_phase_unique",
            ),
            models.CheckConstraint(
                condition=Q(phase__in=["pre_open", "closing_auction", "post_close"]),
                name="session_phase_known",
            ),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")),
                name="session_phase_close_after_open",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="session_phase_dates_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.segment} {self.phase} {self.opens_at:%H:%M}"


class HolidayQuerySet(models.QuerySet["Holiday"]):
    """Special days by exchange and date."""

    def between(self, start: datetime.date, end: datetime.date) -> Self:
        """Return the days from ``start`` through ``end``, oldest first."""
        return self.filter(day__range=(start, end)).order_by("exchange_id", "day")

    def closed(self) -> Self:
        return self.filter(opens_at__isnull=True)

    def special(self) -> Self:
        return self.filter(opens_at__isnull=False)


class Holiday(models.Model):
    """A day that differs: closed, or open at hours of its own (a special session).

    A holiday stays one although a session is held on it (Muhurat): nothing expires
    on it. A Sunday that is made a working day is no holiday. Hours that no circular
    has confirmed yet are provisional.
    """

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, related_name="holidays"
    )
    day = models.DateField()
    name = models.CharField(max_length=64)
    opens_at = models.TimeField(null=True, blank=True)
    closes_at = models.TimeField(null=True, blank=True)
    is_holiday = models.BooleanField(default=True, db_default=True)
    is_provisional = models.BooleanField(default=False, db_default=False)
    source = models.CharField(max_length=200, blank=True, db_default="")
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar[models.Manager["Holiday"]] = HolidayQuerySet.as_manager()

    class Meta:
        ordering = ["exchange", "day"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "day"], name="holiday_day_unique"
            ),
            models.CheckConstraint(
                condition=Q(opens_at__isnull=True, closes_at__isnull=True)
                | Q(closes_at__gt=F("opens_at")),
                name="holiday_hours_whole",
            ),
            models.CheckConstraint(
                condition=Q(is_holiday=True) | Q(opens_at__isnull=False),
                name="holiday_or_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.day}: {self.name}"

    @property
    def is_open(self) -> bool:
        return self.opens_at is not None


class SettlementHoliday(models.Model):
    """A day on which nothing is settled, whether the market trades or not."""

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, related_name="settlement_holidays"
    )
    day = models.DateField()
    name = models.CharField(max_length=64)
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["exchange", "day"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "day"], name="settlement_holiday_day_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.day}: {self.name}"


class SeedRecord(models.Model):
    """A row of the files we ship that was given to the database, and how it was.

    It is never given twice: what staff changed or removed since stays as they left
    it, and a correction of ours reaches only a row that nobody touched.
    """

    key = models.CharField(max_length=160, primary_key=True)
    fingerprint = models.CharField(max_length=64)
    loaded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key
