"""A CSV as rows with their lines: what every list has in common, checked once."""

import csv
import io
from collections.abc import Iterator

from marketdata.imports.refusal import ImportRefused

# Kite's whole list has about 100,000.
MOST_ROWS = 500_000

Row = dict[str, str]


def rows(text: str) -> Iterator[tuple[int, Row]]:
    """Yield (line, row), blank lines left out; refuse what is no table.

    Every row has as many fields as there are headings. The line is the one that the
    row ends on.
    """
    reader = csv.reader(io.StringIO(text), strict=True)
    headings: list[str] = []
    try:
        headings = next(reader, [])
        _check(headings)
        for count, fields in enumerate(_filled(reader)):
            yield reader.line_num, _row(headings, fields, count)
    except (ValueError, csv.Error) as error:
        raise ImportRefused(f"Line {max(1, reader.line_num)}: {error}.") from error


def headings(text: str) -> list[str]:
    """Return the words of the first line; none where it is no line of a CSV."""
    first = text[:4096].partition("\n")[0]
    try:
        return next(csv.reader([first.rstrip("\r")]), [])
    except csv.Error:
        return []


def _check(headings: list[str]) -> None:
    twice = sorted({name for name in headings if name and headings.count(name) > 1})
    if twice:
        raise ValueError(f"columns that stand twice: {', '.join(twice)[:80]}")


def _row(headings: list[str], fields: list[str], count: int) -> Row:
    if len(fields) != len(headings):
        raise ValueError(f"{len(fields)} fields, not {len(headings)}")
    if count == MOST_ROWS:
        raise ValueError(f"more than {MOST_ROWS:,} rows")
    return dict(zip(headings, fields, strict=True))


def _filled(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Leave out lines with nothing on them: some exchanges' files have them."""
    return (fields for fields in reader if any(field.strip() for field in fields))
