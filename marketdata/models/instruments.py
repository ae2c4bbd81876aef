"""What can be traded: exchanges' contracts and how one is found by name."""

import datetime
from decimal import Decimal
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from marketdata.aliases import underlying_name
from marketdata.models.calendar import Exchange

# The hours of stocks on which contracts are listed are rows of their own.
FO_STOCKS = "FO-STOCKS"
# So are those of farm produce, of which no list says that it is some.
COMMODITY_SEGMENTS = {
    **dict.fromkeys(("COTTON", "COTTONCNDY", "CPO", "RBDPMOLEIN"), "AGRI-ABROAD"),
    **dict.fromkeys(
        ("CARDAMOM", "CASTORSEED", "KAPAS", "MENTHAOIL", "PEPPER", "RUBBER"), "AGRI"
    ),
}


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

    def derivatives(self) -> Self:
        return self.filter(kind__in=[Instrument.Kind.FUTURE, Instrument.Kind.OPTION])

    def listed_on(self, day: datetime.date) -> Self:
        """Return what was listed on ``day``, as far as its list was loaded."""
        holds = Q(terms__valid_to__isnull=True) | Q(terms__valid_to__gte=day)
        return self.filter(holds, terms__valid_from__lte=day)

    def strikes(
        self,
        underlying: "Instrument",
        expires_on: datetime.date,
        *,
        on: datetime.date | None = None,
    ) -> list[Decimal]:
        """Return the strikes listed for an expiry, now or on a past day."""
        options = self.filter(underlying=underlying, expires_on=expires_on)
        options = options.listed_on(on) if on else options.active()
        rows = options.filter(kind=Instrument.Kind.OPTION).order_by("strike")
        strikes = rows.values_list("strike", flat=True).distinct()
        return [strike for strike in strikes if strike is not None]

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

    # Contracts of these exchanges are on commodities and currencies.
    COMMODITY_EXCHANGES = frozenset({"MCX", "NCO", "CDS", "BCD"})

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
    # Whether futures or options on it are listed now.
    has_derivatives = models.BooleanField(default=False, db_default=False)
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

    @classmethod
    def classified(cls, kind: str, exchange: str) -> str:
        """Return the class of a sort of contract on an exchange."""
        if exchange in cls.COMMODITY_EXCHANGES:
            commodities = {cls.Kind.FUTURE: "commodity"}
            commodities[cls.Kind.OPTION] = "commodity_option"
            return commodities.get(cls.Kind(kind), kind)
        return kind

    @property
    def classification(self) -> str:
        """Index, stock, future, option, commodity or commodity_option."""
        return self.classified(self.kind, self.exchange_id)

    @property
    def is_derivative(self) -> bool:
        return self.kind in {self.Kind.FUTURE, self.Kind.OPTION}

    @property
    def is_on_index(self) -> bool:
        """Whether it is a contract on an index."""
        return (
            self.is_derivative
            and self.underlying is not None
            and self.underlying.kind == self.Kind.INDEX
        )

    @property
    def underlying_name(self) -> str:
        """What its contracts, or it as a contract, call the underlying."""
        return self.name if self.is_derivative else underlying_name(self.symbol)

    @property
    def hours_segment(self) -> str:
        """The segment whose hours it keeps."""
        if self.kind == self.Kind.STOCK and self.has_derivatives:
            return FO_STOCKS
        if self.exchange_id == "MCX":
            return COMMODITY_SEGMENTS.get(self.name, self.segment)
        return self.segment

    def lot_size_on(self, day: datetime.date) -> int:
        """Return the lot on ``day``: as listed, else by circular, else as it is now."""
        listed = self.terms.on(day).values_list("lot_size", flat=True).first()
        return listed or self._lot_by_circular() or self.lot_size

    def tick_size_on(self, day: datetime.date) -> Decimal:
        """Return the tick on ``day`` as it was listed, else as it is now."""
        listed = self.terms.on(day).values_list("tick_size", flat=True).first()
        return listed or self.tick_size

    def freeze_quantity_on(self, day: datetime.date) -> int | None:
        """Return the largest quantity of one order; None where no list tells it."""
        if not self.is_derivative:
            return None
        rows = self.exchange.freeze_quantities.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gte=day),
            underlying=self.underlying_name,
            valid_from__lte=day,
        )
        return rows.order_by("-valid_from").values_list("quantity", flat=True).first()

    def _lot_by_circular(self) -> int | None:
        if self.expires_on is None:
            return None
        rows = self.exchange.lot_sizes.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gte=self.expires_on),
            underlying=self.underlying_name,
            valid_from__lte=self.expires_on,
        )
        return rows.order_by("-valid_from").values_list("lot_size", flat=True).first()
