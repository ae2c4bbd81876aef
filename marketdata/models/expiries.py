"""When contracts expire: the dated rules, and the days that came of them."""

import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

from marketdata import expiries
from marketdata.models.calendar import Exchange

CYCLES = [(cycle.value, cycle.value.title()) for cycle in expiries.Cycle]


class ExpiryRule(models.Model):
    """On which weekday the contracts on an underlying end, within its dates.

    An empty underlying means every one without a row of its own in that cycle.
    """

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, related_name="expiry_rules"
    )
    underlying = models.CharField(max_length=32, blank=True)
    cycle = models.CharField(max_length=9, choices=CYCLES[:2])
    weekday = models.PositiveSmallIntegerField(help_text="0 is Monday")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["exchange", "underlying", "cycle", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "underlying", "cycle", "valid_from"],
                name="expiry_rule_unique",
            ),
            models.CheckConstraint(
                condition=Q(cycle__in=["weekly", "monthly"]),
                name="expiry_rule_cycle_known",
            ),
            models.CheckConstraint(
                condition=Q(weekday__lte=6), name="expiry_rule_weekday_known"
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")),
                name="expiry_rule_dates_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id} {self.underlying or 'all'} {self.cycle}"

    def as_rule(self) -> expiries.Rule:
        return expiries.Rule(
            cycle=expiries.Cycle(self.cycle),
            weekday=self.weekday,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
        )


class ContractExpiryQuerySet(models.QuerySet["ContractExpiry"]):
    """Expiries of one underlying, as they are known."""

    def of(self, exchange: str, underlying: str) -> Self:
        return self.filter(exchange_id=exchange, underlying=underlying)

    def from_day(self, day: datetime.date) -> Self:
        """Return those that have not ended on ``day``, nearest first."""
        return self.filter(expires_on__gte=day).order_by("expires_on")


class ContractExpiry(models.Model):
    """A day on which contracts on an underlying end: listed, or due by the rule.

    What the exchange lists decides: a rule only foretells what is not listed yet.
    """

    class Origin(models.TextChoices):
        """How the day is known."""

        LISTED = "listed", "Listed by the exchange"
        RULE = "rule", "Foretold by the rule"

    exchange = models.ForeignKey(
        Exchange, on_delete=models.CASCADE, related_name="contract_expiries"
    )
    underlying = models.CharField(max_length=32)
    expires_on = models.DateField()
    nominal_on = models.DateField()
    cycle = models.CharField(max_length=9, choices=CYCLES)
    origin = models.CharField(max_length=6, choices=Origin.choices)

    objects: ClassVar[models.Manager["ContractExpiry"]] = (
        ContractExpiryQuerySet.as_manager()
    )

    class Meta:
        ordering = ["exchange", "underlying", "expires_on"]
        verbose_name_plural = "contract expiries"
        constraints = [
            models.UniqueConstraint(
                fields=["exchange", "underlying", "expires_on"],
                name="contract_expiry_unique",
            ),
            models.CheckConstraint(
                condition=Q(cycle__in=["weekly", "monthly", "quarterly"]),
                name="contract_expiry_cycle_known",
            ),
            models.CheckConstraint(
                condition=Q(origin__in=["listed", "rule"]),
                name="contract_expiry_origin_known",
            ),
            models.CheckConstraint(
                condition=Q(nominal_on__gte=F("expires_on")),
                name="contract_expiry_moved_back_only",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exchange_id}:{self.underlying} {self.expires_on}"

    def as_expiry(self) -> expiries.Expiry:
        return expiries.Expiry(
            self.expires_on, self.nominal_on, expiries.Cycle(self.cycle)
        )
