"""Knowing a process again: by its pid and its birth, for pids are used again."""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

PROC = Path("/proc")
PS_TIMEOUT_S = 5


@dataclass(frozen=True)
class Footprint:
    """A process that is told apart from a later one with the same pid."""

    pid: int
    birth: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the footprint of a living process, None for a dead or undead one."""
        birth = birth_of(pid)
        return cls(pid, birth) if birth else None

    def is_alive(self) -> bool:
        return birth_of(self.pid) == self.birth

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def is_gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True

    def as_json(self) -> dict[str, int | str]:
        return asdict(self)


def birth_of(pid: int) -> str:
    """Return when the process began, in the kernel's words; empty when it is dead."""
    if not PROC.joinpath("self/stat").exists():
        return _ps("-o", "lstart=", "-p", str(pid)).strip()
    fields = _stat(pid)
    return "" if not fields or fields[0] in "ZX" else fields[19]


def command_line(pid: int) -> str:
    try:
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return _ps("-o", "args=", "-p", str(pid)) if not PROC.exists() else ""
    return raw.replace(b"\0", b" ").decode(errors="replace")


def descendants(pid: int) -> list[int]:
    """Return the children of ``pid``, their children and so on."""
    parents = _parents()
    found = [pid]
    for ancestor in found:
        found.extend(child for child, parent in parents.items() if parent == ancestor)
    return found[1:]


def _stat(pid: int) -> list[str]:
    """Return the fields of ``/proc/pid/stat`` after the name, which may hold blanks."""
    try:
        content = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return []
    return content.rpartition(")")[2].split()


def _parents() -> dict[int, int]:
    if not PROC.joinpath("self/stat").exists():
        rows = _ps("-axo", "pid=,ppid=").split()
        return dict(zip(map(int, rows[::2]), map(int, rows[1::2]), strict=True))
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    return {pid: int(fields[1]) for pid in pids if (fields := _stat(pid))}


def _ps(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603 - fixed words and a number
        ["/bin/ps", *arguments],
        capture_output=True,
        text=True,
        timeout=PS_TIMEOUT_S,
        check=False,
    ).stdout
