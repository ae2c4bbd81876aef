"""The SQL of the ingestor: whole batches as arrays, absolute values, no reading back.

Every statement replaces what is there by what the builders know, so that writing
the same again changes nothing. A minute that history or a file has filled is left
alone: it is complete, what we saw of it may not be.
"""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from django.db import connection

from marketdata import partitions
from marketdata.bars import Bar
from marketdata.ingest.quarantine import Kept
from marketdata.strikes import Key, Side

BAR_COLUMNS = (
    "instrument_id, opened_at, open, high, low, close, volume, open_interest, "
    "first_tick_at, last_tick_at, first_volume, last_volume, base_volume"
)
UPSERT_BARS = """
INSERT INTO minute_bars AS kept
       (instrument_id, opened_at, open, high, low, close, volume, open_interest,
        first_tick_at, last_tick_at, first_volume, last_volume, base_volume, source)
SELECT instrument_id, to_timestamp(opened_at), open, high, low, close, volume,
       open_interest, to_timestamp(first_at), to_timestamp(last_at), first_volume,
       last_volume, base_volume, 'ticks'
  FROM unnest(%b::bigint[], %b::float8[], %b::float8[], %b::float8[], %b::float8[],
              %b::float8[], %b::bigint[], %b::bigint[], %b::float8[], %b::float8[],
              %b::bigint[], %b::bigint[], %b::bigint[])
       AS bar(instrument_id, opened_at, open, high, low, close, volume, open_interest,
              first_at, last_at, first_volume, last_volume, base_volume)
ON CONFLICT (instrument_id, opened_at) DO UPDATE
   SET open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low,
       close = EXCLUDED.close, volume = EXCLUDED.volume,
       open_interest = EXCLUDED.open_interest,
       first_tick_at = EXCLUDED.first_tick_at, last_tick_at = EXCLUDED.last_tick_at,
       first_volume = EXCLUDED.first_volume, last_volume = EXCLUDED.last_volume,
       base_volume = EXCLUDED.base_volume
 WHERE kept.source = 'ticks'
"""
BAR_SECONDS = """
       instrument_id, extract(epoch from opened_at)::bigint AS opened_s,
       open, high, low, close,
       extract(epoch from first_tick_at)::float8,
       extract(epoch from last_tick_at)::float8,
       first_volume, last_volume, base_volume, open_interest, source
"""
LAST_BARS = f"""
SELECT bar.*, (
    SELECT extract(epoch from max(opened_at) + interval '1 minute')::float8
      FROM minute_bars
     WHERE instrument_id = instrument.id
       AND opened_at > to_timestamp(bar.opened_s)) AS filled_until
  FROM marketdata_instrument instrument, LATERAL (
    SELECT {BAR_SECONDS} FROM minute_bars
     WHERE instrument_id = instrument.id AND source = 'ticks' AND opened_at >= %s
     ORDER BY opened_at DESC LIMIT 1) bar
 WHERE instrument.is_active
"""  # noqa: S608 - no value is put together here
NEIGHBORS = f"""
SELECT bar.*
  FROM unnest(%b::bigint[], %b::float8[], %b::float8[]) AS wanted(id, first, last),
       LATERAL (
       (SELECT {BAR_SECONDS} FROM minute_bars
         WHERE instrument_id = wanted.id AND opened_at < to_timestamp(wanted.first)
           AND opened_at >= to_timestamp(wanted.first) - interval '1 day'
         ORDER BY opened_at DESC LIMIT 1)
       UNION ALL
       (SELECT {BAR_SECONDS} FROM minute_bars
         WHERE instrument_id = wanted.id
           AND opened_at BETWEEN to_timestamp(wanted.first)
                             AND to_timestamp(wanted.last))
       UNION ALL
       (SELECT {BAR_SECONDS} FROM minute_bars
         WHERE instrument_id = wanted.id AND opened_at > to_timestamp(wanted.last)
           AND opened_at <= to_timestamp(wanted.last) + interval '1 day'
         ORDER BY opened_at LIMIT 1)) bar
"""  # noqa: S608 - no value is put together here
DIRTY = """
INSERT INTO dirty_buckets (instrument_id, opened_at, is_open)
SELECT instrument_id, to_timestamp(opened_at), is_open
  FROM unnest(%b::bigint[], %b::float8[], %b::boolean[])
       AS bar(instrument_id, opened_at, is_open)
 ORDER BY 1, 2
ON CONFLICT (instrument_id, opened_at) DO UPDATE
   SET marked_at = now(), is_open = EXCLUDED.is_open
"""
REFUSED = """
INSERT INTO marketdata_quarantinedtick
       (stream, entry_id, reason, detail, payload, payload_bytes)
SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::int[])
"""
BAR_GAP = """
INSERT INTO marketdata_bargap
       (stream, shard, from_at, to_at, reason, lost_entries, status, attempts,
        last_error)
VALUES (%s, %s, to_timestamp(%s), to_timestamp(%s), %s, %s, 'open', 0, '')
"""
POSITION = """
INSERT INTO marketdata_shardposition
       (stream, epoch, entry_id, ordinal, clock_at, last_tick_at, counters, updated_at)
VALUES (%s, %s, %s, %s, to_timestamp(%s), to_timestamp(%s), %s, now())
ON CONFLICT (stream) DO UPDATE
   SET epoch = EXCLUDED.epoch, entry_id = EXCLUDED.entry_id,
       ordinal = EXCLUDED.ordinal, clock_at = EXCLUDED.clock_at,
       last_tick_at = EXCLUDED.last_tick_at, counters = EXCLUDED.counters,
       updated_at = now()
"""
SIDE_COLUMNS = (
    ("last_tick_at", "float8"),
    ("close", "float8"),
    ("volume", "bigint"),
    ("open_interest", "bigint"),
    ("iv", "float8"),
    ("delta", "float8"),
    ("gamma", "float8"),
    ("theta", "float8"),
    ("vega", "float8"),
    ("bid", "float8"),
    ("ask", "float8"),
    ("bid_quantity", "bigint"),
    ("ask_quantity", "bigint"),
)
# A column of a side is replaced when the column that vouches for it has a value.
VOUCHED_BY = dict.fromkeys(
    ("last_tick_at", "iv", "delta", "gamma", "theta", "vega"), "last_tick_at"
) | dict.fromkeys(("bid", "ask", "bid_quantity", "ask_quantity"), "bid_quantity")


