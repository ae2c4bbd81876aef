"""Kite's CSV of instruments: the list that brokers' clients start their day with."""

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

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


def listed(text: str) -> Iterator[Listed]:
    """Read the CSV; refuse it whole, naming the line, when any line is bad."""
    rows = csv.DictReader(io.StringIO(text))
    missing = set(COLUMNS) - set(rows.fieldnames or ())
    if missing:
        raise ImportRefused(f"Line 1: missing columns {', '.join(sorted(missing))}.")
    while True:
        try:
            row = next(rows)
            yield _listed(row)
        except StopIteration:
            return
        except (ValueError, InvalidOperation, TypeError, csv.Error) as error:
            raise ImportRefused(f"Line {rows.line_num}: {error}.") from error


def _listed(row: dict[str, str]) -> Listed:
    kind = _kind(row["instrument_type"], row["segment"])
    is_option = kind == Instrument.Kind.OPTION
    is_derivative = is_option or kind == Instrument.Kind.FUTURE
    return Listed(
        exchange=_text(row, "exchange", 16).upper(),
        symbol=_text(row, "tradingsymbol", 64).upper(),
        name=row["name"][:128],
        broker_token=_whole(row, "instrument_token", _LARGEST_TOKEN),
        segment=row["segment"][:32],
        kind=kind,
        option_type=row["instrument_type"] if is_option else "",
        expires_on=date.fromisoformat(row["expiry"]) if is_derivative else None,
        strike=_decimal(row, "strike", 2) if is_option else None,
        lot_size=max(1, _whole(row, "lot_size", _LARGEST_LOT)),
        tick_size=_decimal(row, "tick_size", 4) or None,
    )


def _kind(instrument_type: str, segment: str) -> str:
    if instrument_type not in KINDS:
        raise ValueError(f"unknown instrument_type {instrument_type[:16]!r}")
    if instrument_type == "EQ" and segment == "INDICES":
        return Instrument.Kind.INDEX
    return KINDS[instrument_type]


def _text(row: dict[str, str], column: str, longest: int) -> str:
    text = row[column].strip()
    if not text or len(text) > longest or not text.isprintable():
        raise ValueError(f"no usable {column}")
    return text


def _whole(row: dict[str, str], column: str, largest: int) -> int:
    number = int(row[column] or 0)
    if not 0 <= number <= largest:
        raise ValueError(f"{column} is out of bounds")
    return number


def _decimal(row: dict[str, str], column: str, places: int) -> Decimal:
    number = Decimal(row[column] or 0)
    if not number.is_finite() or not 0 <= number < 10**8:
        raise ValueError(f"{column} is out of bounds")
    return number.quantize(Decimal(1).scaleb(-places))
