"""A quick check on TimescaleDB: the table of quarter hours beside the aggregate.

The continuous aggregate makes bars of 15 minutes by TimescaleDB's own means and keeps
them ready, so the whole table is compared in one statement that reads no old minute.
Its quarters are those of the clock: days whose session opens at another minute are
left to the rebuild, and so are bars that hold a dirty minute.
"""

from django.db import connection

from marketdata.resolutions import parse
from marketdata.rollups.claiming import opens_at
from marketdata.rollups.verifying import FIELDS, Compared, Difference

QUARTER = parse("15")
# Open interest, the last that was known, is not in the aggregate.
VALUES = FIELDS[:-1]
EXISTS = "SELECT to_regclass('quarter_hour_bars') IS NOT NULL"
REFRESH = "CALL refresh_continuous_aggregate('quarter_hour_bars', NULL, NULL)"


def _array(table: str) -> str:
    values = ", ".join(f"{table}.{name}" for name in VALUES)
    is_there = f"{table}.open IS NOT NULL"
    return f"CASE WHEN {is_there} THEN ARRAY[{values}]::float8[] END"


_OPENS_AT = opens_at("found.exchange_id", "found.segment", "found.day", "found.zone")
COMPARE = f"""
WITH side_by_side AS (
    SELECT instrument_id, opened_at, {_array("stored")} AS found,
           {_array("made")} AS wanted
      FROM (SELECT * FROM intraday_bars WHERE minutes = 15) AS stored
      FULL JOIN quarter_hour_bars AS made USING (instrument_id, opened_at)
), named AS (
    SELECT side_by_side.*, exchange_id, segment, symbol, timezone AS zone,
           (opened_at AT TIME ZONE timezone)::date AS day
      FROM side_by_side
      JOIN marketdata_instrument instrument ON instrument.id = instrument_id
      JOIN marketdata_exchange exchange ON exchange.code = instrument.exchange_id
     WHERE NOT EXISTS (
           SELECT FROM dirty_buckets mark WHERE mark.instrument_id = instrument.id
              AND mark.opened_at >= side_by_side.opened_at
              AND mark.opened_at < side_by_side.opened_at + interval '15 minutes')
), days AS MATERIALIZED (
    SELECT exchange_id, segment, day
      FROM (SELECT DISTINCT exchange_id, segment, day, zone FROM named) AS found
     WHERE extract(epoch FROM {_OPENS_AT})::bigint % 900 = 0
), compared AS MATERIALIZED (
    SELECT * FROM named JOIN days USING (exchange_id, segment, day)
)
SELECT counted.bars, exchange_id || ':' || symbol, opened_at, found, wanted
  FROM (SELECT count(*) AS bars FROM compared) AS counted
  LEFT JOIN compared ON found IS DISTINCT FROM wanted
 ORDER BY instrument_id, opened_at
"""  # noqa: S608 - made of the names above


def exists() -> bool:
    """Tell whether this database is a TimescaleDB that keeps the aggregate."""
    with connection.cursor() as cursor:
        cursor.execute(EXISTS)
        return bool(cursor.fetchone()[0])


def refresh() -> None:
    """Bring the aggregate up to date where minutes changed; in no transaction."""
    with connection.cursor() as cursor:
        cursor.execute(REFRESH)


def compare() -> Compared:
    """Return the quarter hours of the table that are not those of the aggregate."""
    with connection.cursor() as cursor:
        cursor.execute(COMPARE)
        rows = cursor.fetchall()
    differences = [
        Difference(what, QUARTER, opened_at, _row(found), _row(wanted))
        for _, what, opened_at, found, wanted in rows
        if what is not None
    ]
    return Compared(rows[0][0], differences)


def _row(values: list[float] | None) -> tuple[float, ...] | None:
    return None if values is None else tuple(values)
