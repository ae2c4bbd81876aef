"""The machine under the bench: which core does what, and what a process used of it."""

import os
import platform
from pathlib import Path


class Machine:
    """Keeps the measured process on one core, servers and load on the others."""

    def __init__(self) -> None:
        self._cores = _usable_cores()

    @property
    def is_pinned(self) -> bool:
        return len(self._cores) > 1

    def take_other_cores(self) -> None:
        """Move this process, and the servers it will start, off the measured core."""
        if self.is_pinned:
            os.sched_setaffinity(0, self._cores[1:])

    def give_measured_core(self, pid: int) -> None:
        """Put a process that has only just started alone on the measured core."""
        if self.is_pinned:
            os.sched_setaffinity(pid, self._cores[:1])

    def __str__(self) -> str:
        pinned = "measured process alone on one" if self.is_pinned else "not pinned"
        return f"{len(self._cores)} cores ({pinned}), {_cpu_kind()}"


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that the process ``pid`` has used, all threads together."""
    # The name, in brackets, may hold spaces; user and system time are 12 fields on.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited_seconds(pid: int | str = "self") -> float:
    """Return how long the process was ready to run while others had its core.

    On a machine that is shared this tells how far a wall time can be believed.
    """
    try:
        waits = [
            int((task / "schedstat").read_text().split()[1])
            for task in Path(f"/proc/{pid}/task").iterdir()
        ]
    except OSError:
        return 0.0
    return sum(waits) / 1e9


def _usable_cores() -> list[int]:
    if not hasattr(os, "sched_getaffinity"):
        return [0]
    return sorted(os.sched_getaffinity(0))


def _cpu_kind() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()
