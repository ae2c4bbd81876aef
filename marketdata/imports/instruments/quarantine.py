"""Keeping the rows that nobody could place, and doing what a person decides of them.

The same doubt of the next day's list is the same row, seen again.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from marketdata.imports.instruments import dated
from marketdata.imports.instruments.doubts import Doubt
from marketdata.models import (
    BrokerToken,
    ContractTerms,
    Instrument,
    InstrumentList,
    QuarantinedListing,
)

Status = QuarantinedListing.Status
INDIA = ZoneInfo("Asia/Kolkata")


class CannotDecide(Exception):  # noqa: N818 - the sentence a user reads
    """What was decided does not fit the row; nothing was changed."""


def quarantine(report: InstrumentList, doubts: Iterable[Doubt], day: date) -> None:
    """Add the doubts, or note that they were seen again."""
    for doubt in doubts:
        listed = doubt.listed
        same = QuarantinedListing.objects.filter(
            exchange_id=listed.exchange,
            symbol=listed.symbol,
            reason=doubt.reason,
            detail=doubt.detail,
            status__in=[Status.OPEN, Status.DISMISSED],
        )
        if same.update(last_seen_on=day, holder=doubt.holder, row=listed.as_row()):
            continue
        QuarantinedListing.objects.create(
            first_list=report,
            exchange_id=listed.exchange,
            symbol=listed.symbol,
            token=listed.broker_token,
            reason=doubt.reason,
            detail=doubt.detail,
            row=listed.as_row(),
            holder=doubt.holder,
            first_seen_on=day,
            last_seen_on=day,
        )


@transaction.atomic
def rename(row: QuarantinedListing, *, user_id: int | None = None) -> Instrument:
    """Take the row for a new name of the instrument that has its number.

    Its history stays with it: bars and labels are keyed by our own id.
    """
    holder = _holder_of(row)
    if Instrument.objects.filter(exchange=row.exchange, symbol=row.symbol).exists():
        raise CannotDecide(f"{row.symbol} is there already; it cannot be a new name.")
    holder.symbol = row.symbol
    holder.name = str(row.row.get("name", holder.name))
    holder.save(update_fields=["symbol", "name", "updated_at"])
    _decided(row, Status.RENAMED, user_id)
    return holder


@transaction.atomic
def replace(row: QuarantinedListing, *, user_id: int | None = None) -> Instrument:
    """Take the row for a new instrument: the old one ended the day before."""
    old = _holder_of(row)
    token = _free_token(row, old)
    day = row.first_seen_on
    for rows in (BrokerToken.objects.current(), ContractTerms.objects.current()):
        dated.close(rows.filter(instrument=old), day)
    old.is_active = False
    if old.symbol == row.symbol:
        # A symbol is one instrument's at a time; the old one keeps it with its end.
        last_day = old.expires_on or day - timedelta(days=1)
        old.symbol = f"{old.symbol[:54]}~{last_day:%Y%m%d}"
    old.save(update_fields=["symbol", "is_active", "updated_at"])
    new = _new_instrument(row)
    BrokerToken.objects.create(
        exchange=row.exchange, token=token, instrument=new, valid_from=day
    )
    ContractTerms.objects.create(
        instrument=new, valid_from=day, lot_size=new.lot_size, tick_size=new.tick_size
    )
    _decided(row, Status.REPLACED, user_id)
    return new


def dismiss(row: QuarantinedListing, *, user_id: int | None = None) -> None:
    _decided(row, Status.DISMISSED, user_id)


def _holder_of(row: QuarantinedListing) -> Instrument:
    if row.status != Status.OPEN:
        raise CannotDecide(f"{row.symbol} was decided already.")
    if row.holder_id is None or row.token is None:
        raise CannotDecide(f"{row.symbol}: the list contradicts itself; dismiss it.")
    return Instrument.objects.select_for_update().get(id=row.holder_id)


def _free_token(row: QuarantinedListing, old: Instrument) -> int:
    """Return the number of the row, which nobody but ``old`` may have."""
    assert row.token is not None
    current = BrokerToken.objects.current().filter(
        exchange=row.exchange, token=row.token
    )
    if other := current.exclude(instrument=old).first():
        raise CannotDecide(f"The number is that of {other.instrument} now.")
    return row.token


def _new_instrument(row: QuarantinedListing) -> Instrument:
    listed = row.row
    return Instrument.objects.create(
        exchange=row.exchange,
        symbol=row.symbol,
        name=listed["name"],
        broker_token=row.token,
        segment=listed["segment"],
        kind=listed["kind"],
        option_type=listed["option_type"],
        expires_on=listed["expires_on"],
        strike=Decimal(listed["strike"]) if listed["strike"] else None,
        lot_size=listed["lot_size"],
        tick_size=Decimal(listed["tick_size"] or "0.05"),
    )


def _decided(row: QuarantinedListing, status: str, user_id: int | None) -> None:
    row.status = status
    row.decided_at = timezone.now()
    row.decided_by_id = user_id
    row.save(update_fields=["status", "decided_at", "decided_by"])
