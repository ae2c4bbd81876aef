"""What a consumer left in PostgreSQL, compared with the rebuild of its ticks."""

from typing import Any

import psycopg

from bench.ingest.original_buckets import BAR_TABLE, STRIKE_TABLE
from bench.ticks import STARTS_AT, Bars, Load

# Close and volume of a side, by expiry, strike, side and minute.
Sides = dict[tuple[str, int, str, int], tuple[float, int]]

EMPTY = """
TRUNCATE original_bars, original_strike_bars, minute_bars, fo_option_strike_bars,
    dirty_buckets, marketdata_shardposition, marketdata_quarantinedtick,
    marketdata_bargap, claims
"""
PRODUCT_BARS = """
SELECT i.symbol, extract(epoch FROM b.opened_at)::bigint,
       b.open, b.high, b.low, b.close, b.volume
  FROM minute_bars b JOIN marketdata_instrument i ON i.id = b.instrument_id
"""
PRODUCT_SIDES = """
SELECT expires_on::text, strike::int, side, extract(epoch FROM opened_at)::bigint,
       close, volume
  FROM fo_option_strike_bars, LATERAL (VALUES
       ('CE', call_close, call_volume), ('PE', put_close, put_volume))
       AS sides(side, close, volume)
"""
ORIGINAL_BARS = """
SELECT symbol, extract(epoch FROM opened_at)::bigint, open, high, low, close, volume
  FROM original_bars
"""
ORIGINAL_SIDES = """
SELECT expires_on::text, strike::int, side, extract(epoch FROM opened_at)::bigint,
       close, volume
  FROM original_strike_bars
"""
UNACCOUNTED = """
SELECT (SELECT count(*) FROM marketdata_quarantinedtick)
     + (SELECT count(*) FROM marketdata_bargap)
"""


class NotExact(AssertionError):  # noqa: N818 - reads as what was found
    """A consumer stored other bars than its ticks make: its speed means nothing."""


def make_tables(connection: psycopg.Connection) -> None:
    """Make the original's tables, and the partitions the product will write to."""
    connection.execute(BAR_TABLE)
    connection.execute(STRIKE_TABLE)
    for table in ("minute_bars", "fo_option_strike_bars"):
        connection.execute(
            "SELECT ensure_partition(%s, to_timestamp(%s)::date)", [table, STARTS_AT]
        )


def forget(connection: psycopg.Connection) -> None:
    """Empty all that a run writes, so that each round begins with nothing."""
    connection.execute(EMPTY)


def require_original(connection: psycopg.Connection, load: Load, wanted: Bars) -> None:
    if load.name == "plain":
        _same("the original's bars", _bars(connection, ORIGINAL_BARS), wanted)
    else:
        found = _sides(connection, ORIGINAL_SIDES)
        _same("the original's sides", found, sides_of(load, wanted))


def require_product(connection: psycopg.Connection, load: Load, wanted: Bars) -> None:
    """Require every bar, both sides of every strike, and nothing refused or lost."""
    _same("the product's bars", _bars(connection, PRODUCT_BARS), wanted)
    if load.name == "option":
        found = _sides(connection, PRODUCT_SIDES)
        _same("the product's sides", found, sides_of(load, wanted))
    row = connection.execute(UNACCOUNTED).fetchone()
    if row != (0,):
        raise NotExact(f"The product refused or lost ticks: {row}.")


def sides_of(load: Load, bars: Bars) -> Sides:
    """Return what the option bars say of the sides of each strike."""
    contracts = {contract.symbol: contract for contract in load.contracts}
    return {
        (
            contracts[symbol].expires_on,
            contracts[symbol].strike,
            contracts[symbol].side,
            minute,
        ): (close, volume)
        for (symbol, minute), (_, _, _, close, volume) in bars.items()
    }


def _bars(connection: psycopg.Connection, query: str) -> Bars:
    rows: list[Any] = connection.execute(query).fetchall()
    return {(symbol, minute): tuple(values) for symbol, minute, *values in rows}


def _sides(connection: psycopg.Connection, query: str) -> Sides:
    rows: list[Any] = connection.execute(query).fetchall()
    return {tuple(row[:4]): tuple(row[4:]) for row in rows}


def _same(what: str, found: dict[Any, Any], wanted: dict[Any, Any]) -> None:
    different = [
        (key, found.get(key), wanted.get(key))
        for key in found.keys() | wanted.keys()
        if found.get(key) != wanted.get(key)
    ]
    if different:
        raise NotExact(
            f"{len(different)} of {len(wanted)} of {what} differ from the rebuild,"
            f" such as {min(different, key=str)}."
        )
