"""Larger bars as they would be read if nothing were dirty: the SQL of ``bars``.

Bars without a dirty minute come from the tables of the rollup; the others are made
here from their minutes, by the same rule. Both are seen in one snapshot, so an answer
is the same before a rollup, while it works, and after it.

Parameters: ``instrument, exchange, segment, zone, size`` (``'5 minutes'``), ``minutes``
or ``unit``, ``start, end`` (epoch seconds of the bars), ``source_start, source_end``
(instants between which their minutes lie), ``source_limit`` and ``limit``. A bar that
the newest ``source_limit`` dirty minutes do not hold whole is left out, and so is what
is older than that: it may be dirty, unseen.
"""

from marketdata.rollups.claiming import opens_at

_MARKS = """
WITH past_limit AS (
    SELECT opened_at FROM dirty_buckets
     WHERE instrument_id = %(instrument)s
       AND opened_at >= %(source_start)s AND opened_at < %(source_end)s
     ORDER BY opened_at DESC OFFSET %(source_limit)s LIMIT 1
), marks AS MATERIALIZED (
    SELECT opened_at, (opened_at AT TIME ZONE %(zone)s)::date AS day
      FROM dirty_buckets
     WHERE instrument_id = %(instrument)s
       AND opened_at >= %(source_start)s AND opened_at < %(source_end)s
     ORDER BY opened_at DESC LIMIT %(source_limit)s
), days AS MATERIALIZED (
    SELECT day, day::timestamp AT TIME ZONE %(zone)s AS midnight,
           (day + 1)::timestamp AT TIME ZONE %(zone)s AS next_midnight
      FROM (SELECT DISTINCT day FROM marks) AS found
)"""
_SINCE = "coalesce((SELECT opened_at FROM past_limit), '-infinity')"
_MADE = """
    CROSS JOIN LATERAL (
        SELECT count(*) AS minutes,
               (array_agg(open ORDER BY opened_at))[1] AS open, max(high) AS high,
               min(low) AS low,
               (array_agg(close ORDER BY opened_at))[count(*)] AS close,
               sum(volume)::bigint AS volume
          FROM minute_bars
         WHERE instrument_id = %(instrument)s
           AND opened_at >= {begins} AND opened_at < {ends}
    ) AS made
"""
_OPENS_AT = opens_at("%(exchange)s", "%(segment)s", "days.day", "%(zone)s")

INTRADAY = f"""{_MARKS}, opens AS MATERIALIZED (
    SELECT day, midnight, next_midnight, {_OPENS_AT} AS session_at FROM days
), dirty AS MATERIALIZED (
    SELECT greatest(bin_at, midnight) AS begins_at,
           least(bin_at + %(size)s::interval, next_midnight) AS ends_at
      FROM (SELECT DISTINCT midnight, next_midnight,
                   date_bin(%(size)s::interval, opened_at, session_at) AS bin_at
              FROM marks JOIN opens USING (day)) AS found
), rolled AS MATERIALIZED (
    -- So many more as may turn out to be dirty.
    SELECT opened_at, open, high, low, close, volume FROM intraday_bars
     WHERE instrument_id = %(instrument)s AND minutes = %(minutes)s
       AND opened_at >= to_timestamp(%(start)s) AND opened_at < to_timestamp(%(end)s)
       AND opened_at > {_SINCE}
     ORDER BY opened_at DESC LIMIT %(limit)s + (SELECT count(*) FROM dirty)
), bars AS (
    SELECT extract(epoch FROM begins_at)::bigint AS t, open, high, low, close, volume
      FROM dirty {_MADE.format(begins="begins_at", ends="ends_at")}
     WHERE made.minutes > 0 AND begins_at > {_SINCE}
    UNION ALL
    SELECT extract(epoch FROM opened_at)::bigint, open, high, low, close, volume
      FROM rolled
     WHERE NOT EXISTS (SELECT FROM dirty WHERE begins_at = rolled.opened_at)
)
"""  # noqa: S608 - no value is put together here

# Weeks and months are made of days, whichever way those were come by.
_FRESH_DAYS = f"""{_MARKS}, fresh_days AS MATERIALIZED (
    SELECT day, open, high, low, close, volume
      FROM days {_MADE.format(begins="midnight", ends="next_midnight")}
     WHERE made.minutes > 0
)"""  # noqa: S608 - no value is put together here
# What is dirty is named ``dirty``, by where it begins.
_ROLLED = f"""rolled AS MATERIALIZED (
    SELECT begins_on, first_on, open, high, low, close, volume FROM longer_bars
     WHERE instrument_id = %(instrument)s AND unit = %(unit)s
       AND begins_on >= %(first_on)s AND begins_on < %(after_on)s
       AND extract(epoch FROM first_on) >= %(start)s
       AND extract(epoch FROM first_on) < %(end)s
       AND begins_on::timestamp AT TIME ZONE %(zone)s > {_SINCE}
     ORDER BY begins_on DESC LIMIT %(limit)s + (SELECT count(*) FROM dirty)
)"""  # noqa: S608 - no value is put together here
_CLEAN = """
    SELECT extract(epoch FROM first_on)::bigint, open, high, low, close, volume
      FROM rolled
     WHERE NOT EXISTS (SELECT FROM dirty WHERE dirty.begins_on = rolled.begins_on)
"""
DAYS = f"""{_FRESH_DAYS}, dirty AS (SELECT day AS begins_on FROM days), {_ROLLED}
, bars AS (
    SELECT extract(epoch FROM day)::bigint AS t, open, high, low, close, volume
      FROM fresh_days WHERE day::timestamp AT TIME ZONE %(zone)s > {_SINCE}
    UNION ALL {_CLEAN}
)
"""  # noqa: S608 - no value is put together here
WEEKS_AND_MONTHS = f"""{_FRESH_DAYS}, dirty AS MATERIALIZED (
    SELECT DISTINCT date_trunc(%(unit)s, day)::date AS begins_on,
           (date_trunc(%(unit)s, day) + ('1 ' || %(unit)s)::interval)::date AS ends_on
      FROM days
), {_ROLLED}, their_days AS (
    SELECT begins_on, fresh_days.*
      FROM dirty JOIN fresh_days ON day >= begins_on AND day < ends_on
    UNION ALL
    SELECT dirty.begins_on, clean.begins_on, open, high, low, close, volume
      FROM dirty JOIN longer_bars clean ON instrument_id = %(instrument)s
       AND clean.unit = 'day' AND clean.begins_on >= dirty.begins_on
       AND clean.begins_on < dirty.ends_on
     WHERE NOT EXISTS (SELECT FROM days WHERE day = clean.begins_on)
), bars AS (
    SELECT extract(epoch FROM min(day))::bigint AS t,
           (array_agg(open ORDER BY day))[1] AS open, max(high) AS high,
           min(low) AS low, (array_agg(close ORDER BY day))[count(*)] AS close,
           sum(volume)::bigint AS volume
      FROM their_days
     WHERE begins_on::timestamp AT TIME ZONE %(zone)s > {_SINCE}
     GROUP BY begins_on
    UNION ALL {_CLEAN}
)
"""  # noqa: S608 - no value is put together here
