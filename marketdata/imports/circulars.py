"""The exchange's own lists of lot sizes and freeze quantities.

Lots: ``Symbol,Lot Size (Apr 2026),…``, one column per month of expiry; ``-`` where
no contract expires. Freeze: ``S.No.,SYMBOL,VOL_FRZ_QTY``. A bad line is named, and
nothing of its list is loaded.
"""

import csv
import re
from calendar import month_abbr, monthrange
from collections.abc import Iterator
from datetime import date, timedelta

from django.db import transaction
from django.db.models import Q

from marketdata.imports.refusal import ImportRefused
from marketdata.models import FreezeQuantity, LotSize

NFO = "NFO"
WINTER_2025 = date(2025, 11, 1)
INDICES = {"NIFTY", "BANKNIFTY", "FINNIFTY", "MIDCPNIFTY", "NIFTYNXT50"}
_MONTH = re.compile(r"\((?P<month>[A-Z][a-z]{2})[a-z]* (?P<year>20\d\d)\)")
_LARGEST = 100_000_000
_LONGEST = 32


def lot_sizes(text: str, *, source: str, exchange: str = NFO) -> list[LotSize]:
    """Return one row per symbol and run of months with the same lot."""
    lines = _lines(text)
    if not lines or len(lines[0]) < 2:
        raise ImportRefused("Line 1: this is not a list of lot sizes.")
    months = [_month(heading) for heading in lines[0][1:]]
    seen: set[str] = set()
    return [
        LotSize(
            exchange_id=exchange,
            underlying=symbol,
            valid_from=first,
            valid_to=last,
            lot_size=lot,
            source=source,
        )
        for line, (said, *lots) in _filled(lines[1:], len(months) + 1)
        for symbol in [_symbol(line, said, seen)]
        for first, last, lot in _runs(line, months, lots)
    ]


def freeze_quantities(
    text: str, *, valid_from: date, source: str, exchange: str = NFO
) -> list[FreezeQuantity]:
    lines = _lines(text)
    headings = [heading.strip() for heading in lines[0]] if lines else []
    if headings[1:3] != ["SYMBOL", "VOL_FRZ_QTY"]:
        raise ImportRefused("Line 1: this is not a list of freeze quantities.")
    seen: set[str] = set()
    return [
        FreezeQuantity(
            exchange_id=exchange,
            underlying=_symbol(line, fields[1], seen),
            valid_from=valid_from,
            quantity=_number(line, fields[2]),
            source=source,
        )
        for line, fields in _filled(lines[1:], 3)
    ]


@transaction.atomic
def load_freeze_quantities(rows: list[FreezeQuantity]) -> int:
    """Add what is new or different from a day on; what held before ends there."""
    written = 0
    for row in rows:
        known = FreezeQuantity.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gte=row.valid_from),
            exchange_id=row.exchange_id,
            underlying=row.underlying,
            valid_from__lte=row.valid_from,
        )
        if known.filter(quantity=row.quantity).exists():
            continue
        known.filter(valid_from=row.valid_from).delete()
        known.update(valid_to=row.valid_from - timedelta(days=1))
        row.save()
        written += 1
    return written


@transaction.atomic
def load_lot_sizes(rows: list[LotSize]) -> int:
    """Add or correct the lots of the months that the list names."""
    written = 0
    for row in rows:
        same = LotSize.objects.filter(
            exchange_id=row.exchange_id,
            underlying=row.underlying,
            valid_from=row.valid_from,
        )
        if same.filter(lot_size=row.lot_size, valid_to=row.valid_to).exists():
            continue
        same.delete()
        row.save()
        written += 1
    return written


def _month(heading: str) -> date:
    match = _MONTH.search(heading)
    if match is None or match["month"] not in month_abbr:
        raise ImportRefused(f"Line 1: no month of expiry in {heading[:40]!r}.")
    return date(int(match["year"]), list(month_abbr).index(match["month"]), 1)


def _lines(text: str) -> list[list[str]]:
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ImportRefused(f"Line {line}: a NUL; this is not a text.")
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        return list(reader)
    except csv.Error as error:
        raise ImportRefused(f"Line {reader.line_num}: {error}.") from error


def _filled(lines: list[list[str]], width: int) -> Iterator[tuple[int, list[str]]]:
    for line, fields in enumerate(lines, 2):
        stripped = [field.strip() for field in fields]
        if not any(stripped):
            continue
        if len(stripped) != width or not all(stripped):
            raise ImportRefused(f"Line {line}: {width} filled columns were expected.")
        yield line, stripped


def _runs(
    line: int, months: list[date], lots: list[str]
) -> Iterator[tuple[date, date, int]]:
    """Yield (first day, last day, lot) of neighboring months with the same lot."""
    run: tuple[date, date, int] | None = None
    for month, text in zip(months, lots, strict=True):
        lot = None if text == "-" else _number(line, text)
        last = month.replace(day=monthrange(month.year, month.month)[1])
        if run and lot == run[2] and month == run[1] + timedelta(days=1):
            run = (run[0], last, run[2])
            continue
        if run:
            yield run
        run = None if lot is None else (month, last, lot)
    if run:
        yield run


def _symbol(line: int, text: str, seen: set[str]) -> str:
    if len(text) > _LONGEST or not text.isprintable():
        raise ImportRefused(f"Line {line}: {text[:20]!r} is no symbol.")
    if text in seen:
        raise ImportRefused(f"Line {line}: {text} stands twice.")
    seen.add(text)
    return text


def _number(line: int, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _LARGEST:
        raise ImportRefused(f"Line {line}: {text[:20]!r} is no quantity.")
    return int(text)
