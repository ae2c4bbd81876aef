"""The bars of strikes: call and put side by side, at the end of more than a minute.

What is not a sum is the last value that was known, and values that belong together
are taken from one minute: the greeks from that of the IV, both sides of the book from
that of the book. An IV that had no solution is passed over, never counted as 0.
"""

from typing import Any

from django.db import connection
from django.db.models import QuerySet

from marketdata.models import Instrument, IntradayStrikeBar
from marketdata.rollups.bars import MADE_FROM

# Of the minutes in which the second has a value, the last one's first is taken.
LAST_BY = {
    "last_tick_at": "last_tick_at",
    "close": "close",
    "open_interest": "open_interest",
    "iv": "iv",
    "delta": "iv",
    "gamma": "iv",
    "theta": "iv",
    "vega": "iv",
    "bid": "bid_quantity",
    "ask": "bid_quantity",
    "bid_quantity": "bid_quantity",
    "ask_quantity": "bid_quantity",
}
SIDES = ("call", "put")
LAST = {
    f"{side}_{column}": f"{side}_{voucher}"
    for side in SIDES
    for column, voucher in LAST_BY.items()
}
SUMS = tuple(f"{side}_volume" for side in SIDES)
COLUMNS = (*LAST, *SUMS)


def values(order: str) -> str:
    """Return the aggregates of all columns over rows in the order of ``order``."""
    last = [
        f"(array_agg({column} ORDER BY {order}) FILTER (WHERE {voucher} IS NOT NULL))"
        f"[count({voucher})] AS {column}"
        for column, voucher in LAST.items()
    ]
    sums = [f"sum({column})::bigint AS {column}" for column in SUMS]
    return ",\n           ".join(last + sums)


def upsert(*key: str) -> str:
    """Return the end of a statement that writes only what is different."""
    columns = [
        column
        for column in ("first_on", *COLUMNS)
        if "unit" in key or column != "first_on"
    ]
    kept = ", ".join(f"kept.{column}" for column in columns)
    new = ", ".join(f"EXCLUDED.{column}" for column in columns)
    changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in columns)
    return f"""
ON CONFLICT ({", ".join(key)}) DO UPDATE SET {changes}
 WHERE ({kept}) IS DISTINCT FROM ({new})
"""


_NAMES = ", ".join(COLUMNS)
# The options among the dirty instruments; what is dirty of a call or of its put is
# dirty of their strike.
_DIRTY = """
WITH hours AS MATERIALIZED (
    SELECT *, row_number() OVER () AS number
      FROM (SELECT instrument.underlying_id, instrument.expires_on, instrument.strike,
                   day, midnight, next_midnight, begins_at, bit_or(mask) AS mask
              FROM unnest(%(instruments)s::bigint[], %(days)s::date[],
                          %(midnights)s::timestamptz[],
                          %(next_midnights)s::timestamptz[],
                          %(hours)s::timestamptz[], %(masks)s::bigint[])
                   AS hour(instrument_id, day, midnight, next_midnight, begins_at, mask)
              JOIN marketdata_instrument instrument
                ON instrument.id = hour.instrument_id
             WHERE instrument.kind = 'option' AND instrument.underlying_id IS NOT NULL
             GROUP BY 1, 2, 3, 4, 5, 6, 7) AS gathered
)"""
# A chain is read once for all its dirty strikes.
_SOURCE = f"""{_DIRTY}, chains AS MATERIALIZED (
    SELECT DISTINCT underlying_id, expires_on, midnight, next_midnight, begins_at
      FROM hours
), bars_1 AS MATERIALIZED (
    SELECT number, date_part('minute', bar.opened_at - hours.begins_at)::int AS place,
           {", ".join(f"bar.{column}" for column in COLUMNS)},
           (mask >> date_part('minute', bar.opened_at - hours.begins_at)::int) & 1 = 1
               AS is_dirty
      FROM chains
      JOIN fo_option_strike_bars bar ON bar.underlying_id = chains.underlying_id
       AND bar.expires_on = chains.expires_on
       AND bar.opened_at >= greatest(chains.begins_at, chains.midnight)
       AND bar.opened_at < least(chains.begins_at + interval '60 minutes',
                                 chains.next_midnight)
      JOIN hours ON hours.underlying_id = bar.underlying_id
       AND hours.expires_on = bar.expires_on AND hours.strike = bar.strike
       AND hours.begins_at = chains.begins_at AND hours.midnight = chains.midnight
)"""  # noqa: S608 - made of the names above
_SIZE = """, bars_{size} AS MATERIALIZED (
    SELECT number, place / {size} * {size} AS place,
           {values}, bool_or(is_dirty) AS is_dirty
      FROM bars_{source} AS smaller
     GROUP BY number, smaller.place / {size}
)"""


