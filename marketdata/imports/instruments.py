"""The list of instruments, in the columns of Kite's CSV file.

Keyed by exchange and symbol; what did not change is not written, so that loading
the same list again changes nothing.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from django.db import transaction
from django.utils import timezone

from marketdata.models import Exchange, Instrument

COLUMNS = (
    "instrument_token", "exchange_token", "tradingsymbol", "name", "last_price",
    "expiry", "strike", "tick_size", "lot_size", "instrument_type", "segment",
    "exchange",
)  # fmt: skip
FIELDS = (
    "name", "broker_token", "segment", "kind", "underlying_id", "expires_on", "strike",
    "option_type", "lot_size", "tick_size", "is_active",
)  # fmt: skip
# Derivatives trade on a segment's own exchange, their underlyings on another.
CASH_EXCHANGE = {"NFO": "NSE", "BFO": "BSE", "CDS": "NSE", "BCD": "BSE"}
# What a derivative calls its underlying, where the index has a longer name.
INDEX_SYMBOLS = {
    "NIFTY": "NIFTY 50",
    "BANKNIFTY": "NIFTY BANK",
    "FINNIFTY": "NIFTY FIN SERVICE",
    "MIDCPNIFTY": "NIFTY MID SELECT",
}


class ImportRefused(Exception):  # noqa: N818 - the sentence a user reads
    """The file is not what it should be; nothing of it was loaded."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list."""

    exchange: str
    symbol: str
    name: str
    broker_token: int
    segment: str
    kind: str
    option_type: str
    expires_on: date | None
    strike: Decimal | None
    lot_size: int
    tick_size: Decimal

    @property
    def key(self) -> tuple[str, str]:
        return self.exchange, self.symbol


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a list."""

    listed: int
    written: int


def parse(text: str) -> list[Listed]:
    """Read the CSV; refuse it whole, naming the line, when any line is bad."""
    rows = csv.DictReader(io.StringIO(text))
    missing = set(COLUMNS) - set(rows.fieldnames or ())
    if missing:
        raise ImportRefused(f"Line 1: missing columns {', '.join(sorted(missing))}.")
    listed: dict[tuple[str, str], Listed] = {}
    for row in rows:
        try:
            one = _listed(row)
        except (ValueError, InvalidOperation, TypeError) as error:
            raise ImportRefused(f"Line {rows.line_num}: {error}.") from error
        listed[one.key] = one
    return list(listed.values())


def _listed(row: dict[str, str]) -> Listed:
    kind, option_type = _kind(row["instrument_type"], row["segment"])
    if not row["tradingsymbol"] or not row["exchange"]:
        raise ValueError("no symbol or exchange")
    is_derivative = kind in {Instrument.Kind.FUTURE, Instrument.Kind.OPTION}
    return Listed(
        exchange=row["exchange"].upper(),
        symbol=row["tradingsymbol"].upper(),
        name=row["name"],
        broker_token=int(row["instrument_token"]),
        segment=row["segment"],
        kind=kind,
        option_type=option_type,
        expires_on=date.fromisoformat(row["expiry"]) if is_derivative else None,
        strike=Decimal(row["strike"]) if option_type else None,
        lot_size=max(1, int(row["lot_size"] or 1)),
        tick_size=_tick_size(row["tick_size"]),
    )


def _kind(instrument_type: str, segment: str) -> tuple[str, str]:
    if instrument_type in {"CE", "PE"}:
        return Instrument.Kind.OPTION, instrument_type
    if instrument_type == "FUT":
        return Instrument.Kind.FUTURE, ""
    if instrument_type == "EQ":
        is_index = segment == "INDICES"
        return (Instrument.Kind.INDEX if is_index else Instrument.Kind.STOCK), ""
    raise ValueError(f"unknown instrument_type {instrument_type!r}")


def _tick_size(text: str) -> Decimal:
    # Kite lists indices with a tick size of 0.
    return Decimal(text or 0) or Decimal("0.05")


@transaction.atomic
def load(listed: Iterable[Listed]) -> Loaded:
    """Write what is new or different, underlyings before what is derived from them."""
    listed = list(listed)
    _load_exchanges({one.exchange for one in listed})
    derived = [one for one in listed if one.expires_on]
    written = _write([one for one in listed if not one.expires_on], {})
    underlyings = {
        (instrument.exchange_id, instrument.symbol): instrument.id
        for instrument in Instrument.objects.filter(kind__in=["index", "stock"])
    }
    written += _write(derived, underlyings)
    return Loaded(len(listed), written)


def _load_exchanges(codes: set[str]) -> None:
    Exchange.objects.bulk_create(
        [Exchange(code=code, name=code) for code in sorted(codes)],
        ignore_conflicts=True,
    )


def _write(listed: list[Listed], underlyings: dict[tuple[str, str], int]) -> int:
    exchanges = {one.exchange for one in listed}
    known = {
        (instrument.exchange_id, instrument.symbol): instrument
        for instrument in Instrument.objects.filter(exchange__in=exchanges)
    }
    changed = [
        instrument
        for one in listed
        if differs(instrument := _instrument(one, underlyings), known.get(one.key))
    ]
    Instrument.objects.bulk_create(
        changed,
        batch_size=2_000,
        update_conflicts=True,
        unique_fields=["exchange", "symbol"],
        update_fields=[*FIELDS, "updated_at"],
    )
    return len(changed)


def differs(new: Instrument, old: Instrument | None) -> bool:
    return old is None or any(getattr(new, f) != getattr(old, f) for f in FIELDS)


def _instrument(one: Listed, underlyings: dict[tuple[str, str], int]) -> Instrument:
    return Instrument(
        exchange_id=one.exchange,
        symbol=one.symbol,
        name=one.name,
        broker_token=one.broker_token,
        segment=one.segment,
        kind=one.kind,
        underlying_id=_underlying(one, underlyings) if one.expires_on else None,
        expires_on=one.expires_on,
        strike=one.strike,
        option_type=one.option_type,
        lot_size=one.lot_size,
        tick_size=one.tick_size,
        is_active=True,
        updated_at=timezone.now(),
    )


def _underlying(one: Listed, underlyings: dict[tuple[str, str], int]) -> int | None:
    exchange = CASH_EXCHANGE.get(one.exchange, one.exchange)
    for symbol in (one.name, INDEX_SYMBOLS.get(one.name, "")):
        if (exchange, symbol) in underlyings:
            return underlyings[exchange, symbol]
    return None
