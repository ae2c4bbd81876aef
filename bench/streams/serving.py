"""The hubs that are compared: how each is started, and when it is ready."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.children import Child
from bench.ground import Ground
from bench.machine import Machine
from bench.streams.crowd import Crowd, Silent
from tradingsite.embedded.ports import free_port

READY_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Kind:
    """A hub: how it is started and what its clients say first."""

    command: Callable[[int], list[str]]
    hello: bytes = b""
    awaited: bytes = b""
    environment: tuple[tuple[str, str], ...] = ()


@contextlib.contextmanager
def started(
    kind: Kind, ground: Ground, machine: Machine
) -> Iterator[tuple[Child, int]]:
    """Start a hub on the measured core and end it with the block."""
    port = free_port()
    environment = ground.environment(
        TRADINGSITE_PROCESS="web", WEB_PROCESSES="1", **dict(kind.environment)
    )
    with Child(kind.command(port), environment, machine) as child:
        deadline = time.monotonic() + READY_WITHIN_S
        while not _answers(kind, port):
            if time.monotonic() > deadline or not child.is_alive():
                raise child.failure("did not become ready")
            time.sleep(0.1)
        yield child, port


def _answers(kind: Kind, port: int) -> bool:
    first = Crowd([port])
    try:
        first.gather(1, kind.hello, kind.awaited)
    except (OSError, Silent):
        return False
    finally:
        first.leave()
    return True


def resident_kib(pid: int) -> float:
    """Return the memory that the process has resident."""
    text = Path(f"/proc/{pid}/status").read_text()
    return float(text.partition("VmRSS:")[2].split()[0])
