"""The exchange's own list of contracts: the day's UDiFF file of the F&O segment.

Every contract of the day stands in it, traded or not, with its number, expiry,
strike and lot; a tick size does not. Kite's number of a contract is the exchange's
times 256 plus the number of the segment.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from marketdata.imports.instruments import table
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
    for line, row in table.rows(text):
        try:
            yield _listed(row)
        except ValueError as error:
            raise ImportRefused(f"Line {line}: {error}.") from error


def stated_day(text: str) -> date:
    """Return the newest trading day that a list, which was read, is about."""
    return max(_day(row, "TradDt") for _, row in table.rows(text))


def _listed(row: table.Row) -> Listed:
    kind = KINDS.get(row["FinInstrmTp"])
    if row["Sgmt"] != "FO" or kind is None:
        raise ValueError("not a contract of the F&O segment")
    if row["Src"] not in MARKETS:
        raise ValueError(f"unknown Src {row['Src'][:8]!r}")
    exchange, number = MARKETS[row["Src"]]
    is_option = kind == Instrument.Kind.OPTION
    if is_option and row["OptnTp"] not in {"CE", "PE"}:
        raise ValueError(f"unknown OptnTp {row['OptnTp'][:8]!r}")
    _day(row, "TradDt")
    return Listed(
        exchange=exchange,
        symbol=_text(row, "FinInstrmNm", 64),
        name=_text(row, "TckrSymb", 128),
        broker_token=_whole(row, "FinInstrmId", _LARGEST_ID) * 256 + number,
        segment=f"{exchange}-{'OPT' if is_option else 'FUT'}",
        kind=kind,
        option_type=row["OptnTp"] if is_option else "",
        expires_on=_day(row, "XpryDt"),
        strike=_strike(row["StrkPric"]) if is_option else None,
        lot_size=_whole(row, "NewBrdLotQty", 2**31 - 1),
        tick_size=None,
    )


def _text(row: table.Row, column: str, longest: int) -> str:
    text = row[column].strip().upper()
    if not text or len(text) > longest or not text.isprintable():
        raise ValueError(f"no usable {column}")
    return text


def _whole(row: table.Row, column: str, largest: int) -> int:
    text = row[column].strip()
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:20]) <= largest):
        raise ValueError(f"{column}: {text[:20]!r} is no such number")
    return int(text)


def _day(row: table.Row, column: str) -> date:
    try:
        return date.fromisoformat(row[column].strip())
    except ValueError:
        said = row[column][:20]
        raise ValueError(f"{column}: {said!r} is no day like 2026-11-24") from None


def _strike(text: str) -> Decimal:
    try:
        strike = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"StrkPric: {text[:20]!r} is no number") from None
    if not strike.is_finite() or not 0 < strike < 10**8:
        raise ValueError(f"StrkPric is out of bounds: {text[:20]}")
    return strike.quantize(Decimal("0.01"))
