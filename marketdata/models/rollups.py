"""Bars longer than a minute: derived from the minutes, never written by hand.

Intraday bars count from the open of their day's session and end with the day at the
latest; longer ones are whole trading days, weeks and months of the exchange's own
clock. ``rollups`` writes them, ``verify_bars`` compares them with a rebuild.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from marketdata.models.bars import BothSides
from marketdata.models.instruments import Instrument

INTRADAY_MINUTES = (2, 3, 5, 10, 15, 30, 60)
UNITS = ("day", "week", "month")


class LargerBar(models.Model):
    """The values of a bar that was made of minutes."""

    instrument = models.ForeignKey(
        Instrument,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    open = models.FloatField()
    high = models.FloatField()
    low = models.FloatField()
    close = models.FloatField()
    volume = models.BigIntegerField()
    open_interest = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


class IntradayBar(LargerBar):
    """So many minutes of one instrument, counted from the open of the session."""

    pk = models.CompositePrimaryKey("instrument_id", "minutes", "opened_at")
    minutes = models.SmallIntegerField()
    opened_at = models.DateTimeField()

    objects: ClassVar[models.Manager["IntradayBar"]] = models.Manager()

    class Meta:
        db_table = "intraday_bars"
        ordering = ["instrument_id", "minutes", "opened_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__in=INTRADAY_MINUTES),
                name="intraday_bar_minutes_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.opened_at:%Y-%m-%d %H:%M} {self.minutes}"


class LongerBar(LargerBar):
    """A trading day, week or month of one instrument.

    ``begins_on`` names it: the day, its Monday, or the first of its month.
    ``first_on`` is the first day of it that has bars, which is what charts show.
    """

    pk = models.CompositePrimaryKey("instrument_id", "unit", "begins_on")
    unit = models.CharField(max_length=5, choices=[(unit, unit) for unit in UNITS])
    begins_on = models.DateField()
    first_on = models.DateField()

    objects: ClassVar[models.Manager["LongerBar"]] = models.Manager()

    class Meta:
        db_table = "longer_bars"
        ordering = ["instrument_id", "unit", "begins_on"]
        constraints = [
            models.CheckConstraint(
                condition=Q(unit__in=UNITS), name="longer_bar_unit_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.unit} {self.begins_on}"


class LargerStrikeBar(BothSides):
    """Call and put of one strike as they stood at the end of more than a minute.

    Volumes are sums; everything else is the last that was known, IV and greeks of
    the last minute that had an IV, both sides of the book of the last one seen.
    """

    underlying = models.ForeignKey(
        Instrument,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    expires_on = models.DateField()
    strike = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        abstract = True


class IntradayStrikeBar(LargerStrikeBar):
    """A strike in so many minutes, counted from the open of the session."""

    pk = models.CompositePrimaryKey(
        "underlying_id", "expires_on", "minutes", "opened_at", "strike"
    )
    minutes = models.SmallIntegerField()
    opened_at = models.DateTimeField()

    objects: ClassVar[models.Manager["IntradayStrikeBar"]] = models.Manager()

    class Meta:
        db_table = "intraday_strike_bars"
        ordering = ["underlying_id", "expires_on", "minutes", "opened_at", "strike"]
        constraints = [
            models.CheckConstraint(
                condition=Q(minutes__in=INTRADAY_MINUTES),
                name="intraday_strike_bar_minutes_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.underlying_id} {self.expires_on} {self.strike} {self.minutes}"


class LongerStrikeBar(LargerStrikeBar):
    """A strike in a trading day, week or month."""

    pk = models.CompositePrimaryKey(
        "underlying_id", "expires_on", "unit", "begins_on", "strike"
    )
    unit = models.CharField(max_length=5, choices=[(unit, unit) for unit in UNITS])
    begins_on = models.DateField()
    first_on = models.DateField()

    objects: ClassVar[models.Manager["LongerStrikeBar"]] = models.Manager()

    class Meta:
        db_table = "longer_strike_bars"
        ordering = ["underlying_id", "expires_on", "unit", "begins_on", "strike"]
        constraints = [
            models.CheckConstraint(
                condition=Q(unit__in=UNITS), name="longer_strike_bar_unit_known"
            )
        ]

    def __str__(self) -> str:
        return f"{self.underlying_id} {self.expires_on} {self.strike} {self.unit}"
