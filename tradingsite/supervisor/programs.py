"""Programs that can be supervised, and what is known of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Status = Literal["starting", "running", "backing_off", "failed", "stopped"]


@dataclass(frozen=True)
class Program:
    """A command that should always run."""

    name: str
    kind: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    # Without a question to ask, a process that lives counts as ready.
    is_ready: Callable[[], bool] | None = None
    ready_within_s: float = 60


@dataclass(frozen=True)
class State:
    """What the supervisor knows of one program at one moment."""

    name: str
    kind: str
    status: Status
    pid: int | None
    started_at: datetime | None
    restarts: int
    last_exit_code: int | None
    next_start_at: datetime | None


class Running(Protocol):
    """A started process and its whole group."""

    @property
    def pid(self) -> int:
        """The first process of the group."""

    def exit_code(self) -> int | None:
        """Return how it ended, or None while it runs."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it and its whole group at once."""


Launch = Callable[[Program], Running]
