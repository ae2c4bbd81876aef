"""What stands on a chart beside its bars: marks, from whoever has something to say.

``settings.UDF_MARKS`` names the sources; an app adds its own line. A source is a
function from what is asked to marks, in any order, inside the range or not: what is
outside is left out here, and of too many the newest are kept.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.utils.module_loading import import_string

from marketdata.models import Instrument
from marketdata.resolutions import Resolution

MOST_MARKS = 2000


class Place(StrEnum):
    """Where a mark stands: on a bar, or on the time scale below."""

    BAR = "bar"
    SCALE = "scale"


class Color(StrEnum):
    """What a mark means, as a color."""

    BULLISH = "#00E676"
    BEARISH = "#FF1744"
    NEUTRAL = "#9CA3AF"
    EXIT_BULLISH = "#FFA726"
    EXIT_BEARISH = "#42A5F5"


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: ``at`` in epoch seconds, ``letter`` drawn, ``lines`` shown when asked.

    ``key`` names it among all marks of all sources and stays the same.
    """

    key: str
    at: int
    color: str
    letter: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """The part of a chart that is looked at, and by whom."""

    instrument: Instrument
    resolution: Resolution
    start: int
    end: int
    user_id: int
    place: Place


Source = Callable[[Asked], Iterable[Mark]]


def marks(asked: Asked) -> list[Mark]:
    """Return the marks in the range, oldest first; of too many the newest."""
    found = [
        mark
        for path in settings.UDF_MARKS
        for mark in _source(path)(asked)
        if asked.start <= mark.at <= asked.end
    ]
    found.sort(key=lambda mark: (mark.at, mark.key))
    return found[-MOST_MARKS:]


def _source(path: str) -> Source:
    source: Source = import_string(path)
    return source
