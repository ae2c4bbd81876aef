"""Minute bars from files: the shapes we know, and loading all of one or nothing.

A shape turns a file into rows; what holds for every row is checked here. A bad
line is named, and nothing of its file is loaded. Loading a file again changes
nothing.
"""

import csv
import datetime
import gzip
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from marketdata import partitions
from marketdata.imports.instruments import ImportRefused
from marketdata.models import Instrument

INDIA = ZoneInfo("Asia/Kolkata")
MINUTE = datetime.timedelta(minutes=1)
UPSERT = """
WITH written AS (
    INSERT INTO minute_bars AS kept
           (instrument_id, opened_at, open, high, low, close, volume, open_interest,
            source)
    SELECT instrument_id, opened_at, open, high, low, close, volume, open_interest,
           'import'
      FROM unnest(%s::bigint[], %s::timestamptz[], %s::float8[], %s::float8[],
                  %s::float8[], %s::float8[], %s::bigint[], %s::bigint[])
           AS bar(instrument_id, opened_at, open, high, low, close, volume,
                  open_interest)
    ON CONFLICT (instrument_id, opened_at) DO UPDATE
       SET open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low,
           close = EXCLUDED.close, volume = EXCLUDED.volume,
           open_interest = EXCLUDED.open_interest, source = 'import',
           first_tick_at = NULL, last_tick_at = NULL, first_volume = NULL,
           last_volume = NULL, base_volume = NULL
     WHERE (kept.open, kept.high, kept.low, kept.close, kept.volume,
            kept.open_interest)
           IS DISTINCT FROM (EXCLUDED.open, EXCLUDED.high, EXCLUDED.low,
                             EXCLUDED.close, EXCLUDED.volume, EXCLUDED.open_interest)
    RETURNING instrument_id, opened_at
), dirtied AS (
    INSERT INTO dirty_buckets (instrument_id, opened_at)
    SELECT instrument_id, opened_at FROM written ORDER BY 1, 2
    ON CONFLICT (instrument_id, opened_at) DO UPDATE
       SET marked_at = now(), is_open = false
)
SELECT count(*) FROM written
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One minute of a file, and the line it stands on."""

    line: int
    symbol: str
    opened_at: datetime.datetime
    open: float
    high: float
    low: float
    close: float
    volume: int
    open_interest: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a file."""

    rows: int
    written: int


Lines = Iterator[tuple[int, list[str]]]


def ended(lines: Lines) -> Iterator[Row]:
    """Read ``SYMBOL,YYYYMMDD,HH:MM,o,h,l,c,volume,oi``: India, stamped at the end."""
    for line, (symbol, day, time, *values) in lines:
        stamp = datetime.datetime.strptime(f"{day} {time}", "%Y%m%d %H:%M")  # noqa: DTZ007 - next line
        opened_at = stamp.replace(tzinfo=INDIA) - MINUTE
        first, high, low, last, volume, interest = values
        yield _row(
            line, symbol, opened_at, (first, high, low, last), volume,
            int(interest) or None,
        )  # fmt: skip


def yahoo(lines: Lines) -> Iterator[Row]:
    """Read yfinance's columns, under three header lines: UTC, stamped at the open."""
    for line, (stamp, last, high, low, first, volume) in lines:
        if line <= 3:
            continue
        opened_at = datetime.datetime.fromisoformat(stamp)
        if opened_at.tzinfo is None:
            raise ValueError("the time has no zone")
        yield _row(line, "", opened_at, (first, high, low, last), volume)


def dated(lines: Lines) -> Iterator[Row]:
    """Read ``date,open,high,low,close,volume``: stamped, in India, at the open."""
    for line, (stamp, *prices, volume) in lines:
        if line == 1:
            continue
        naive = datetime.datetime.fromisoformat(stamp)
        opened_at = naive if naive.tzinfo else naive.replace(tzinfo=INDIA)
        first, high, low, last = prices
        yield _row(line, "", opened_at, (first, high, low, last), volume)


Shape = Callable[[Lines], Iterator[Row]]


def _row(
    line: int,
    symbol: str,
    opened_at: datetime.datetime,
    prices: tuple[str, str, str, str],
    volume: str,
    open_interest: int | None = None,
) -> Row:
    first, high, low, last = (float(price) for price in prices)
    return Row(
        line, symbol.upper(), opened_at.astimezone(datetime.UTC), first, high, low,
        last, int(volume), open_interest,
    )  # fmt: skip


def shape_of(first_line: str) -> Shape:
    """Recognize the shape of a file by its first line."""
    if first_line.startswith("Price,Close,High,Low,Open,Volume"):
        return yahoo
    if first_line.startswith("date,open,high,low,close,volume"):
        return dated
    if first_line.count(",") == 8:
        return ended
    raise ImportRefused("Line 1: these are not bars in any shape we know.")


def read(path: Path) -> list[Row]:
    """Return the rows of a file, plain or gzipped; refuse it whole for one bad line."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        text = content.decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ImportRefused(f"{path.name} cannot be read: {error}.") from error
    return parse(text)


def parse(text: str) -> list[Row]:
    lines = text.splitlines()
    if not lines:
        raise ImportRefused("The file is empty.")
    shape = shape_of(lines[0])
    position = 0

    def numbered() -> Lines:
        nonlocal position
        for position, fields in enumerate(csv.reader(lines), 1):
            if fields:
                yield position, fields

    rows: list[Row] = []
    try:
        for row in shape(numbered()):
            check(row)
            rows.append(row)
    except (ValueError, csv.Error) as error:
        raise ImportRefused(f"Line {position}: {error}.") from error
    _check_together(rows)
    return rows


def check(row: Row) -> None:
    """Raise ``ValueError`` for a row that cannot be a minute of a market."""
    prices = (row.open, row.high, row.low, row.close)
    if not all(math.isfinite(price) and price > 0 for price in prices):
        raise ValueError("a price is not a positive number")
    if row.high < max(prices) or row.low > min(prices):
        raise ValueError("high and low do not hold open and close")
    if row.volume < 0 or (row.open_interest or 0) < 0:
        raise ValueError("volume or open interest is negative")
    if row.opened_at.second or row.opened_at.microsecond:
        raise ValueError("the time is not a whole minute")


def _check_together(rows: list[Row]) -> None:
    """Refuse minutes given twice, and bars that are longer than a minute."""
    seen: dict[tuple[str, datetime.datetime], int] = {}
    for row in rows:
        key = (row.symbol, row.opened_at)
        if key in seen:
            raise ImportRefused(
                f"Line {row.line}: the minute of line {seen[key]} once more."
            )
        seen[key] = row.line
    times = sorted({row.opened_at for row in rows})
    steps = [after - before for before, after in itertools.pairwise(times)]
    if steps and min(steps) > MINUTE:
        minutes = min(steps) // MINUTE
        raise ImportRefused(
            f"The rows are {minutes} minutes apart; only 1-minute bars can be loaded."
        )


def load(rows: list[Row], instruments: dict[str, Instrument]) -> Loaded:
    """Write the rows in one transaction; rows that are there already stay untouched."""
    if not rows:
        return Loaded(0, 0)
    columns = zip(
        *(
            (
                instruments[row.symbol].id, row.opened_at, row.open, row.high, row.low,
                row.close, row.volume, row.open_interest,
            )
            for row in rows
        ),
        strict=True,
    )  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        partitions.ensure(
            "minute_bars", {partitions.month_of(row.opened_at) for row in rows}
        )
        cursor.execute(UPSERT, [list(column) for column in columns])
        (written,) = cursor.fetchone()
    return Loaded(len(rows), written)