def strikes_statement() -> str:
    """Return the upsert of chains: each side is replaced only by news of that side."""
    sides = [
        (f"{side}_{name}", kind, f"{side}_{VOUCHED_BY.get(name, 'close')}")
        for side in ("call", "put")
        for name, kind in SIDE_COLUMNS
    ]
    names = ", ".join(column for column, _, _ in sides)
    arrays = ", ".join(f"%b::{kind}[]" for _, kind, _ in sides)
    values = ", ".join(
        f"to_timestamp({column})" if column.endswith("_at") else column
        for column, _, _ in sides
    )
    changes = ", ".join(
        f"{column} = CASE WHEN EXCLUDED.{voucher} IS NULL THEN kept.{column}"
        f" ELSE EXCLUDED.{column} END"
        for column, _, voucher in sides
    )
    return f"""
INSERT INTO fo_option_strike_bars AS kept
       (underlying_id, expires_on, opened_at, strike, {names})
SELECT underlying_id, expires_on, to_timestamp(opened_at), strike, {values}
  FROM unnest(%b::bigint[], %t::date[], %b::float8[], %b::float8[], {arrays})
       AS chain(underlying_id, expires_on, opened_at, strike, {names})
ON CONFLICT (underlying_id, expires_on, opened_at, strike) DO UPDATE SET {changes}
"""  # noqa: S608 - made of the names above


UPSERT_STRIKES = strikes_statement()


# Instrument, minute, and whether the minute still runs.
Mark = tuple[int, float, bool]


