"""Bars for a chart: the newest ones of a time range, as columns of JSON numbers.

A bar belongs to a range when its own time ``t`` does: ``start <= t < end``. It is
always whole, so the same bar reads the same in every answer. ``t`` is the open of an
intraday bar, and 00:00 UTC of the (first) trading day of a longer one.

Minute bars are the truth. Larger ones are computed from them here, in PostgreSQL,
intraday ones anchored to the session of their day. PostgreSQL also writes the
columns as text: an answer is then a join of strings and costs Python no row.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from marketdata.models import Instrument
from marketdata.resolutions import MINUTE, Resolution, Unit

# An answer holds at most this many bars, the newest of its range.
MAX_BARS = 10_000
# A larger bar is computed from at most so many minute bars, the newest of the range;
# the bar that this limit would cut in two is left out.
MAX_SOURCE_BARS = 500_000
# No bar is asked for outside 1970 to 2100; a wider range is narrowed to that.
EARLIEST, LATEST = 0, 4_102_444_800
_MOST_MINUTES = {Unit.DAY: 1440, Unit.WEEK: 7 * 1440, Unit.MONTH: 31 * 1440}


@dataclass(frozen=True, slots=True)
class Columns:
    """Bars oldest first: one comma-separated column of JSON numbers per field."""

    count: int
    opened_at: str
    open: str
    high: str
    low: str
    close: str
    volume: str


# Every query ends in one row of text columns.
_COLUMNS = """
SELECT count(*),
       coalesce(string_agg(t::text, ',' ORDER BY t), ''),
       coalesce(string_agg(open::text, ',' ORDER BY t), ''),
       coalesce(string_agg(high::text, ',' ORDER BY t), ''),
       coalesce(string_agg(low::text, ',' ORDER BY t), ''),
       coalesce(string_agg(close::text, ',' ORDER BY t), ''),
       coalesce(string_agg(volume::text, ',' ORDER BY t), '')
