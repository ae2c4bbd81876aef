"""Option-chain snapshots as prints: the spot, and both options of every strike.

A file has a row per strike and names its columns, in any order and case: ``Symbol,
Expiry, Strike, Spot, timestamp``, and ``LTP, OI, Volume`` of ``CE_`` and ``PE_``;
others are passed over. Times are IST unless they say otherwise. A price, a spot or a
quantity that is empty, a dash or 0 was not seen.
"""

import csv
import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from math import isfinite
from operator import attrgetter

from marketdata.simulator.contracts import IST
from marketdata.simulator.replay.prints import Listing, Print, RecordingError

_SIDES = ("CE", "PE")
_NEEDED = {"symbol", "expiry", "strike", "timestamp", "ce_ltp", "pe_ltp"}
_NOTHING = {"", "-", "\u2013", "na", "nan", "none", "null"}
_DAYS = ("%Y-%m-%d", "%d-%b-%Y", "%d%b%Y", "%d-%m-%Y", "%d/%m/%Y")

Row = dict[str, str]


def is_chain(first_line: str) -> bool:
    return set(_names(first_line.split(","))) >= _NEEDED


def snapshot(name: str, lines: list[str], listing: Listing) -> Iterator[Print]:
    """Return the prints of one file; a price of 0 means that nothing was traded."""
    header, *body = csv.reader(lines)
    names = _names(header)
    rows = [
        (number, dict(zip(names, values, strict=False)))
        for number, values in enumerate(body, start=2)
        if any(value.strip() for value in values)
    ]
    _learn_lots(name, rows, listing)
    prints: list[Print] = []
    for number, row in rows:
        try:
            prints.extend(_row_prints(row, listing))
        except (ValueError, KeyError, TypeError) as error:
            raise RecordingError(name, number, error) from error
    # The spot stands in every row of the snapshot; one print of it is enough.
    seen = dict.fromkeys(sorted(prints, key=attrgetter("at")))
    return iter(seen)


def _learn_lots(name: str, rows: list[tuple[int, Row]], listing: Listing) -> None:
    quantities: dict[str, set[int]] = defaultdict(set)
    for number, row in rows:
        try:
            symbol = row["symbol"].strip().upper()
            quantities[symbol].update(
                _quantity(row, f"{side.lower()}_{what}")
                for side in _SIDES
                for what in ("oi", "volume")
            )
        except (ValueError, KeyError) as error:
            raise RecordingError(name, number, error) from error
    for symbol, seen in quantities.items():
        listing.learn_lot(symbol, seen)


def _row_prints(row: Row, listing: Listing) -> Iterator[Print]:
    at, symbol = _instant(row["timestamp"]), row["symbol"].strip().upper()
    spot = _number(row.get("spot", ""))
    # Its options want it listed, also where nobody saw its price.
    underlying = listing.cash(symbol, at, spot)
    if spot > 0:
        yield Print(at, underlying, spot, 0, 0)
    expires_on, strike = _day(row["expiry"]), _number(row["strike"])
    if strike <= 0:
        raise ValueError("a strike is above 0")
    for side in _SIDES:
        price = _number(row[f"{side.lower()}_ltp"])
        if price > 0:
            yield Print(
                at,
                listing.option(symbol, expires_on, strike, side),
                price,
                _quantity(row, f"{side.lower()}_volume"),
                _quantity(row, f"{side.lower()}_oi"),
            )


def _names(header: list[str]) -> list[str]:
    return [name.strip().strip('"').lower() for name in header]


def _number(text: str) -> float:
    plain = text.strip().replace(",", "")
    if plain.lower() in _NOTHING:
        return 0.0
    value = float(plain)
    if not (isfinite(value) and value >= 0):
        raise ValueError(f"{text!r} is no price and no quantity")
    return value


def _quantity(row: Row, name: str) -> int:
    return int(_number(row.get(name, "")))


def _instant(text: str) -> float:
    found = dt.datetime.fromisoformat(text.strip())
    return (found if found.tzinfo else found.replace(tzinfo=IST)).timestamp()


def _day(text: str) -> dt.date:
    for shape in _DAYS:
        try:
            # The form knows no zone, and a day needs none.
            return dt.datetime.strptime(text.strip(), shape).date()  # noqa: DTZ007
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no day")
