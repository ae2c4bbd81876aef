"""What is asked of serving, what it must wait for, and what it has heard."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from marketdata.history import source
from marketdata.history.charted import Charted
from marketdata.history.fragments import EMPTY, Fragment
from marketdata.resolutions import Resolution


@dataclass(frozen=True, slots=True)
class Need:
    """Something to wait for; ``name`` tells those that are the same."""

    name: tuple[Any, ...]
    fetch: Callable[[], Any]
    take: Callable[[Any], None]


class OutOfReach(Exception):  # noqa: N818 - the fact, as the caller speaks of it
    """Tells that so long a walk is PostgreSQL's to make."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bars of one instrument: the newest ``limit`` with ``start <= t < end``."""

    charted: Charted
    resolution: Resolution
    start: int
    end: int
    limit: int

    @classmethod
    def of(
        cls, charted: Charted, resolution: Resolution, start: int, end: int, limit: int
    ) -> "Wanted":
        first = min(max(start, source.EARLIEST), source.LATEST)
        last = min(max(end, source.EARLIEST), source.LATEST)
        return cls(charted, resolution, first, last, min(limit, source.MAX_BARS))


@dataclass(slots=True)
class Fresh:
    """What was read for one request only: the end of the open day.

    ``opened`` is the beginning that it continues, ``look`` how much was known then.
    """

    tail: Fragment | None = None
    opened: "Opened | None" = None
    look: int = 0


@dataclass(frozen=True, slots=True)
class Opened:
    """The settled beginning of a day that is still open: its bars before ``cut``."""

    day: int
    cut: int
    bars: Fragment = EMPTY


@dataclass(slots=True)
class Changes:
    """When, counted in looks, each instrument last changed."""

    looks: int = 0
    of: dict[int, int] = field(default_factory=dict)
    of_all: int = 0

    def since(self, look: int, instrument_id: int) -> bool:
        return max(self.of.get(instrument_id, 0), self.of_all) > look
