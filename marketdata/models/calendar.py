"""When an exchange trades: dated rows, so that old days keep their own hours."""

from django.db import models
from django.db.models import F, Q


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
    ends at midnight closes at 00:00.
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


class Holiday(models.Model):
    """A day that differs: closed, or open at hours of its own (a special session)."""

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, related_name="holidays"
    )
    day = models.DateField()
    name = models.CharField(max_length=64)
    opens_at = models.TimeField(null=True, blank=True)
    closes_at = models.TimeField(null=True, blank=True)

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
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.day}: {self.name}"
