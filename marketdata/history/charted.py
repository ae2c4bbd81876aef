"""An instrument as serving knows it: its clock, and since when it has bars."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from django.db import connection

from marketdata.models import Instrument

_FIRST_BAR = "SELECT min(opened_at) FROM minute_bars WHERE instrument_id = %s"
# Sums only grow, and grow with each of their parts.
_MONTHS = """
SELECT extract(year FROM day)::int * 12 + extract(month FROM day)::int,
       sum(version)::bigint
  FROM bar_days WHERE instrument_id = %s GROUP BY 1
"""


@dataclass(slots=True)
class Charted:
    """An instrument with its days; days are ordinals, instants epoch seconds."""

    instrument: Instrument
    zone: ZoneInfo
    # No bar is older, as far as one has heard.
    first_day: int
    # The version of each month that has one; None while nobody has asked.
    months: Mapping[int, int] | None = None
    _midnights: dict[int, int] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return self.instrument.pk

    def day_of(self, at: int) -> int:
        return datetime.fromtimestamp(at, self.zone).toordinal()

    def midnight(self, day: int) -> int:
        """Return when ``day`` begins on the exchange's clock."""
        known = self._midnights.get(day)
        if known is None:
            begins = datetime.combine(date.fromordinal(day), time(), self.zone)
            known = self._midnights[day] = int(begins.timestamp())
        return known

    def version(self, day: int) -> int:
        """Return a number that grows with each change of the month around ``day``."""
        months = {_month(day), _month(day + 1)}
        return sum((self.months or {}).get(month, 0) for month in months)


def charted(instrument: Instrument, closed_before: int) -> Charted:
    """Look up what serving must know of ``instrument``.

    Days from ``closed_before`` on may still get their first bar without a word.
    """
    zone = ZoneInfo(instrument.exchange.timezone)
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_BAR, [instrument.pk])
        (first,) = cursor.fetchone()
    now = datetime.fromtimestamp(closed_before, UTC)
    first_day = min(first or now, now).astimezone(zone).toordinal()
    return Charted(instrument, zone, first_day)


def month_versions(instrument_id: int) -> dict[int, int]:
    """Return the version of each month in which a closed day changed."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS, [instrument_id])
        return dict(cursor.fetchall())


def _month(day: int) -> int:
    at = date.fromordinal(day)
    return at.year * 12 + at.month
