"""Orders as the broker has them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Now

from accounts.brokers.payloads import IST
from accounts.models import TradingAccount
from accounts.reported import PRICE_STEP, ReportedOrder
from marketdata.models import Instrument
from orders.states import WORKING, State, Status, status_of

PRICE: dict[str, Any] = {"max_digits": 20, "decimal_places": 6}
STATUSES = [status.value for status in Status]
# When an order began, as far as we know.
BEGUN_AT = Coalesce("placed_at", "created_at")
# What a report says of an order: it is written, and told, when one of them differs.
FACTS = (
    *("exchange_order_id", "product", "side", "order_type", "validity", "quantity"),
    *("filled_quantity", "canceled_quantity", "price", "trigger_price"),
    *("average_price", "tag", "status_message", "placed_at", "changed_at"),
)


def stream_of(account_id: int) -> str:
    """Return the journal stream of the orders of an account."""
    return f"orders.{account_id}"


def facts_in(report: ReportedOrder) -> dict[str, Any]:
    """Return what ``report`` says, prices as finely as they are kept."""
    facts = {name: getattr(report, name) for name in FACTS}
    return {
        name: value.quantize(PRICE_STEP) if isinstance(value, Decimal) else value
        for name, value in facts.items()
    } | {"status": status_of(report.status), "broker_status": report.status}


class OrderQuerySet(models.QuerySet["Order"]):
    """Orders: what pages and programs ask."""

    def of(self, account: TradingAccount) -> OrderQuerySet:
        """Return the orders of an account, the newest first."""
        return self.filter(account=account).order_by("-pk")

    def named(self, account: TradingAccount, broker_order_id: str) -> Order | None:
        """Return the order that the broker calls so; None where there is none."""
        if "\0" in broker_order_id:
            return None
        return self.filter(account=account, broker_order_id=broker_order_id).first()

    def working(self) -> OrderQuerySet:
        return self.filter(status__in=WORKING)

    def in_book(self) -> OrderQuerySet:
        """Return what the brokers' newest books have."""
        return self.filter(is_reported=True)

    def told(self, account_id: int) -> OrderQuerySet:
        """Return what the broker's newest book has, in the order of their coming."""
        return self.filter(account_id=account_id).in_book().order_by("pk")

    def with_status(self, statuses: Iterable[str]) -> OrderQuerySet:
        return self.filter(status__in=list(statuses))

    def of_day(self, day: date) -> OrderQuerySet:
        """Return what was placed on a day of the exchange, or came then if unsaid."""
        begins_at = datetime.combine(day, time.min, IST)
        rows = self.alias(begun_at=BEGUN_AT)
        return rows.filter(
            begun_at__gte=begins_at, begun_at__lt=begins_at + timedelta(days=1)
        )


class Order(models.Model):
    """An order of an account, as the broker reported it last.

    Quantities are units, prices rupees a unit. ``is_reported`` says whether the
    broker's newest complete book still had it: the book is of one trading day.
    """

    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="orders"
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    broker_order_id = models.CharField(max_length=64)
    exchange_order_id = models.CharField(max_length=64, blank=True)
    exchange = models.CharField(max_length=12)
    symbol = models.CharField(max_length=64)
    product = models.CharField(max_length=12)
    side = models.CharField(max_length=4, choices=[("BUY", "Buy"), ("SELL", "Sell")])
    order_type = models.CharField(max_length=12)
    validity = models.CharField(max_length=12, blank=True)
    status = models.CharField(
        max_length=12, choices=[(each.value, each.value.title()) for each in Status]
    )
    broker_status = models.CharField(max_length=32)
    status_message = models.CharField(max_length=500, blank=True)
    quantity = models.PositiveBigIntegerField()
    filled_quantity = models.PositiveBigIntegerField(default=0)
    canceled_quantity = models.PositiveBigIntegerField(default=0)
    price = models.DecimalField(null=True, blank=True, **PRICE)
    trigger_price = models.DecimalField(null=True, blank=True, **PRICE)
    average_price = models.DecimalField(null=True, blank=True, **PRICE)
    tag = models.CharField(max_length=64, blank=True)
    placed_at = models.DateTimeField(null=True, blank=True)
    # By the exchange's clock.
    changed_at = models.DateTimeField(null=True, blank=True)
    is_reported = models.BooleanField(default=True)
    reported_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True, db_default=Now())
    updated_at = models.DateTimeField(auto_now=True, db_default=Now())

    objects: ClassVar[OrderQuerySet] = OrderQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "broker_order_id"], name="order_once_per_broker_id"
            ),
            models.CheckConstraint(
                condition=Q(status__in=STATUSES), name="order_status_known"
            ),
            models.CheckConstraint(
                condition=Q(side__in=["BUY", "SELL"]), name="order_side_known"
            ),
        ]
        indexes = [
            # The list of an account, newest first.
            models.Index(fields=["account", "id"], name="order_of_account"),
            # The few that the broker's book has, of the many that there were.
            models.Index(
                fields=["account"], name="order_reported", condition=Q(is_reported=True)
            ),
            # Those of a day.
            models.Index("account", BEGUN_AT, name="order_begun"),
            # What staff search for, whose account it may be.
            models.Index(fields=["broker_order_id"], name="order_number"),
            models.Index(fields=["symbol", "id"], name="order_symbol"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.exchange}:{self.symbol}"

    @property
    def is_working(self) -> bool:
        return self.status in WORKING

    @property
    def remaining_quantity(self) -> int:
        """Return the units that may still trade."""
        left = self.quantity - self.filled_quantity - self.canceled_quantity
        return max(left, 0) if self.is_working else 0

    @property
    def state(self) -> State:
        return State(Status(self.status), self.filled_quantity, self.changed_at)

    @property
    def document(self) -> dict[str, Any]:
        """Return what clients are told of it, decimals as text."""
        name = f"{self.exchange}:{self.symbol}"
        facts = {fact: _plain(getattr(self, fact)) for fact in FACTS}
        return {
            "order_id": self.broker_order_id,
            "exchange": self.exchange,
            "symbol": self.symbol,
            "instrument": name if self.instrument_id else None,
            "status": str(self.status),
            "broker_status": self.broker_status,
            "remaining_quantity": self.remaining_quantity,
            "is_reported": self.is_reported,
            "reported_at": _plain(self.reported_at),
        } | facts


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        # As it will be read, whatever zone the broker writes.
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, Decimal) else value
