"""The exchange's own list of contracts: the day's UDiFF file of the F&O segment.

Every contract of the day stands in it, traded or not, with its number, expiry,
strike and lot; a tick size does not. Kite's number of a contract is the exchange's
times 256 plus the number of the segment.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from marketdata.imports.instruments.listed import Listed
from marketdata.imports.refusal import ImportRefused
from marketdata.models import Instrument

COLUMNS = frozenset(
    (
        "TradDt", "Sgmt", "Src", "FinInstrmTp", "FinInstrmId", "TckrSymb", "XpryDt",
        "StrkPric", "OptnTp", "FinInstrmNm", "NewBrdLotQty",
    )
)  # fmt: skip
# Exchange and number of the segment in Kite's tokens, by source.
MARKETS = {"NSE": ("NFO", 2), "BSE": ("BFO", 5)}
KINDS = {
    "IDO": Instrument.Kind.OPTION,
    "STO": Instrument.Kind.OPTION,
    "IDF": Instrument.Kind.FUTURE,
    "STF": Instrument.Kind.FUTURE,
}
_LARGEST_ID = 2**40


def is_ours(headings: list[str]) -> bool:
    return set(headings) >= COLUMNS


def listed(text: str) -> Iterator[Listed]:
    """Read the file; refuse it whole, naming the line, when any line is bad."""
    for line, row in _rows(text):
        try:
            yield _listed(row)
        except (ValueError, InvalidOperation, TypeError, KeyError) as error:
            raise ImportRefused(f"Line {line}: {error}.") from error


def stated_day(text: str) -> date:
    """Return the newest trading day that the file is about."""
    days = [_day(line, row) for line, row in _rows(text)]
    if not days:
        raise ImportRefused("The list is empty.")
    return max(days)


def _day(line: int, row: dict[str, str]) -> date:
    try:
        return date.fromisoformat(row["TradDt"])
    except ValueError as error:
        raise ImportRefused(f"Line {line}: {error}.") from error


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    rows = csv.DictReader(io.StringIO(text))
    for row in rows:
        # Some of these files have blank lines between the rows.
        if any((row.get(column) or "").strip() for column in COLUMNS):
            yield rows.line_num, row


def _listed(row: dict[str, str]) -> Listed:
    kind = KINDS.get(row["FinInstrmTp"])
    if row["Sgmt"] != "FO" or kind is None:
        raise ValueError("not a contract of the F&O segment")
    exchange, number = MARKETS[row["Src"]]
    is_option = kind == Instrument.Kind.OPTION
    if is_option and row["OptnTp"] not in {"CE", "PE"}:
        raise ValueError(f"unknown OptnTp {row['OptnTp'][:8]!r}")
    return Listed(
        exchange=exchange,
        symbol=_text(row["FinInstrmNm"], 64),
        name=_text(row["TckrSymb"], 128),
        broker_token=_whole(row["FinInstrmId"], _LARGEST_ID) * 256 + number,
        segment=f"{exchange}-{'OPT' if is_option else 'FUT'}",
        kind=kind,
        option_type=row["OptnTp"] if is_option else "",
        expires_on=date.fromisoformat(row["XpryDt"]),
        strike=_strike(row["StrkPric"]) if is_option else None,
        lot_size=_whole(row["NewBrdLotQty"], 2**31 - 1),
        tick_size=None,
    )


def _text(text: str, longest: int) -> str:
    text = text.strip().upper()
    if not text or len(text) > longest or not text.isprintable():
        raise ValueError("no usable symbol")
    return text


def _whole(text: str, largest: int) -> int:
    number = int(text)
    if not 1 <= number <= largest:
        raise ValueError(f"{number} is out of bounds")
    return number


def _strike(text: str) -> Decimal:
    strike = Decimal(text)
    if not strike.is_finite() or not 0 <= strike < 10**8:
        raise ValueError("StrkPric is out of bounds")
    return strike.quantize(Decimal("0.01"))
