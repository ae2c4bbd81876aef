"""The bars of instruments: each size from the largest one that it is a multiple of.

First and last of a group are the ends of an array that PostgreSQL fills in the order
of time: it sorts once for all of them. A value that stays the same is not written.
"""

from typing import Any

from django.db import connection

# From which size each size is made; 1 are the minutes.
MADE_FROM = {2: 1, 3: 1, 5: 1, 10: 5, 15: 5, 30: 15, 60: 30}

# An hour is read once. ``place`` is the minute of the hour, as a number: smaller bars
# are so many places of one hour, except what midnight cuts off.
_SOURCE = """
WITH hours AS MATERIALIZED (
    SELECT * FROM unnest(%(instruments)s::bigint[], %(midnights)s::timestamptz[],
                         %(next_midnights)s::timestamptz[],
                         %(hours)s::timestamptz[], %(masks)s::bigint[])
           WITH ORDINALITY AS hour(
               instrument_id, midnight, next_midnight, begins_at, mask, number)
), bars_1 AS MATERIALIZED (
    SELECT number, place, open, high, low, close, volume, open_interest,
           (mask >> place) & 1 = 1 AS is_dirty
      FROM (SELECT number, mask, open, high, low, close, volume, open_interest,
                   date_part('minute', bar.opened_at - begins_at)::int AS place
              FROM hours
              JOIN minute_bars bar ON bar.instrument_id = hours.instrument_id
               AND bar.opened_at >= greatest(begins_at, midnight)
               AND bar.opened_at < least(begins_at + interval '60 minutes',
                                         next_midnight)) AS placed
)"""
_SIZE = """, bars_{size} AS MATERIALIZED (
    SELECT number, place / {size} * {size} AS place,
           (array_agg(open ORDER BY smaller.place))[1] AS open,
           max(high) AS high, min(low) AS low,
           (array_agg(close ORDER BY smaller.place))[count(*)] AS close,
           sum(volume)::bigint AS volume,
           (array_agg(open_interest ORDER BY smaller.place)
               FILTER (WHERE open_interest IS NOT NULL))[count(open_interest)]
               AS open_interest,
           bool_or(is_dirty) AS is_dirty
      FROM bars_{source} AS smaller
     GROUP BY number, place / {size}
)"""
_WRITE = """
INSERT INTO intraday_bars AS kept
       (instrument_id, minutes, opened_at, open, high, low, close, volume,
        open_interest)
SELECT instrument_id, minutes,
       greatest(begins_at + place * interval '1 minute', midnight) AS opened_at,
       open, high, low, close, volume, open_interest
  FROM ({sizes}) AS made JOIN hours USING (number)
 ORDER BY instrument_id, minutes, opened_at
ON CONFLICT (instrument_id, minutes, opened_at) DO UPDATE
   SET open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low,
       close = EXCLUDED.close, volume = EXCLUDED.volume,
       open_interest = EXCLUDED.open_interest
 WHERE (kept.open, kept.high, kept.low, kept.close, kept.volume, kept.open_interest)
       IS DISTINCT FROM (EXCLUDED.open, EXCLUDED.high, EXCLUDED.low, EXCLUDED.close,
                         EXCLUDED.volume, EXCLUDED.open_interest)
"""


def intraday_statement() -> str:
    """Return the statement that makes the bars of all sizes of the dirty hours."""
    sizes = [
        _SIZE.format(size=size, source=source) for size, source in MADE_FROM.items()
    ]
    made = " UNION ALL ".join(
        f"SELECT {size} AS minutes, * FROM bars_{size} WHERE is_dirty"  # noqa: S608
        for size in MADE_FROM
    )
    return _SOURCE + "".join(sizes) + _WRITE.format(sizes=made)


_UPSERT_LONGER = """
ON CONFLICT (instrument_id, unit, begins_on) DO UPDATE
   SET first_on = EXCLUDED.first_on, open = EXCLUDED.open, high = EXCLUDED.high,
       low = EXCLUDED.low, close = EXCLUDED.close, volume = EXCLUDED.volume,
       open_interest = EXCLUDED.open_interest
 WHERE (kept.first_on, kept.open, kept.high, kept.low, kept.close, kept.volume,
        kept.open_interest)
       IS DISTINCT FROM (EXCLUDED.first_on, EXCLUDED.open, EXCLUDED.high, EXCLUDED.low,
                         EXCLUDED.close, EXCLUDED.volume, EXCLUDED.open_interest)
"""
_INSERT_LONGER = """
INSERT INTO longer_bars AS kept
       (instrument_id, unit, begins_on, first_on, open, high, low, close, volume,
        open_interest)
"""

INTRADAY = intraday_statement()
DAYS = f"""{_INSERT_LONGER}
SELECT dirty.instrument_id, 'day', day, day,
       (array_agg(open ORDER BY opened_at))[1], max(high), min(low),
       (array_agg(close ORDER BY opened_at))[count(*)], sum(volume)::bigint,
       (array_agg(open_interest ORDER BY opened_at)
           FILTER (WHERE open_interest IS NOT NULL))[count(open_interest)]
  FROM (SELECT DISTINCT instrument_id, day, midnight, next_midnight
          FROM unnest(%(instruments)s::bigint[], %(days)s::date[],
                      %(midnights)s::timestamptz[], %(next_midnights)s::timestamptz[])
               AS hour(instrument_id, day, midnight, next_midnight)) AS dirty
  JOIN intraday_bars hour ON hour.instrument_id = dirty.instrument_id
   AND hour.minutes = 60
   AND hour.opened_at >= midnight AND hour.opened_at < next_midnight
 GROUP BY 1, 3
 ORDER BY 1, 3
{_UPSERT_LONGER}"""  # noqa: S608 - no value is put together here
WEEKS_AND_MONTHS = f"""{_INSERT_LONGER}
SELECT dirty.instrument_id, dirty.unit, dirty.begins_on, min(day.begins_on),
       (array_agg(open ORDER BY day.begins_on))[1], max(high), min(low),
       (array_agg(close ORDER BY day.begins_on))[count(*)], sum(volume)::bigint,
       (array_agg(open_interest ORDER BY day.begins_on)
           FILTER (WHERE open_interest IS NOT NULL))[count(open_interest)]
  FROM (SELECT DISTINCT instrument_id, unit, date_trunc(unit, day)::date AS begins_on,
               (date_trunc(unit, day) + ('1 ' || unit)::interval)::date AS ends_on
          FROM unnest(%(instruments)s::bigint[], %(days)s::date[])
               AS hour(instrument_id, day), (VALUES ('week'), ('month')) AS unit(unit)
       ) AS dirty
  JOIN longer_bars day ON day.instrument_id = dirty.instrument_id AND day.unit = 'day'
   AND day.begins_on >= dirty.begins_on AND day.begins_on < dirty.ends_on
 GROUP BY 1, 2, 3
 ORDER BY 1, 2, 3
{_UPSERT_LONGER}"""  # noqa: S608 - no value is put together here


def roll(hours: dict[str, list[Any]]) -> int:
    """Make the bars of the dirty ``hours`` again; return how many were different.

    Each statement sees what the one before it wrote.
    """
    written = 0
    with connection.cursor() as cursor:
        for statement in (INTRADAY, DAYS, WEEKS_AND_MONTHS):
            cursor.execute(statement, hours)
            written += cursor.rowcount
    return written