def intraday_statement() -> str:
    """Return the statement that makes the strikes of all sizes of the dirty hours."""
    aggregates = values("smaller.place")
    sizes = [
        _SIZE.format(size=size, source=source, values=aggregates)
        for size, source in MADE_FROM.items()
    ]
    made = " UNION ALL ".join(
        f"SELECT {size} AS minutes, * FROM bars_{size} WHERE is_dirty"  # noqa: S608
        for size in MADE_FROM
    )
    key = ("underlying_id", "expires_on", "minutes", "opened_at", "strike")
    names = ", ".join(key)
    return f"""{_SOURCE}{"".join(sizes)}
INSERT INTO intraday_strike_bars AS kept ({names}, {_NAMES})
SELECT underlying_id, expires_on, minutes,
       greatest(begins_at + place * interval '1 minute', midnight) AS opened_at, strike,
       {_NAMES}
  FROM ({made}) AS made JOIN hours USING (number)
 ORDER BY {names}
{upsert(*key)}"""  # noqa: S608 - made of the names above


_LONGER_KEY = ("underlying_id", "expires_on", "unit", "begins_on", "strike")
_INSERT_LONGER = f"""
INSERT INTO longer_strike_bars AS kept
       ({", ".join(_LONGER_KEY)}, first_on, {_NAMES})
"""
INTRADAY = intraday_statement()
DAYS = f"""{_DIRTY}, days AS MATERIALIZED (
    SELECT DISTINCT underlying_id, expires_on, strike, day, midnight, next_midnight
      FROM hours
)
{_INSERT_LONGER}
SELECT days.underlying_id, days.expires_on, 'day', day, days.strike, day,
       {values("opened_at")}
  FROM days
  JOIN intraday_strike_bars hour ON hour.underlying_id = days.underlying_id
   AND hour.expires_on = days.expires_on AND hour.strike = days.strike
   AND hour.minutes = 60
   AND hour.opened_at >= midnight AND hour.opened_at < next_midnight
 GROUP BY 1, 2, 4, 5
 ORDER BY 1, 2, 4, 5
{upsert(*_LONGER_KEY)}"""  # noqa: S608 - made of the names above
WEEKS_AND_MONTHS = f"""{_DIRTY}, units AS MATERIALIZED (
    SELECT DISTINCT underlying_id, expires_on, strike, unit,
           date_trunc(unit, day)::date AS begins_on,
           (date_trunc(unit, day) + ('1 ' || unit)::interval)::date AS ends_on
      FROM hours, (VALUES ('week'), ('month')) AS unit(unit)
)
{_INSERT_LONGER}
SELECT units.underlying_id, units.expires_on, units.unit, units.begins_on,
       units.strike, min(day.begins_on), {values("day.begins_on")}
  FROM units
  JOIN longer_strike_bars day ON day.underlying_id = units.underlying_id
   AND day.expires_on = units.expires_on AND day.strike = units.strike
   AND day.unit = 'day'
   AND day.begins_on >= units.begins_on AND day.begins_on < units.ends_on
 GROUP BY 1, 2, 3, 4, 5
 ORDER BY 1, 2, 3, 4, 5
{upsert(*_LONGER_KEY)}"""  # noqa: S608 - made of the names above


def stored(option: Instrument) -> QuerySet[IntradayStrikeBar]:
    """Return the bars of minutes of the strike that ``option`` belongs to."""
    assert option.expires_on is not None
    assert option.strike is not None
    return IntradayStrikeBar.objects.filter(
        underlying_id=option.underlying_id,
        expires_on=option.expires_on,
        strike=option.strike,
    )


def roll(hours: dict[str, list[Any]]) -> int:
    """Make the strikes of the dirty ``hours`` again; return how many were different."""
    written = 0
    with connection.cursor() as cursor:
        for statement in (INTRADAY, DAYS, WEEKS_AND_MONTHS):
            cursor.execute(statement, hours)
            written += cursor.rowcount
    return written