FROM (
    SELECT * FROM bars WHERE t >= %(start)s AND t < %(end)s
    ORDER BY t DESC LIMIT %(limit)s
) AS newest
"""

_MINUTE_BARS = """
WITH bars AS (
    SELECT extract(epoch FROM opened_at)::bigint AS t, open, high, low, close, volume
    FROM minute_bars
    WHERE instrument_id = %(instrument)s
      AND opened_at >= to_timestamp(%(start)s) AND opened_at < to_timestamp(%(end)s)
    ORDER BY opened_at DESC LIMIT %(limit)s
)
"""

# The minutes that larger bars are made of, and the first minute past the limit.
_MINUTES = """
WITH past_limit AS (
    SELECT opened_at FROM minute_bars
    WHERE instrument_id = %(instrument)s
      AND opened_at >= %(source_start)s AND opened_at < %(source_end)s
    ORDER BY opened_at DESC OFFSET %(source_limit)s LIMIT 1
), minutes AS (
    SELECT opened_at, high, low, volume,
           (opened_at AT TIME ZONE %(zone)s)::date AS day
    FROM minute_bars
    WHERE instrument_id = %(instrument)s
      AND opened_at >= %(source_start)s AND opened_at < %(source_end)s
      AND opened_at >= coalesce((SELECT opened_at FROM past_limit), '-infinity')
)
"""

# An intraday bar counts from the session's open on its day; a day without hours
# from midnight.
_INTRADAY_BUCKETS = """
, opens AS MATERIALIZED (
    SELECT day, extract(epoch FROM (day + coalesce(
        (SELECT opens_at FROM marketdata_holiday
         WHERE exchange_id = %(exchange)s AND marketdata_holiday.day = days.day),
        (SELECT opens_at FROM marketdata_sessionhours
         WHERE exchange_id = %(exchange)s AND segment IN ('', %(segment)s)
           AND weekday = extract(isodow FROM days.day) - 1
           AND valid_from <= days.day AND coalesce(valid_to, 'infinity') >= days.day
         ORDER BY segment DESC, valid_from DESC LIMIT 1),
        '00:00'
    )) AT TIME ZONE %(zone)s)::bigint AS opened
    FROM (SELECT DISTINCT day FROM minutes) AS days
), buckets AS (
    SELECT opened + floor((extract(epoch FROM opened_at) - opened) / %(size)s)::bigint
               * %(size)s AS t,
           min(opened_at) AS first_at, max(opened_at) AS last_at,
           max(high) AS high, min(low) AS low, sum(volume) AS volume
    FROM minutes JOIN opens USING (day)
    GROUP BY 1
)
"""

_LONGER_BUCKETS = """
, buckets AS (
    SELECT extract(epoch FROM min(day))::bigint AS t,
           min(opened_at) AS first_at, max(opened_at) AS last_at,
           max(high) AS high, min(low) AS low, sum(volume) AS volume
    FROM minutes
    GROUP BY date_trunc(%(unit)s, day::timestamp)
)
"""

_BARS_OF_BUCKETS = """
, bars AS (
    SELECT t, first.open, buckets.high, buckets.low, last.close, buckets.volume
    FROM buckets
    JOIN minute_bars AS first
      ON first.instrument_id = %(instrument)s AND first.opened_at = first_at
    JOIN minute_bars AS last
      ON last.instrument_id = %(instrument)s AND last.opened_at = last_at
    WHERE first_at > coalesce((SELECT opened_at FROM past_limit), '-infinity')
)
"""
_INTRADAY_BARS = _MINUTES + _INTRADAY_BUCKETS + _BARS_OF_BUCKETS
_LONGER_BARS = _MINUTES + _LONGER_BUCKETS + _BARS_OF_BUCKETS


def between(
    instrument: Instrument, resolution: Resolution, start: int, end: int
) -> Columns:
    """Return the newest bars with ``start <= t < end``, at most MAX_BARS."""
    return _ask(instrument, resolution, start=start, end=end, limit=MAX_BARS)


def newest(
    instrument: Instrument, resolution: Resolution, end: int, count: int
) -> Columns:
    """Return the ``count`` newest bars with ``t < end``, at most MAX_BARS."""
    limit = min(count, MAX_BARS)
    return _ask(instrument, resolution, start=EARLIEST, end=end, limit=limit)


def _ask(
    instrument: Instrument, resolution: Resolution, *, start: int, end: int, limit: int
) -> Columns:
    start = min(max(start, EARLIEST), LATEST)
    end = min(max(end, EARLIEST), LATEST)
    parameters = {
        "instrument": instrument.pk,
        "start": start,
        "end": end,
        "limit": limit,
    }
    if resolution == MINUTE:
        return _fetch(_MINUTE_BARS, parameters)
    zone = instrument.exchange.timezone
    parameters |= _source(resolution, zone, start=start, end=end, limit=limit)
    if resolution.is_intraday:
        parameters |= _session(instrument, resolution)
        return _fetch(_INTRADAY_BARS, parameters)
    return _fetch(_LONGER_BARS, parameters)


def _fetch(bars: str, parameters: dict[str, Any]) -> Columns:
    with connection.cursor() as cursor:
        cursor.execute(bars + _COLUMNS, parameters)
        return Columns(*cursor.fetchone())


def _source(
    resolution: Resolution, zone: str, *, start: int, end: int, limit: int
) -> dict[str, Any]:
    """Return which minute bars can be part of a bar in the range."""
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    if resolution.is_intraday:
        last += timedelta(minutes=resolution.minutes)
        most = resolution.minutes
    else:
        first = _midnight(resolution.first_day(first.date()), zone)
        last = _midnight(resolution.day_after(last.date()), zone)
        most = _MOST_MINUTES[resolution.unit]
    return {
        "source_start": first,
        "source_end": last,
        # One bar more: the last minutes may belong to a bar that begins at the end.
        "source_limit": min((limit + 1) * most, MAX_SOURCE_BARS),
        "zone": zone,
        "unit": resolution.unit.value,
    }


def _session(instrument: Instrument, resolution: Resolution) -> dict[str, Any]:
    return {
        "exchange": instrument.exchange_id,
        "segment": instrument.segment,
        "size": resolution.minutes * 60,
    }


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(zone))
