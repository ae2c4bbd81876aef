"""Starting a program as a group of its own that can be ended as a whole."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from tradingsite.embedded.server import launch_command
from tradingsite.supervisor.output import Console
from tradingsite.supervisor.programs import Program

REAP_TIMEOUT_S = 5
# Every process below the supervisor carries this: a leftover is found by it.
MARK = "TRADINGSITE_SUPERVISED_IN"


class ProcessGroup:
    """A process in a session of its own, with all that it starts there."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return how the first process ended; what it left of its group is killed."""
        if self._process.returncode is None and self._has_ended():
            # Before it is reaped: until then nobody else can get its number.
            self._kill_group()
            self._process.wait(REAP_TIMEOUT_S)
        return self._process.returncode

    def terminate(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if self._process.returncode is None:
            self._kill_group()
            self._process.wait(REAP_TIMEOUT_S)

    def _has_ended(self) -> bool:
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.pid, options) is not None

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class Launcher:
    """Starts programs for one data folder and passes on what they write."""

    def __init__(
        self, console: Console, *, data: Path, environment: dict[str, str]
    ) -> None:
        self._console = console
        self._environment = environment | {MARK: str(data)}

    def __call__(self, program: Program) -> ProcessGroup:
        process = subprocess.Popen(  # noqa: S603 - commands of our own table
            launch_command(program.command, death_signal=signal.SIGTERM),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment | dict(program.environment),
            start_new_session=True,
        )
        if process.stdout is not None:
            self._console.follow(program.name, process.stdout)
        return ProcessGroup(process)
