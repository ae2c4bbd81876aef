"""Processes that outlived their supervisor, or left their group: found and ended."""

import os
import signal
from pathlib import Path

from tradingsite.embedded.footprints import PROC, Footprint
from tradingsite.supervisor.launching import MARK

GRACE_S = 5


def end(data: Path, *, grace_s: float = GRACE_S) -> int:
    """End every process that was ever supervised in ``data``; return how many.

    Only the owner of the data folder may call this: it takes all for leftovers.
    """
    left = find(data)
    for number, seconds in ((signal.SIGTERM, grace_s), (signal.SIGKILL, GRACE_S)):
        for footprint in left:
            footprint.send(signal.SIGCONT)
            footprint.send(number)
        if all(footprint.is_gone_within(seconds) for footprint in left):
            break
    return len(left)


def find(data: Path) -> list[Footprint]:
    mark = f"{MARK}={data}".encode()
    pids = [int(entry.name) for entry in _processes() if _is_marked(entry, mark)]
    return [
        footprint
        for pid in pids
        if pid != os.getpid() and (footprint := Footprint.of(pid))
    ]


def _processes() -> list[Path]:
    if not PROC.is_dir():
        return []
    return [entry for entry in PROC.iterdir() if entry.name.isdigit()]


def _is_marked(entry: Path, mark: bytes) -> bool:
    try:
        return mark in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
