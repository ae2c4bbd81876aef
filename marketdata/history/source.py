"""Bars for a chart: the newest ones of a time range, as columns of JSON numbers.

A bar belongs to a range when its own time ``t`` does: ``start <= t < end``. It is
always whole, so the same bar reads the same in every answer. ``t`` is the open of an
intraday bar, and 00:00 UTC of the (first) trading day of a longer one. East of
Greenwich that instant comes hours after the day began: until then a range that ends
now reaches to the open day all the same (``reach``).

Minute bars are the truth. Larger ones come from the rollups, except those that hold a
minute which is not rolled up yet: these are made of their minutes, in the same query
(``rollups.reading``). PostgreSQL also writes the columns as text: an answer is then a
join of strings and costs Python no row.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from marketdata.models import Instrument
from marketdata.resolutions import MINUTE, Resolution, Unit
from marketdata.rollups import reading

# An answer holds at most this many bars, the newest of its range.
MAX_BARS = 10_000
# At most so many dirty minutes are looked at, the newest of the range; the bar that
# this limit would cut in two is left out, and what is older.
MAX_SOURCE_BARS = 500_000
# No bar is asked for outside 1970 to 2100; a wider range is narrowed to that.
EARLIEST, LATEST = 0, 4_102_444_800
# A session of six hours and a quarter on five days of seven, some holidays among them.
USUAL_STRETCH = 6
LONGEST_HOLIDAY_S = 10 * 86_400
# Whose clock is so much behind ours still means now.
CLOCKS_DIFFER_S = 60
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


def between(
    instrument: Instrument, resolution: Resolution, start: int, end: int
) -> Columns:
    """Return the newest bars with ``start <= t < end``, at most MAX_BARS."""
    return _ask(instrument, resolution, start=start, end=end, limit=MAX_BARS)


def newest(
    instrument: Instrument, resolution: Resolution, end: int, count: int
) -> Columns:
    """Return the ``count`` newest bars with ``t < end``, at most MAX_BARS.

    They are looked for where they usually are, and only then in the whole history:
    what a question costs must not grow with the years that are stored.
    """
    limit = min(count, MAX_BARS)
    if resolution.is_intraday:
        near = _near(resolution, end, limit)
        found = _ask(instrument, resolution, start=near, end=end, limit=limit)
        if found.count == limit:
            return found
    return _ask(instrument, resolution, start=EARLIEST, end=end, limit=limit)


def reach(resolution: Resolution, zone: tzinfo, end: int, now: float) -> int:
    """Return ``end``, or just past the stamp of the open day when ``end`` means now.

    Only while that stamp, 00:00 UTC of the day, is still to come in ``zone``. Who ends
    a range at the stamp itself, as who pages backwards, is taken at his word.
    """
    if resolution.is_intraday or end < now - CLOCKS_DIFFER_S:
        return end
    today = datetime.fromtimestamp(now, zone).date()
    stamp = int(datetime.combine(today, time(), UTC).timestamp())
    return max(end, stamp + 1) if end != stamp else end


def _near(resolution: Resolution, end: int, limit: int) -> int:
    """Return since when a market of short days has usually brought ``limit`` bars."""
    now = int(timezone.now().timestamp())
    usual = limit * resolution.minutes * 60 * USUAL_STRETCH
    return min(end, now) - usual - LONGEST_HOLIDAY_S


def _ask(
    instrument: Instrument, resolution: Resolution, *, start: int, end: int, limit: int
) -> Columns:
    zone = ZoneInfo(instrument.exchange.timezone)
    start = min(max(start, EARLIEST), LATEST)
    end = min(max(end, EARLIEST), LATEST)
    end = reach(resolution, zone, end, timezone.now().timestamp())
    parameters = {
        "instrument": instrument.pk,
        "start": start,
        "end": end,
        "limit": limit,
    }
    if resolution == MINUTE:
        return _fetch(_MINUTE_BARS, parameters)
    parameters |= _source(resolution, zone, start=start, end=end, limit=limit)
    if resolution.is_intraday:
        parameters |= _session(instrument, resolution)
        return _fetch(reading.INTRADAY, parameters)
    if resolution.unit is Unit.DAY:
        return _fetch(reading.DAYS, parameters)
    return _fetch(reading.WEEKS_AND_MONTHS, parameters)


def _fetch(bars: str, parameters: dict[str, Any]) -> Columns:
    with connection.cursor() as cursor:
        cursor.execute(bars + _COLUMNS, parameters)
        return Columns(*cursor.fetchone())


def _source(
    resolution: Resolution, zone: ZoneInfo, *, start: int, end: int, limit: int
) -> dict[str, Any]:
    """Return which minute bars can be part of a bar in the range."""
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    first_on = resolution.first_day(first.date())
    after_on = resolution.day_after(last.date())
    if resolution.is_intraday:
        last += timedelta(minutes=resolution.minutes)
        most = resolution.minutes
    else:
        first, last = _midnight(first_on, zone), _midnight(after_on, zone)
        most = _MOST_MINUTES[resolution.unit]
    return {
        "first_on": first_on,
        "after_on": after_on,
        "source_start": first,
        "source_end": last,
        # One bar more: the last minutes may belong to a bar that begins at the end.
        "source_limit": min((limit + 1) * most, MAX_SOURCE_BARS),
        "zone": zone.key,
        "unit": resolution.unit.value,
    }


def _session(instrument: Instrument, resolution: Resolution) -> dict[str, Any]:
    return {
        "exchange": instrument.exchange_id,
        "segment": instrument.segment,
        "size": f"{resolution.minutes} minutes",
        "minutes": resolution.minutes,
    }


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)
