"""What the market did, minute by minute: the tables that everything is derived from.

They are partitioned by month of ``opened_at``: a chart of days touches one or two
partitions, ten years of history are 120 of them, and a month is what retention
drops. No foreign key leaves them (a hypertable has none either); their writers
vouch for the instrument.
"""

import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import OuterRef, Q, Subquery

from marketdata.models.instruments import Instrument


class MinuteBarQuerySet(models.QuerySet["MinuteBar"]):
    """Ranges of bars, oldest first."""

    def for_instrument(self, instrument_id: int) -> Self:
        return self.filter(instrument_id=instrument_id)

    def between(self, start: datetime.datetime, end: datetime.datetime) -> Self:
        """Return the bars that opened at ``start`` or later and before ``end``."""
        return self.filter(opened_at__gte=start, opened_at__lt=end).order_by(
            "opened_at"
        )


class MinuteBar(models.Model):
    """Price, volume and open interest of one instrument in one minute.

    ``first_*`` and ``last_*`` keep the time and day-cumulative volume of the first
    and last tick, ``base_volume`` the cumulative volume before the minute, so that
    a late tick can correct a bar that has left memory. A bar that did not come
    from ticks has none of them. The bar of the running minute is here too: it
    grows until its minute is over.
    """

    class Source(models.TextChoices):
        """Where a bar came from."""

        TICKS = "ticks", "Live ticks"
        HISTORY = "history", "Ticker service history"
        IMPORT = "import", "Imported file"

    pk = models.CompositePrimaryKey("instrument_id", "opened_at")
    instrument = models.ForeignKey(
        Instrument,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    opened_at = models.DateTimeField()
    open = models.FloatField()
    high = models.FloatField()
    low = models.FloatField()
    close = models.FloatField()
    volume = models.BigIntegerField()
    open_interest = models.BigIntegerField(null=True)
    first_tick_at = models.DateTimeField(null=True)
    last_tick_at = models.DateTimeField(null=True)
    first_volume = models.BigIntegerField(null=True)
    last_volume = models.BigIntegerField(null=True)
    base_volume = models.BigIntegerField(null=True)
    source = models.CharField(max_length=8, choices=Source.choices)

    objects: ClassVar[models.Manager["MinuteBar"]] = MinuteBarQuerySet.as_manager()

    class Meta:
        db_table = "minute_bars"
        ordering = ["instrument_id", "opened_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(source__in=["ticks", "history", "import"]),
                name="minute_bar_source_known",
            ),
            models.CheckConstraint(
                condition=Q(high__gte=models.F("low"), volume__gte=0),
                name="minute_bar_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} {self.opened_at:%Y-%m-%d %H:%M}"


class FuturesBar(models.Model):
    """The minute bars of futures with what names the contract: a view, not a copy."""

    pk = models.CompositePrimaryKey("instrument_id", "opened_at")
    instrument = models.ForeignKey(
        Instrument, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    underlying = models.ForeignKey(
        Instrument,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
    )
    contract = models.CharField(max_length=64)
    expires_on = models.DateField()
    opened_at = models.DateTimeField()
    open = models.FloatField()
    high = models.FloatField()
    low = models.FloatField()
    close = models.FloatField()
    volume = models.BigIntegerField()
    open_interest = models.BigIntegerField(null=True)

    class Meta:
        managed = False
        db_table = "futures_bars"
        ordering = ["underlying_id", "expires_on", "opened_at"]

    def __str__(self) -> str:
        return f"{self.contract} {self.opened_at:%Y-%m-%d %H:%M}"


class StrikeBarQuerySet(models.QuerySet["StrikeBar"]):
    """Chains as they stood in a minute."""

    def chain(
        self, underlying_id: int, expires_on: datetime.date, at: datetime.datetime
    ) -> Self:
        return self.filter(
            underlying_id=underlying_id, expires_on=expires_on, opened_at=at
        ).order_by("strike")

    def with_underlying_close(self) -> Self:
        """Add ``underlying_close``, the close of the underlying in the same minute."""
        close = MinuteBar.objects.filter(
            instrument_id=OuterRef("underlying_id"), opened_at=OuterRef("opened_at")
        )
        return self.annotate(underlying_close=Subquery(close.values("close")[:1]))


class BothSides(models.Model):
    """The columns of a call and a put that stand side by side.

    A value that has no solution, or a side that did not trade, is absent: never 0.
    """

    call_last_tick_at = models.DateTimeField(null=True)
    call_close = models.FloatField(null=True)
    call_volume = models.BigIntegerField(null=True)
    call_open_interest = models.BigIntegerField(null=True)
    call_iv = models.FloatField(null=True)
    call_delta = models.FloatField(null=True)
    call_gamma = models.FloatField(null=True)
    call_theta = models.FloatField(null=True)
    call_vega = models.FloatField(null=True)
    call_bid = models.FloatField(null=True)
    call_ask = models.FloatField(null=True)
    call_bid_quantity = models.BigIntegerField(null=True)
    call_ask_quantity = models.BigIntegerField(null=True)
    put_last_tick_at = models.DateTimeField(null=True)
    put_close = models.FloatField(null=True)
    put_volume = models.BigIntegerField(null=True)
    put_open_interest = models.BigIntegerField(null=True)
    put_iv = models.FloatField(null=True)
    put_delta = models.FloatField(null=True)
    put_gamma = models.FloatField(null=True)
    put_theta = models.FloatField(null=True)
    put_vega = models.FloatField(null=True)
    put_bid = models.FloatField(null=True)
    put_ask = models.FloatField(null=True)
    put_bid_quantity = models.BigIntegerField(null=True)
    put_ask_quantity = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


class StrikeBar(BothSides):
    """Call and put of one strike, side by side, at the end of one minute."""

    pk = models.CompositePrimaryKey(
        "underlying_id", "expires_on", "opened_at", "strike"
    )
    underlying = models.ForeignKey(
        Instrument,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    expires_on = models.DateField()
    opened_at = models.DateTimeField()
    strike = models.DecimalField(max_digits=12, decimal_places=2)
    objects: ClassVar[models.Manager["StrikeBar"]] = StrikeBarQuerySet.as_manager()

    class Meta:
        db_table = "fo_option_strike_bars"
        ordering = ["underlying_id", "expires_on", "opened_at", "strike"]

    def __str__(self) -> str:
        return f"{self.underlying_id} {self.expires_on} {self.strike}"
