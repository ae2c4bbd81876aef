"""Positions as the broker reports them, and what became of each.

There is one writer, ``Position.objects.apply``. It holds the account's row of
``AccountSync``, compares what the broker says with what stands here, writes what
differs and, in the same transaction, a ``PositionChange`` for each quantity that
moved and an event for whoever follows the account's stream. A partial report never
touches what it does not name; a complete one closes what it no longer has; one that is
older than what stands here is not taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models.desks import TradingAccount
from accounts.models.sync import AccountSync
from accounts.reported import ZERO, Change, ReportedPosition, change_of, facts_of
from marketdata.models import Instrument
from tradingsite.streaming import journal

Key = tuple[str, str, str]
# What a report says of a position: it is written again when one of them differs.
FACTS = (
    *("quantity", "average_price", "overnight_quantity", "multiplier", "value"),
    *("day_value", "last_price", "close_price"),
)
WRITTEN = ("instrument_id", "is_reported", "reported_at", *FACTS)
# What is news when it differs. A price moves all the time: it is told with other news,
# and who wants it as it moves follows quotes.
TOLD = frozenset({"is_reported", "instrument_id", *FACTS}) - {"last_price"}
PRICE: dict[str, Any] = {"max_digits": 20, "decimal_places": 6}
MONEY: dict[str, Any] = {"max_digits": 22, "decimal_places": 4}
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("quantity", "overnight_quantity"), 0),
    **dict.fromkeys(("average_price", "value", "day_value"), ZERO),
    "last_price": None,
    "close_price": None,
}


def stream_of(account_id: int) -> str:
    """Return the journal stream of the positions of an account."""
    return f"positions.{account_id}"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a report changed: rows written, changes noted, rows that came too late."""

    written: int = 0
    changes: Sequence[PositionChange] = field(default_factory=tuple)
    ignored: int = 0


def instrument_ids(keys: Collection[tuple[str, ...]]) -> dict[tuple[str, str], int]:
    """Return our instrument of each ``(exchange, symbol, …)`` that we know."""
    rows = Instrument.objects.filter(
        exchange__in={key[0] for key in keys}, symbol__in={key[1] for key in keys}
    )
    return {(e, s): pk for e, s, pk in rows.values_list("exchange_id", "symbol", "pk")}


class PositionQuerySet(models.QuerySet["Position"]):
    """Positions: the one writer, and what pages and programs ask."""

    def of(self, account: TradingAccount) -> PositionQuerySet:
        """Return what the broker reported last, flat ones of the day too."""
        return self.filter(account=account, is_reported=True)

    def apply(
        self,
        account: TradingAccount,
        reported: Iterable[ReportedPosition],
        *,
        as_of: datetime,
        is_complete: bool,
        source: str,
    ) -> Applied:
        """Take over what a broker said at ``as_of``; the only writer of positions.

        ``is_complete`` says that there are no others. Applied again, the same report
        writes nothing. Raises ``ValueError`` when a report names a position twice.
        """
        named = _by_key(reported)
        with transaction.atomic():
            sync = AccountSync.objects.locked(account.pk)
            if sync.positions_at is not None and as_of < sync.positions_at:
                return Applied(ignored=len(named))
            step = _Step(account, as_of, source, self._standing(account, named))
            step.take(named, is_complete=is_complete)
            step.write()
            if is_complete and sync.positions_at != as_of:
                sync.positions_at = as_of
                sync.save(update_fields=["positions_at", "updated_at"])
        return Applied(len(step.rows), step.changes, step.ignored)

    def _standing(
        self, account: TradingAccount, named: Collection[Key]
    ) -> dict[Key, Position]:
        wanted = Q(is_reported=True) | Q(symbol__in={key[1] for key in named})
        rows = self.select_for_update().filter(wanted, account=account).order_by("pk")
        return {row.key: row for row in rows}


class _Step:
    """One report on its way into the table; the caller holds the account."""

    def __init__(
        self,
        account: TradingAccount,
        as_of: datetime,
        source: str,
        standing: dict[Key, Position],
    ) -> None:
        self.account, self.as_of, self.source = account, as_of, source
        self.standing = standing
        self.rows: list[Position] = []
        self.changes: list[PositionChange] = []
        self.events: list[dict[str, Any]] = []
        self.ignored = 0

    def take(self, named: Mapping[Key, ReportedPosition], *, is_complete: bool) -> None:
        known = instrument_ids(named.keys())
        for key, reported in named.items():
            facts = facts_of(reported, FACTS)
            facts |= {"instrument_id": known.get(key[:2]), "is_reported": True}
            self._take_one(key, facts, is_partial=not is_complete)
        for key in self.standing.keys() - named.keys() if is_complete else ():
            if self.standing[key].is_reported:
                self._take_one(key, NOTHING | {"is_reported": False}, is_partial=False)

    def _take_one(self, key: Key, facts: dict[str, Any], *, is_partial: bool) -> None:
        row = self.standing.get(key)
        if row is None:
            row = Position(
                account=self.account, exchange=key[0], symbol=key[1], product=key[2]
            )
        elif self.as_of < row.reported_at:
            self.ignored += 1
            return
        elif all(getattr(row, name) == fact for name, fact in facts.items()) and (
            # A complete report leaves its time on the account, a partial one here.
            not is_partial or row.reported_at == self.as_of
        ):
            return
        before = row.quantity, row.average_price
        is_news = row._state.adding or any(
            getattr(row, name) != fact for name, fact in facts.items() if name in TOLD
        )
        for name, value in (facts | {"reported_at": self.as_of}).items():
            setattr(row, name, value)
        self.rows.append(row)
        change = self._note(row, *before)
        if is_news:
            self.events.append(_event(row, change))

    def _note(
        self, row: Position, quantity: int, average_price: Decimal
    ) -> PositionChange | None:
        kind = change_of(quantity, row.quantity)
        if kind is None:
            return None
        change = PositionChange(
            account=self.account,
            exchange=row.exchange,
            symbol=row.symbol,
            product=row.product,
            instrument_id=row.instrument_id,
            kind=kind,
            quantity_before=quantity,
            quantity_after=row.quantity,
            average_price_before=average_price,
            average_price_after=row.average_price,
            reported_at=self.as_of,
            source=self.source,
        )
        self.changes.append(change)
        return change

    def write(self) -> None:
        if not self.rows:
            return
        Position.objects.bulk_create(
            self.rows,
            update_conflicts=True,
            unique_fields=["account", "exchange", "symbol", "product"],
            update_fields=[*WRITTEN, "updated_at"],
        )
        PositionChange.objects.bulk_create(self.changes)
        if self.events:
            journal.record_all(stream_of(self.account.pk), self.events)


