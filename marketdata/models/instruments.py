"""What can be traded: exchanges' contracts and how one is found by name."""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from marketdata.models.calendar import Exchange


class InstrumentQuerySet(models.QuerySet["Instrument"]):
    """The questions that pages, feeds and the ingestor ask of instruments."""

    def active(self) -> Self:
        return self.filter(is_active=True)

    def find(self, symbol: str) -> "Instrument":
        """Return the instrument of ``EXCHANGE:SYMBOL`` or of an unambiguous ``SYMBOL``.

        Raise ``DoesNotExist`` when nothing has that name and
        ``MultipleObjectsReturned`` when a bare symbol stands on two exchanges.
        """
        if "\0" in symbol:
            raise self.model.DoesNotExist("A symbol holds no NUL.")
        exchange, colon, name = symbol.partition(":")
        if colon:
            return self.get(exchange_id=exchange.upper(), symbol=name.upper())
        return self.get(symbol=exchange.upper(), is_active=True)

    def search(self, text: str) -> Self:
        """Return what begins with ``text`` by symbol, or holds it in its name."""
        exchange, colon, name = text.partition(":")
        if colon:
            return self.filter(exchange_id=exchange.upper(), symbol__istartswith=name)
        return self.filter(Q(symbol__istartswith=text) | Q(name__icontains=text))


class Instrument(models.Model):
    """One contract on one exchange: an index, a stock, a future or an option."""

    class Kind(models.TextChoices):
        """What sort of contract it is."""

        INDEX = "index", "Index"
        STOCK = "stock", "Stock"
        FUTURE = "future", "Future"
        OPTION = "option", "Option"

    class OptionType(models.TextChoices):
        """Which right an option gives."""

        CALL = "CE", "Call"
        PUT = "PE", "Put"

    exchange = models.ForeignKey(
        Exchange, on_delete=models.PROTECT, related_name="instruments"
    )
    symbol = models.CharField(max_length=64)
    name = models.CharField(max_length=128, blank=True)
    broker_token = models.BigIntegerField(null=True, blank=True)
    segment = models.CharField(max_length=32, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    underlying = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="derivatives",
    )
    expires_on = models.DateField(null=True, blank=True)
    strike = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    option_type = models.CharField(max_length=2, choices=OptionType.choices, blank=True)
    lot_size = models.PositiveIntegerField(default=1)
    tick_size = models.DecimalField(max_digits=10, decimal_places=4, default=0.05)
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar[models.Manager["Instrument"]] = InstrumentQuerySet.as_manager()

    class Meta:
        ordering = ["exchange", "symbol"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "symbol"], name="instrument_symbol_unique"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["index", "stock", "future", "option"]),
                name="instrument_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(option_type__in=["", "CE", "PE"]),
                name="instrument_option_type_known",
            ),
            models.CheckConstraint(
                condition=~Q(kind="option")
                | (
                    Q(expires_on__isnull=False, strike__isnull=False)
                    & ~Q(option_type="")
                ),
                name="instrument_option_complete",
            ),
            models.CheckConstraint(
                condition=~Q(kind="future") | Q(expires_on__isnull=False),
                name="instrument_future_expires",
            ),
            models.CheckConstraint(
                condition=Q(lot_size__gte=1, tick_size__gt=0),
                name="instrument_sizes_positive",
            ),
        ]
        indexes = [
            # A tick names its instrument by the broker's number.
            models.Index(fields=["broker_token"], name="instrument_token_index"),
            # A chain is read by underlying and expiry.
            models.Index(
                fields=["underlying", "expires_on", "strike"],
                name="instrument_chain_index",
            ),
            # The ingestor asks whether anything changed since it last looked.
            models.Index(fields=["updated_at"], name="instrument_updated_index"),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id}:{self.symbol}"
