"""Kite's CSV of instruments: the list that brokers' clients start their day with."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from marketdata.imports.instruments import table
from marketdata.imports.instruments.listed import Listed
from marketdata.imports.refusal import ImportRefused
from marketdata.models import Instrument

COLUMNS = (
    "instrument_token", "exchange_token", "tradingsymbol", "name", "last_price",
    "expiry", "strike", "tick_size", "lot_size", "instrument_type", "segment",
    "exchange",
)  # fmt: skip
KINDS = {
    "CE": Instrument.Kind.OPTION,
    "PE": Instrument.Kind.OPTION,
    "FUT": Instrument.Kind.FUTURE,
    "EQ": Instrument.Kind.STOCK,
}
_LARGEST_TOKEN = 2**62
_LARGEST_LOT = 2**31 - 1
# What follows the underlying in a contract's symbol: the year, then the month in
# letters or the day of the week's expiry, then the strike or FUT.
_ENDING = re.compile(r"\d\d([A-Z]{3}|[1-9OND]\d\d)([\d.]+(CE|PE)|FUT)$")


def listed(text: str) -> Iterator[Listed]:
    """Read the CSV; refuse it whole, naming the line, when any line is bad."""
    missing = set(COLUMNS) - set(table.headings(text))
    if missing:
        raise ImportRefused(f"Line 1: missing columns {', '.join(sorted(missing))}.")
    for line, row in table.rows(text):
        try:
            yield _listed(row)
        except ValueError as error:
            raise ImportRefused(f"Line {line}: {error}.") from error


def _listed(row: table.Row) -> Listed:
    kind = _kind(row["instrument_type"], row["segment"])
    is_option = kind == Instrument.Kind.OPTION
    is_derivative = is_option or kind == Instrument.Kind.FUTURE
    symbol = _text(row, "tradingsymbol", 64).upper()
    name = _text(row, "name", 128, may_lack=True)
    return Listed(
        exchange=_text(row, "exchange", 16).upper(),
        symbol=symbol,
        name=name or (_underlying(symbol) if is_derivative else ""),
        broker_token=_whole(row, "instrument_token", _LARGEST_TOKEN, least=1),
        segment=_text(row, "segment", 32, may_lack=True),
        kind=kind,
        option_type=row["instrument_type"] if is_option else "",
        expires_on=_day(row, "expiry") if is_derivative else None,
        strike=_decimal(row, "strike", 2, is_needed=True) if is_option else None,
        # Kite lists indices with a lot of 0; of a contract it would be a mistake.
        lot_size=max(
            1, _whole(row, "lot_size", _LARGEST_LOT, least=int(is_derivative))
        ),
        tick_size=_decimal(row, "tick_size", 4) or None,
    )


def _underlying(symbol: str) -> str:
    """Return what the contract is on, of which older lists say only the symbol."""
    name = _ENDING.sub("", symbol)
    if name in {"", symbol}:
        raise ValueError("no name, and none in the tradingsymbol")
    return name


def _kind(instrument_type: str, segment: str) -> str:
    if instrument_type not in KINDS:
        raise ValueError(f"unknown instrument_type {instrument_type[:16]!r}")
    if instrument_type == "EQ" and segment == "INDICES":
        return Instrument.Kind.INDEX
    return KINDS[instrument_type]


def _text(row: table.Row, column: str, longest: int, *, may_lack: bool = False) -> str:
    text = row[column].strip()
    if len(text) > longest or not text.isprintable() or not (text or may_lack):
        raise ValueError(f"no usable {column}")
    return text


def _whole(row: table.Row, column: str, largest: int, *, least: int) -> int:
    text = row[column].strip() or "0"
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise ValueError(f"{column}: {text[:20]!r} is no whole number")
    if not least <= int(text[:20]) <= largest:
        raise ValueError(f"{column} is out of bounds: {text[:20]}")
    return int(text)


def _decimal(
    row: table.Row, column: str, places: int, *, is_needed: bool = False
) -> Decimal:
    text = row[column].strip() or "0"
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{column}: {text[:20]!r} is no number") from None
    if not number.is_finite() or not 0 <= number < 10**8:
        raise ValueError(f"{column} is out of bounds: {text[:20]}")
    if is_needed and not number:
        raise ValueError(f"no usable {column}")
    return number.quantize(Decimal(1).scaleb(-places))


def _day(row: table.Row, column: str) -> date:
    try:
        return date.fromisoformat(row[column].strip())
    except ValueError:
        said = row[column][:20]
        raise ValueError(f"{column}: {said!r} is no day like 2026-11-24") from None