class Store:
    """One connection's writing and reading of bars; remembers which months it made."""

    def __init__(self) -> None:
        self._months: dict[str, set[datetime.date]] = {}

    def cursor(self) -> psycopg.Cursor[Any]:
        """Return a cursor that sends arrays in binary, which Django's does not."""
        connection.ensure_connection()
        return psycopg.Cursor(connection.connection)

    def forget_months(self) -> None:
        """Unlearn which partitions exist, after a transaction that may have failed."""
        self._months.clear()

    def write_bars(self, cursor: psycopg.Cursor[Any], bars: Iterable[Bar]) -> None:
        # In one order, so that two writers wait for one another and never in a ring.
        rows = sorted({(bar.instrument_id, bar.opened_at): bar for bar in bars}.items())
        if not rows:
            return
        self._ensure("minute_bars", (opened_at for (_, opened_at), _ in rows))
        columns = zip(*(bar_row(bar) for _, bar in rows), strict=True)
        cursor.execute(UPSERT_BARS, [list(column) for column in columns])

    def write_strikes(
        self, cursor: psycopg.Cursor[Any], strikes: Sequence[tuple[Key, Side, Side]]
    ) -> None:
        if not strikes:
            return
        self._ensure("fo_option_strike_bars", (key[2] for key, _, _ in strikes))
        columns = zip(
            *((*key, *side_row(call), *side_row(put)) for key, call, put in strikes),
            strict=True,
        )
        cursor.execute(UPSERT_STRIKES, [list(column) for column in columns])

    def mark_dirty(self, cursor: psycopg.Cursor[Any], marks: Iterable[Mark]) -> None:
        """Mark minutes for the rollups; those still open are left for later."""
        rows = sorted(marks)
        if rows:
            cursor.execute(DIRTY, [list(column) for column in zip(*rows, strict=True)])

    def write_refusals(
        self, cursor: psycopg.Cursor[Any], stream: str, kept: Sequence[Kept]
    ) -> None:
        if not kept:
            return
        rows = (
            (k.entry_id, k.reason, k.detail, k.payload, k.payload_bytes) for k in kept
        )
        columns = [list(column) for column in zip(*rows, strict=True)]
        cursor.execute(REFUSED, [stream, *columns])

    def last_bars(self, since: datetime.datetime) -> dict[int, tuple[Bar, float]]:
        """Return the newest bar made of ticks of each instrument.

        With it stands until when others have filled the minutes after it, or 0.
        """
        cursor = self.cursor()
        cursor.execute(LAST_BARS, [since])
        return {row[0]: (bar_from(row), row[-1] or 0.0) for row in cursor}

    def neighbors(
        self, cursor: psycopg.Cursor[Any], wanted: Sequence[tuple[int, int, int]]
    ) -> list[tuple[Bar, bool]]:
        """Return the bars of each (instrument, first, last) and those beside them.

        With each bar stands whether ticks made it.
        """
        columns = [list(column) for column in zip(*wanted, strict=True)]
        cursor.execute(NEIGHBORS, columns)
        return [(bar_from(row), row[-1] == "ticks") for row in cursor]

    def _ensure(self, table: str, opened_at: Iterable[int]) -> None:
        known = self._months.setdefault(table, set())
        # Days are few and cheap to compare, where bars are many.
        days = {second // 86_400 for second in opened_at}
        months = {
            partitions.month_of(
                datetime.datetime.fromtimestamp(day * 86_400, datetime.UTC)
            )
            for day in days
        }
        if not months <= known:
            partitions.ensure(table, months - known)
            known |= months


def bar_row(bar: Bar) -> tuple[Any, ...]:
    return (
        bar.instrument_id, float(bar.opened_at), bar.open, bar.high, bar.low, bar.close,
        bar.volume, bar.open_interest, bar.first_at, bar.last_at, bar.first_volume,
        bar.last_volume, bar.base_volume,
    )  # fmt: skip


def side_row(side: Side) -> tuple[Any, ...]:
    return (
        side.last_tick_at, side.close, side.volume, side.open_interest, side.iv,
        side.delta, side.gamma, side.theta, side.vega, side.bid, side.ask,
        side.bid_quantity, side.ask_quantity,
    )  # fmt: skip


def bar_from(row: Sequence[Any]) -> Bar:
    """Return the bar of a row of ``BAR_SECONDS``."""
    return Bar(
        instrument_id=row[0],
        opened_at=row[1],
        open=row[2],
        high=row[3],
        low=row[4],
        close=row[5],
        first_at=row[6] or 0.0,
        last_at=row[7] or 0.0,
        first_volume=row[8],
        last_volume=row[9],
        base_volume=row[10],
        open_interest=row[11],
    )
