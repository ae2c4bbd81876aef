"""How long one bar of a chart lasts, and the names charts have for it.

A chart client says ``5``, ``60``, ``D`` or ``1D``. ``parse`` turns that into one of
the resolutions below, or refuses: a resolution nobody knows is never read as another.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class UnknownResolutionError(ValueError):
    """A name that no resolution of ours answers to."""


class Unit(StrEnum):
    """What a resolution counts: minutes of a session, or whole trading days."""

    MINUTE = "minute"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The length of a bar; ``code`` is its canonical name on the wire."""

    code: str
    unit: Unit
    minutes: int = 0

    @property
    def is_intraday(self) -> bool:
        return self.unit is Unit.MINUTE

    def first_day(self, day: date) -> date:
        """Return the first calendar day of the bar that ``day`` belongs to."""
        if self.unit is Unit.WEEK:
            return day - timedelta(days=day.weekday())
        if self.unit is Unit.MONTH:
            return day.replace(day=1)
        return day

    def day_after(self, day: date) -> date:
        """Return the first calendar day that belongs to the next bar."""
        first = self.first_day(day)
        if self.unit is Unit.WEEK:
            return first + timedelta(days=7)
        if self.unit is Unit.MONTH:
            return (first + timedelta(days=31)).replace(day=1)
        return first + timedelta(days=1)


MINUTE = Resolution("1", Unit.MINUTE, 1)
RESOLUTIONS = (
    MINUTE,
    *(Resolution(str(size), Unit.MINUTE, size) for size in (2, 3, 5, 10, 15, 30, 60)),
    Resolution("1D", Unit.DAY),
    Resolution("1W", Unit.WEEK),
    Resolution("1M", Unit.MONTH),
)
_SHORT_NAMES = {"D": "1D", "W": "1W", "M": "1M"}


def parse(name: str) -> Resolution:
    """Return the resolution called ``name``, or raise UnknownResolutionError."""
    code = _SHORT_NAMES.get(name, name)
    for resolution in RESOLUTIONS:
        if resolution.code == code:
            return resolution
    raise UnknownResolutionError(name)
