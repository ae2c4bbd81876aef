"""What serving remembers of bars: versions of what changed, and days ready to send.

PostgreSQL writes the versions itself, by triggers in the transaction that changes
what they stand for (migration ``bar_day_versions``): no writer can forget to.
"""

from typing import ClassVar

from django.db import models

from marketdata.models.instruments import Instrument


class BarDay(models.Model):
    """How often bars of a day changed when they were more than two minutes old.

    The day is one of the exchange's own clock. A column ``changed_in``, known to
    PostgreSQL only, holds the transaction of the last change: readers ask for the
    rows whose transaction they have not seen, and miss none however late it commits.
    """

    pk = models.CompositePrimaryKey("instrument_id", "day")
    instrument = models.ForeignKey(
        Instrument,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    day = models.DateField()
    version = models.BigIntegerField()

    objects: ClassVar[models.Manager["BarDay"]] = models.Manager()

    class Meta:
        db_table = "bar_days"
        ordering = ["instrument_id", "day"]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.day}: version {self.version}"


class MarketVersion(models.Model):
    """How often a whole table of the market changed; ``epoch`` names the database."""

    class Name(models.TextChoices):
        """What is counted."""

        INSTRUMENTS = "instruments", "Instruments and their names"
        CALENDAR = "calendar", "Exchanges, sessions and holidays"
        EPOCH = "epoch", "This database, by a number of chance"

    name = models.CharField(max_length=12, primary_key=True, choices=Name.choices)
    version = models.BigIntegerField()

    class Meta:
        db_table = "market_versions"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(name__in=["instruments", "calendar", "epoch"]),
                name="market_version_name_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.version}"


class DayFragment(models.Model):
    """The minute bars of a closed day as they are sent: six columns of JSON numbers.

    Good for as long as its version is that of its day, and made again when not.
    """

    pk = models.CompositePrimaryKey("instrument_id", "day")
    instrument = models.ForeignKey(
        Instrument,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    day = models.DateField()
    version = models.BigIntegerField()
    columns = models.BinaryField()

    objects: ClassVar[models.Manager["DayFragment"]] = models.Manager()

    class Meta:
        db_table = "day_fragments"
        ordering = ["instrument_id", "day"]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.day}: version {self.version}"
