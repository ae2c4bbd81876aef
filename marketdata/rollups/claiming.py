"""Taking dirty minutes, so that nobody else rolls up the same bars meanwhile.

Marks are locked with SKIP LOCKED: neither another rollup nor a writer is waited for.
That alone is not enough, for two minutes of one hour are two marks and one bar, and
call and put are two marks and one strike; so chains, and groups of other instruments,
are locked too until the transaction ends. What is locked already is left to its holder.
"""

import datetime
from dataclasses import dataclass
from typing import Any

from django.db import connection

from marketdata import partitions
from marketdata.models import Instrument
from marketdata.resolutions import RESOLUTIONS

# The mark of a minute that nobody closed belongs to an ingestor that never came back.
ABANDONED = "1 hour"
# Instruments that share a lock: PostgreSQL has room for some thousand locks in all.
GROUP = 64

LOCK = f"""hashtextextended(
               CASE WHEN kind = 'option' AND underlying_id IS NOT NULL
                    THEN concat_ws(':', 'roll-up', underlying_id, expires_on)
                    ELSE concat_ws(':', 'roll-up', id / {GROUP}) END, 0)"""
HOLD = f"""
SELECT pg_advisory_xact_lock({LOCK}) FROM marketdata_instrument WHERE id = %s
"""  # noqa: S608 - no value is put together here

# Minutes are gathered by quarters of an hour of the world's clock, for each of those
# lies in one day of any exchange; and then by hours of the session, which a quarter may
# reach out of. ``mask`` has a bit for each minute of the hour that is dirty, the first
# the lowest. The hour of the first minutes of a day may begin in the day before: it is
# named by that beginning and holds what is of its own day.
CLAIM = f"""
WITH waiting AS MATERIALIZED (
    SELECT instrument_id, ctid AS place FROM dirty_buckets
     WHERE NOT is_open OR marked_at < now() - interval '{ABANDONED}'
     ORDER BY instrument_id, opened_at
     LIMIT %(most)s
       FOR UPDATE SKIP LOCKED
), marked AS MATERIALIZED (
    SELECT wanted.id, instrument.kind, instrument.underlying_id,
           coalesce(instrument.exchange_id, '') AS exchange_id,
           coalesce(instrument.segment, '') AS segment,
           instrument.expires_on, coalesce(exchange.timezone, 'UTC') AS zone
      FROM (SELECT DISTINCT instrument_id AS id FROM waiting) AS wanted
      LEFT JOIN marketdata_instrument instrument ON instrument.id = wanted.id
      LEFT JOIN marketdata_exchange exchange ON exchange.code = instrument.exchange_id
), ours AS MATERIALIZED (
    SELECT * FROM marked
     WHERE pg_try_advisory_xact_lock({LOCK})
), taken AS (
    DELETE FROM dirty_buckets mark USING waiting
     WHERE mark.ctid = waiting.place
       AND waiting.instrument_id IN (SELECT id FROM ours)
    RETURNING mark.instrument_id, mark.opened_at
), quarters AS (
    SELECT instrument_id, date_bin('15 minutes', opened_at, 'epoch') AS quarter,
           bit_or(1::bigint << date_part('minute', opened_at)::int %% 15) AS mask
      FROM taken GROUP BY 1, 2
), dated AS MATERIALIZED (
    SELECT quarters.*, (quarter AT TIME ZONE zone)::date AS day,
           exchange_id, segment, zone
      FROM quarters JOIN ours ON ours.id = instrument_id
), days AS MATERIALIZED (
    SELECT exchange_id, segment, day, day::timestamp AT TIME ZONE zone AS midnight,
           (day + 1)::timestamp AT TIME ZONE zone AS next_midnight,
           {{opens_at}} AS session_at
      FROM (SELECT DISTINCT exchange_id, segment, day, zone FROM dated) AS found
), placed AS (
    SELECT *, date_part('minute', quarter - hour)::int AS place
      FROM (SELECT dated.instrument_id, dated.day, dated.quarter, dated.mask,
                   midnight, next_midnight,
                   date_bin('60 minutes', quarter, session_at) AS hour
              FROM dated JOIN days USING (exchange_id, segment, day)) AS found
), hours AS (
    SELECT instrument_id, day, midnight, next_midnight, hour,
           (mask & ((1::bigint << (60 - place)) - 1)) << place AS mask
      FROM placed
    UNION ALL
    SELECT instrument_id, day, midnight, next_midnight, hour + interval '60 minutes',
           mask >> (60 - place)
      FROM placed WHERE place > 45
)
SELECT instrument_id, day, midnight, next_midnight, hour, bit_or(mask)
  FROM hours
 WHERE mask <> 0
 GROUP BY instrument_id, day, midnight, next_midnight, hour
 ORDER BY instrument_id, hour, day
"""  # noqa: S608 - no value is put together here


@dataclass(frozen=True, slots=True)
class Claim:
    """Dirty hours by columns."""

    hours: dict[str, list[Any]]

    @property
    def minutes(self) -> int:
        return sum(mask.bit_count() for mask in self.hours["masks"])

    @property
    def months(self) -> set[datetime.date]:
        """Return the months in which bars of minutes are to be written."""
        starts = {*self.hours["hours"], *self.hours["midnights"]}
        return {partitions.month_of(at) for at in starts}

    @property
    def beginnings(self) -> set[datetime.date]:
        """Return the days on which the days, weeks and months to be written begin."""
        return {
            resolution.first_day(day)
            for day in set(self.hours["days"])
            for resolution in RESOLUTIONS
            if not resolution.is_intraday
        }


def opens_at(exchange: str, segment: str, day: str, zone: str) -> str:
    """Return the SQL of the instant at which the session of a day opens.

    A special session has its own open; a closed day, or one without hours, counts
    from midnight.
    """
    return f"""
    ({day} + coalesce(
        (SELECT coalesce(special.opens_at, '00:00') FROM marketdata_holiday special
          WHERE special.exchange_id = {exchange} AND special.day = {day}),
        (SELECT regular.opens_at FROM marketdata_sessionhours regular
          WHERE regular.exchange_id = {exchange}
            AND regular.segment IN ('', {segment})
            AND regular.weekday = extract(isodow FROM {day}) - 1
            AND regular.valid_from <= {day}
            AND coalesce(regular.valid_to, 'infinity') >= {day}
          ORDER BY regular.segment DESC, regular.valid_from DESC LIMIT 1),
        '00:00'
    )) AT TIME ZONE {zone}"""  # noqa: S608 - made of names of columns


STATEMENT = CLAIM.format(
    opens_at=opens_at("found.exchange_id", "found.segment", "found.day", "found.zone")
)
COLUMNS = ("instruments", "days", "midnights", "next_midnights", "hours", "masks")


def claim(most: int) -> Claim | None:
    """Take up to ``most`` dirty minutes; None when there are none to be had.

    The marks are gone with the caller's transaction, or there again.
    """
    with connection.cursor() as cursor:
        cursor.execute(STATEMENT, {"most": most})
        rows = cursor.fetchall()
    if not rows:
        return None
    columns = (list(column) for column in zip(*rows, strict=True))
    return Claim(dict(zip(COLUMNS, columns, strict=True)))


def hold(instrument: Instrument) -> None:
    """Keep rollups away from ``instrument`` until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(HOLD, [instrument.pk])
