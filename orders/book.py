"""Taking over the broker's book of orders; the only writer of orders.

It holds the account's row of ``OrderBook``, compares what the broker says with what
stands here, writes what differs and, in the same transaction, an ``OrderChange`` for
each status or filled quantity that moved and an event for whoever follows the
account's stream. Applied again, the same report writes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts.brokers import BrokerUnreadable
from accounts.brokers.payloads import IST
from accounts.models import TradingAccount
from accounts.models.positions import instrument_ids
from accounts.reported import ReportedOrder
from orders.models import Order, OrderBook, OrderChange
from orders.models.orders import FACTS, facts_in, stream_of
from orders.states import State, Status, is_older
from tradingsite.streaming import journal

WRITTEN = (
    *("instrument_id", "exchange", "symbol", "status", "broker_status"),
    *("is_reported", "reported_at", *FACTS),
)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a report changed: rows written, changes noted, orders that came too late."""

    written: int = 0
    changes: Sequence[OrderChange] = field(default_factory=tuple)
    ignored: int = 0

    @property
    def has_fills(self) -> bool:
        return any(one.filled_after != one.filled_before for one in self.changes)


def apply(
    account: TradingAccount,
    reported: Iterable[ReportedOrder],
    *,
    as_of: datetime,
    is_complete: bool,
    source: str,
) -> Applied:
    """Take over what a broker said at ``as_of`` of the orders of ``account``.

    ``is_complete`` says that there are no others today. Raises ``BrokerUnreadable``
    when a report names an order twice.
    """
    named = _by_id(reported)
    with transaction.atomic():
        book = OrderBook.objects.locked(account.pk)
        if book.read_at is not None and as_of < book.read_at:
            return Applied(ignored=len(named))
        step = _Step(account, as_of, source, _standing(account, named))
        step.take(named)
        if is_complete:
            step.let_go(named)
            book.was_read(as_of)
        step.write()
    return Applied(len(step.rows), step.changes, step.ignored)


def _by_id(reported: Iterable[ReportedOrder]) -> dict[str, ReportedOrder]:
    named: dict[str, ReportedOrder] = {}
    for one in reported:
        if one.order_id in named:
            raise BrokerUnreadable(f"Order {one.order_id} is reported twice.")
        named[one.order_id] = one
    return named


def _standing(
    account: TradingAccount, named: Mapping[str, ReportedOrder]
) -> dict[str, Order]:
    wanted = Q(is_reported=True) | Q(broker_order_id__in=named.keys())
    rows = Order.objects.select_for_update().filter(wanted, account=account)
    return {row.broker_order_id: row for row in rows.order_by("pk")}


class _Step:
    """One report on its way into the table; the caller holds the account."""

    def __init__(
        self,
        account: TradingAccount,
        as_of: datetime,
        source: str,
        standing: dict[str, Order],
    ) -> None:
        self.account, self.as_of, self.source = account, as_of, source
        self.standing = standing
        self.rows: list[Order] = []
        self.changes: list[OrderChange] = []
        self.ignored = 0
        self._events: list[dict[str, Any]] = []

    def take(self, named: Mapping[str, ReportedOrder]) -> None:
        """Take over each order that is news, unless it is of before what stands."""
        known = instrument_ids([one.key for one in named.values()])
        for broker_id, report in named.items():
            facts = facts_in(report) | {
                "exchange": report.exchange,
                "symbol": report.symbol,
                "instrument_id": known.get(report.key),
                "is_reported": True,
            }
            row = self.standing.get(broker_id)
            if row is None:
                row = Order(account=self.account, broker_order_id=broker_id)
                self._write(row, facts, None)
            elif any(getattr(row, name) != fact for name, fact in facts.items()):
                self._take_over(row, facts)

    def let_go(self, named: Mapping[str, ReportedOrder]) -> None:
        """Conclude what became of the orders that the broker lists no more."""
        for broker_id in self.standing.keys() - named.keys():
            row = self.standing[broker_id]
            if not row.is_reported:
                continue
            facts: dict[str, Any] = {"is_reported": False}
            if row.is_working or row.status == Status.UNKNOWN:
                facts["status"] = self._conclusion(row)
            self._write(row, facts, row.state)

    def write(self) -> None:
        """Write rows, changes and events, in a handful of statements."""
        if not self.rows:
            return
        Order.objects.bulk_create(
            self.rows,
            update_conflicts=True,
            unique_fields=["account", "broker_order_id"],
            update_fields=[*WRITTEN, "updated_at"],
        )
        # Their orders have keys only now.
        for change in self.changes:
            change.order_id = change.order.pk
        OrderChange.objects.bulk_create(self.changes)
        journal.record_all(stream_of(self.account.pk), self._events)

    def _take_over(self, row: Order, facts: dict[str, Any]) -> None:
        told = State(facts["status"], facts["filled_quantity"], facts["changed_at"])
        if is_older(told, row.state):
            self.ignored += 1
            return
        self._write(row, facts, row.state)

    def _conclusion(self, row: Order) -> Status:
        # A book is of one day: what worked the day before ended with it.
        placed_at = row.placed_at or row.created_at
        is_of_today = placed_at.astimezone(IST).date() >= self._today
        return Status.UNKNOWN if is_of_today else Status.EXPIRED

    @property
    def _today(self) -> date:
        return self.as_of.astimezone(IST).date()

    def _write(self, row: Order, facts: dict[str, Any], before: State | None) -> None:
        for name, value in (facts | {"reported_at": self.as_of}).items():
            setattr(row, name, value)
        self.rows.append(row)
        change = self._note(row, before)
        self._events.append(
            {
                "type": "order_update",
                "order": row.document,
                "change": change and change.document,
            }
        )

    def _note(self, row: Order, before: State | None) -> OrderChange | None:
        filled = before.filled if before else 0
        if before and before.status == row.status and filled == row.filled_quantity:
            return None
        change = OrderChange(
            order=row,
            status_before=before.status if before else "",
            status_after=row.status,
            filled_before=filled,
            filled_after=row.filled_quantity,
            average_price_after=row.average_price,
            status_message=row.status_message,
            changed_at=row.changed_at,
            reported_at=self.as_of,
            source=self.source,
        )
        self.changes.append(change)
        return change
