"""What a contract was on a day: its broker's number, its lot, its tick, its freeze.

Brokers give the number of an expired contract to another one, and exchanges change
lots while contracts live. So each of these is a row with dates; history is keyed by
our own instrument, never by a number.
"""

import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

from marketdata.models.calendar import Exchange
from marketdata.models.instruments import Instrument


def holds_on(day: datetime.date) -> Q:
    """Return the condition that a dated row holds on ``day``."""
    return Q(valid_from__lte=day) & (Q(valid_to__isnull=True) | Q(valid_to__gte=day))


class BrokerTokenQuerySet(models.QuerySet["BrokerToken"]):
    """Who had which number when."""

    def on(self, day: datetime.date) -> Self:
        return self.filter(holds_on(day))

    def current(self) -> Self:
        return self.filter(valid_to__isnull=True)


class BrokerToken(models.Model):
    """The broker's number of an instrument, within the days it had it."""

    exchange = models.ForeignKey(
        Exchange, on_delete=models.PROTECT, related_name="broker_tokens"
    )
    token = models.BigIntegerField()
    instrument = models.ForeignKey(
        Instrument, on_delete=models.CASCADE, related_name="broker_tokens"
    )
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    objects: ClassVar[models.Manager["BrokerToken"]] = BrokerTokenQuerySet.as_manager()

    class Meta:
        ordering = ["exchange", "token", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "token", "valid_from"], name="broker_token_unique"
            ),
            models.UniqueConstraint(
                fields=["exchange", "token"],
                condition=Q(valid_to__isnull=True),
                name="broker_token_has_one_holder",
            ),
            models.UniqueConstraint(
                fields=["instrument"],
                condition=Q(valid_to__isnull=True),
                name="broker_token_of_instrument_is_one",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="broker_token_dates_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.token} from {self.valid_from}"


class ContractTermsQuerySet(models.QuerySet["ContractTerms"]):
    """Terms by the days they held."""

    def on(self, day: datetime.date) -> Self:
        return self.filter(holds_on(day))

    def current(self) -> Self:
        return self.filter(valid_to__isnull=True)


class ContractTerms(models.Model):
    """Lot and tick size of an instrument as it was listed, within its dates."""

    instrument = models.ForeignKey(
        Instrument, on_delete=models.CASCADE, related_name="terms"
    )
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    lot_size = models.PositiveIntegerField()
    tick_size = models.DecimalField(max_digits=10, decimal_places=4)

    objects: ClassVar[models.Manager["ContractTerms"]] = (
        ContractTermsQuerySet.as_manager()
    )

    class Meta:
        ordering = ["instrument", "valid_from"]
        verbose_name_plural = "contract terms"
        constraints = [
            models.UniqueConstraint(
                fields=["instrument", "valid_from"], name="contract_terms_unique"
            ),
            models.UniqueConstraint(
                fields=["instrument"],
                condition=Q(valid_to__isnull=True),
                name="contract_terms_current_is_one",
            ),
            models.CheckConstraint(
                condition=Q(lot_size__gte=1, tick_size__gt=0),
                name="contract_terms_positive",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="contract_terms_dates_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instrument_id} from {self.valid_from}: lot {self.lot_size}"


class LotSize(models.Model):
    """The lot of the contracts on an underlying that expire within the dates.

    From the exchange's circulars: it answers for contracts whose own listing we
    have never seen.
    """

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, related_name="lot_sizes"
    )
    underlying = models.CharField(max_length=32)
    valid_from = models.DateField("expires from")
    valid_to = models.DateField("expires to", null=True, blank=True)
    lot_size = models.PositiveIntegerField()
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["exchange", "underlying", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "underlying", "valid_from"], name="lot_size_unique"
            ),
            models.CheckConstraint(
                condition=Q(lot_size__gte=1), name="lot_size_positive"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="lot_size_dates_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id}:{self.underlying} {self.lot_size}"


class FreezeQuantity(models.Model):
    """The largest quantity of one order in contracts on an underlying, dated.

    The quantity itself is allowed; what is above it must be sliced.
    """

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, related_name="freeze_quantities"
    )
    underlying = models.CharField(max_length=32)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    quantity = models.PositiveIntegerField()
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["exchange", "underlying", "valid_from"]
        verbose_name_plural = "freeze quantities"
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "underlying", "valid_from"],
                name="freeze_quantity_unique",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1), name="freeze_quantity_positive"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="freeze_quantity_dates_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id}:{self.underlying} {self.quantity}"