def _event(row: Position, change: PositionChange | None) -> dict[str, Any]:
    return {
        "type": "position_update",
        "position": row.document,
        "change": change and change.document,
    }


def _by_key(reported: Iterable[ReportedPosition]) -> dict[Key, ReportedPosition]:
    named: dict[Key, ReportedPosition] = {}
    for one in reported:
        if one.key in named:
            raise ValueError(f"{one.symbol} ({one.product}) is reported twice.")
        named[one.key] = one
    return named


class Position(models.Model):
    """The net position of an account in one contract and product."""

    account = models.ForeignKey(
        TradingAccount, on_delete=models.CASCADE, related_name="positions"
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    exchange = models.CharField(max_length=12)
    symbol = models.CharField(max_length=64)
    product = models.CharField(max_length=12)
    quantity = models.BigIntegerField(default=0)
    overnight_quantity = models.BigIntegerField(default=0)
    multiplier = models.PositiveIntegerField(default=1)
    average_price = models.DecimalField(default=ZERO, **PRICE)
    value = models.DecimalField(default=ZERO, **MONEY)
    day_value = models.DecimalField(default=ZERO, **MONEY)
    last_price = models.DecimalField(null=True, blank=True, **PRICE)
    close_price = models.DecimalField(null=True, blank=True, **PRICE)
    # Whether the broker's newest complete report still had it.
    is_reported = models.BooleanField(default=True)
    reported_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar[PositionQuerySet] = PositionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["exchange", "symbol", "product"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "exchange", "symbol", "product"],
                name="position_once_per_contract",
            ),
            models.CheckConstraint(
                condition=Q(is_reported=True) | Q(quantity=0),
                name="position_unreported_is_flat",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.exchange}:{self.symbol} {self.product}"

    @property
    def key(self) -> Key:
        return self.exchange, self.symbol, self.product

    @property
    def document(self) -> dict[str, Any]:
        """Return what clients are told of it, decimals as text."""
        name = f"{self.exchange}:{self.symbol}"
        facts = {fact: getattr(self, fact) for fact in FACTS}
        return {
            "exchange": self.exchange,
            "symbol": self.symbol,
            "instrument": name if self.instrument_id else None,
            "product": self.product,
            "is_reported": self.is_reported,
            "reported_at": self.reported_at.isoformat(),
        } | {
            fact: str(value) if isinstance(value, Decimal) else value
            for fact, value in facts.items()
        }


class PositionChangeQuerySet(models.QuerySet["PositionChange"]):
    """What became of positions, newest first."""

    def of(self, account: TradingAccount) -> PositionChangeQuerySet:
        return self.filter(account=account).order_by("-pk")


class PositionChange(models.Model):
    """A quantity that moved: before and after, when the broker said so, and by whom.

    Written in the transaction of the move and never changed. ``pk`` is the order in
    which an account's changes were made, so a reader may go on from the last it saw.
    """

    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="position_changes"
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    exchange = models.CharField(max_length=12)
    symbol = models.CharField(max_length=64)
    product = models.CharField(max_length=12)
    kind = models.CharField(
        max_length=12, choices=[(kind.value, kind.value.title()) for kind in Change]
    )
    quantity_before = models.BigIntegerField()
    quantity_after = models.BigIntegerField()
    average_price_before = models.DecimalField(**PRICE)
    average_price_after = models.DecimalField(**PRICE)
    reported_at = models.DateTimeField()
    source = models.CharField(max_length=20)
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())

    objects: ClassVar[PositionChangeQuerySet] = PositionChangeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(quantity_before=models.F("quantity_after")),
                name="position_change_moves",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["opened", "increased", "reduced", "closed", "reversed"]
                ),
                name="position_change_kind_known",
            ),
        ]
        indexes = [models.Index(fields=["account", "id"], name="position_change_order")]

    def __str__(self) -> str:
        return (
            f"{self.symbol} {self.kind}: {self.quantity_before} → {self.quantity_after}"
        )

    @property
    def document(self) -> dict[str, Any]:
        """Return what clients are told of it."""
        return {
            "kind": str(self.kind),
            "quantity_before": self.quantity_before,
            "quantity_after": self.quantity_after,
        }

    @property
    def quantity_delta(self) -> int:
        return self.quantity_after - self.quantity_before
