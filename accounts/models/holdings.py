"""Holdings: the shares of an account in its depository, as the broker reports them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

from django.db import models, transaction
from django.db.models.functions import Now

from accounts.models.desks import TradingAccount
from accounts.models.positions import PRICE, instrument_ids
from accounts.models.sync import AccountSync
from accounts.reported import ZERO, ReportedHolding, facts_of
from marketdata.models import Instrument

FACTS = (
    *("isin", "quantity", "t1_quantity", "collateral_quantity"),
    *("average_price", "last_price", "close_price"),
)
WRITTEN = ("instrument_id", *FACTS)


class HoldingQuerySet(models.QuerySet["Holding"]):
    """Holdings, and their one writer."""

    def of(self, account: TradingAccount) -> HoldingQuerySet:
        return self.filter(account=account)

    def apply(
        self,
        account: TradingAccount,
        reported: Iterable[ReportedHolding],
        *,
        as_of: datetime,
    ) -> int:
        """Take over the complete list of a broker; return how many rows differ.

        What it no longer has goes; a list older than the one that stands is ignored.
        """
        named = {one.key: one for one in reported}
        with transaction.atomic():
            sync = AccountSync.objects.locked(account.pk)
            if sync.holdings_at is not None and as_of < sync.holdings_at:
                return 0
            standing = {row.key: row for row in self.of(account)}
            gone = [row.pk for key, row in standing.items() if key not in named]
            if gone:
                self.filter(pk__in=gone).delete()
            rows = _differing(account, standing, named)
            self._write(rows)
            if sync.holdings_at != as_of:
                sync.holdings_at = as_of
                sync.save(update_fields=["holdings_at", "updated_at"])
        return len(gone) + len(rows)

    def _write(self, rows: list[Holding]) -> None:
        if rows:
            self.bulk_create(
                rows,
                update_conflicts=True,
                unique_fields=["account", "exchange", "symbol"],
                update_fields=[*WRITTEN, "updated_at"],
            )


def _differing(
    account: TradingAccount,
    standing: dict[tuple[str, str], Holding],
    named: dict[tuple[str, str], ReportedHolding],
) -> list[Holding]:
    known = instrument_ids(named.keys())
    rows = []
    for key, reported in named.items():
        facts = facts_of(reported, FACTS) | {"instrument_id": known.get(key)}
        row = standing.get(key) or Holding(
            account=account, exchange=key[0], symbol=key[1]
        )
        is_same = all(getattr(row, name) == fact for name, fact in facts.items())
        if key in standing and is_same:
            continue
        for name, value in facts.items():
            setattr(row, name, value)
        rows.append(row)
    return rows


class Holding(models.Model):
    """Shares of one company; ``quantity`` was delivered, ``t1_quantity`` comes next."""

    account = models.ForeignKey(
        TradingAccount, on_delete=models.CASCADE, related_name="holdings"
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    exchange = models.CharField(max_length=12)
    symbol = models.CharField(max_length=64)
    isin = models.CharField(max_length=12, blank=True)
    quantity = models.BigIntegerField(default=0)
    t1_quantity = models.BigIntegerField(default=0)
    collateral_quantity = models.BigIntegerField(default=0)
    average_price = models.DecimalField(default=ZERO, **PRICE)
    last_price = models.DecimalField(null=True, blank=True, **PRICE)
    close_price = models.DecimalField(null=True, blank=True, **PRICE)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar[HoldingQuerySet] = HoldingQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["exchange", "symbol"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "exchange", "symbol"], name="holding_once_per_share"
            )
        ]

    def __str__(self) -> str:
        return f"{self.owned} {self.exchange}:{self.symbol}"

    @property
    def key(self) -> tuple[str, str]:
        return self.exchange, self.symbol

    @property
    def owned(self) -> int:
        """How many there are, delivered or on their way."""
        return self.quantity + self.t1_quantity
