"""Minutes one after the other, as runs: how holes are told and drawn."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """So many minutes in a row, from minute ``begin`` of a session on."""

    begin: int
    length: int

    @property
    def end(self) -> int:
        """Return the minute after the last one."""
        return self.begin + self.length

    @property
    def minutes(self) -> range:
        return range(self.begin, self.end)


def runs_of(minutes: Iterable[int]) -> list[Run]:
    """Return the runs of ``minutes``, in order."""
    runs: list[Run] = []
    for minute in sorted(minutes):
        if runs and runs[-1].end == minute:
            runs[-1] = Run(runs[-1].begin, runs[-1].length + 1)
        else:
            runs.append(Run(minute, 1))
    return runs
