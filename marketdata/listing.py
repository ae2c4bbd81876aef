"""The instruments in lists: by sort, by number on a day, counted, described."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet

from marketdata import search
from marketdata.aliases import other_names
from marketdata.models import BrokerToken, Instrument

INDIA = ZoneInfo("Asia/Kolkata")
Kind = Instrument.Kind
# Kite's word for a sort of contract, in our fields.
TYPES = {
    "EQ": Q(kind__in=[Kind.STOCK, Kind.INDEX]),
    "FUT": Q(kind=Kind.FUTURE),
    "CE": Q(kind=Kind.OPTION, option_type="CE"),
    "PE": Q(kind=Kind.OPTION, option_type="PE"),
}
COMMODITIES = Q(exchange_id__in=Instrument.COMMODITY_EXCHANGES)
CLASSES = {
    "index": Q(kind=Kind.INDEX),
    "stock": Q(kind=Kind.STOCK),
    "future": Q(kind=Kind.FUTURE) & ~COMMODITIES,
    "option": Q(kind=Kind.OPTION) & ~COMMODITIES,
    "commodity": Q(kind=Kind.FUTURE) & COMMODITIES,
    "commodity_option": Q(kind=Kind.OPTION) & COMMODITIES,
}
_KINDS = {
    "commodity": [Kind.FUTURE],
    "commodity_option": [Kind.OPTION],
}


@dataclass(frozen=True, slots=True)
class OnDay:
    """What was true of an instrument on a day."""

    day: datetime.date
    lot_size: int
    tick_size: Decimal
    freeze_quantity: int | None


def today(now: datetime.datetime) -> datetime.date:
    return now.astimezone(INDIA).date()


def filtered(wanted: Mapping[str, Any]) -> QuerySet[Instrument]:
    """Return the instruments that fit every filter that is given."""
    condition = Q(is_active=True) if wanted.get("only_active") else Q()
    if "classification" in wanted:
        condition &= CLASSES[wanted["classification"]]
    if "instrument_type" in wanted:
        condition &= TYPES[wanted["instrument_type"]]
    if segments := _segments(wanted):
        condition &= Q(segment__in=segments)
    if "exchange" in wanted:
        condition &= Q(exchange_id=wanted["exchange"])
    if "search" in wanted:
        condition &= search.meant(wanted["search"].upper().split()[: search.MOST_WORDS])
    return Instrument.objects.filter(condition)


def enabled(text: str, *, nse_only: bool) -> QuerySet[Instrument]:
    """Return the underlyings of listed contracts, indices first."""
    found = Instrument.objects.active().filter(has_derivatives=True)
    if nse_only:
        found = found.filter(exchange_id="NSE")
    if text:
        found = found.filter(search.meant(text.upper().split()[: search.MOST_WORDS]))
    return found.order_by("kind", "symbol", "exchange_id")


def kinds_of(classification: str) -> Sequence[str]:
    if not classification:
        return []
    return _KINDS.get(classification, [Kind(classification)])


def holder_of(token: int, day: datetime.date, exchange: str = "") -> Instrument:
    """Return who had the broker's number on ``day``.

    Raise ``DoesNotExist``, or ``MultipleObjectsReturned`` for a number of two.
    """
    rows = BrokerToken.objects.on(day).filter(token=token)
    if exchange:
        rows = rows.filter(exchange_id=exchange)
    found = list(rows.select_related("instrument__exchange")[:2])
    if len(found) > 1:
        raise Instrument.MultipleObjectsReturned(
            f"More than one exchange uses the number {token}: name one."
        )
    if not found:
        raise Instrument.DoesNotExist(f"No instrument had the number {token} on {day}.")
    return found[0].instrument


def described(one: Instrument, day: datetime.date) -> Instrument:
    """Return ``one`` with what was true on ``day``, for a detailed answer."""
    one.current = OnDay(  # type: ignore[attr-defined]  # what the answer alone needs
        day=day,
        lot_size=one.lot_size_on(day),
        tick_size=one.tick_size_on(day),
        freeze_quantity=one.freeze_quantity_on(day),
    )
    one.aliases = other_names(one.symbol)  # type: ignore[attr-defined]  # the same
    return one


def counts() -> dict[str, Any]:
    """Count the instruments, the active ones by sort."""
    groups = (
        Instrument.objects.order_by()
        .values("is_active", "kind", "segment", "exchange_id")
        .annotate(number=Count("id"))
    )
    found: dict[str, Any] = {
        "total_instruments": 0,
        "active_instruments": 0,
        "by_classification": {},
        "by_segment": {},
        "by_exchange": {},
    }
    for group in groups:
        found["total_instruments"] += group["number"]
        if group["is_active"]:
            _count(found, group)
    return found


def _count(found: dict[str, Any], group: Mapping[str, Any]) -> None:
    number = group["number"]
    found["active_instruments"] += number
    named = {
        "by_classification": Instrument.classified(group["kind"], group["exchange_id"]),
        "by_segment": group["segment"],
        "by_exchange": group["exchange_id"],
    }
    for family, name in named.items():
        found[family][name] = found[family].get(name, 0) + number


def _segments(wanted: Mapping[str, Any]) -> list[str]:
    several = wanted.get("segments", "").split(",")
    names = [wanted.get("segment", ""), *(name.strip() for name in several)]
    return [name for name in names if name]
