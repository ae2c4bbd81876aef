"""What every embedded server has in common: one program, one folder, one port."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from tradingsite.embedded import launch
from tradingsite.embedded.errors import EmbeddedError
from tradingsite.embedded.folder import (
    explained,
    private_folder,
    read_json,
    write_private,
)
from tradingsite.embedded.footprints import Footprint, command_line, descendants
from tradingsite.embedded.ports import LOOPBACK, free_port, is_free

READY_WITHIN_S = 60
STOP_WITHIN_S = 15
START_ATTEMPTS = 5
POLL_S = 0.02
RECORD = "process.json"

Progress = Callable[[str], None]


def silent(step: str) -> None:
    """Report no progress."""


def launch_command(
    command: list[str], *, death_signal: signal.Signals, identity: str = "same"
) -> list[str]:
    """Return ``command`` in the wrapper that ties it to this process."""
    return [
        sys.executable,
        "-I",
        "-S",
        launch.__file__,
        str(os.getpid()),
        str(int(death_signal)),
        identity,
        *command,
    ]


class Server(ABC):
    """A server process of our own, private to this machine and this folder."""

    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, folder: Path, *, port: int = 0, durable: bool = True) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.durable = durable
        self.identity = "same"
        self._port_is_given = bool(port)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The address with which the product reaches this server."""

    @abstractmethod
    def prepare(self, progress: Progress) -> None:
        """Make the files that the server needs before it starts."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the program and its options."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the server answers now."""

    def is_own_command(self, words: str) -> bool:
        """Whether a process with this command line is this folder's server."""
        return f"{self.folder}/" in words

    @property
    def pid(self) -> int:
        if self._process is None:
            raise EmbeddedError(f"{self.title} was not started.")
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.folder / "start.log"

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, progress: Progress = silent) -> None:
        """Start the server and return when it answers; a killed one recovers."""
        if self.is_running():
            return
        private_folder(self.folder)
        self.retire_predecessor()
        self.prepare(progress)
        progress(f"{self.title} starts")
        for attempt in range(START_ATTEMPTS, 0, -1):
            self._choose_port()
            self.spawn()
            if self._waits_until_ready(last=attempt == 1):
                return

    def spawn(self) -> None:
        """Start the program without waiting for it."""
        with explained(self.folder), self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                launch_command(
                    self.command(),
                    death_signal=self.stop_signal,
                    identity=self.identity,
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment(),
                cwd=self.folder,
                start_new_session=True,
            )
        footprint = Footprint.of(self._process.pid)
        if footprint is not None:
            write_private(self.folder / RECORD, json.dumps(footprint.as_json()))

    def environment(self) -> dict[str, str]:
        """Return the little that the server needs to know: nothing of ours."""
        return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

    def revive(self) -> bool:
        """Spawn the server again if it has died; tell whether it had."""
        if self.is_running():
            return False
        self.retire_predecessor()
        self.spawn()
        return True

    def stop(self) -> None:
        """Stop in order; what does not stop in time is killed."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            self.thaw()
            process.send_signal(self.stop_signal)
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None
        (self.folder / RECORD).unlink(missing_ok=True)

    def kill(self) -> None:
        """Kill the whole server at once, as a power cut would."""
        self.freeze()
        for pid in self._family():
            _send(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(STOP_WITHIN_S)

    def freeze(self) -> None:
        """Stop the server from running without ending it."""
        for pid in self._family():
            _send(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server run on."""
        for pid in reversed(self._family()):
            _send(pid, signal.SIGCONT)

    def retire_predecessor(self) -> None:
        """End the server that a killed owner left behind in this folder."""
        left = self.predecessor()
        if left is None or not self.is_own_command(command_line(left.pid)):
            return
        family = [
            footprint
            for pid in descendants(left.pid)
            if (footprint := Footprint.of(pid))
        ]
        left.send(signal.SIGCONT)
        left.send(self.stop_signal)
        if not left.is_gone_within(STOP_WITHIN_S):
            left.send(signal.SIGKILL)
        for footprint in [left, *family]:
            if not footprint.is_gone_within(STOP_WITHIN_S):
                footprint.send(signal.SIGKILL)

    def predecessor(self) -> Footprint | None:
        """Return the process that was written down in this folder, if it lives."""
        record = read_json(self.folder / RECORD)
        if not isinstance(record.get("pid"), int):
            return None
        left = Footprint(record["pid"], str(record.get("birth", "")))
        return left if left.is_alive() else None

    def failure(self) -> EmbeddedError:
        """Explain from its last words, in one sentence, why it did not start."""
        words = self.last_words()
        if "Address already in use" in words or "Address in use" in words:
            return EmbeddedError(
                f"{self.title} cannot listen: port {self.port} of {LOOPBACK} is taken."
            )
        if "No space left on device" in words:
            return EmbeddedError(
                f"{self.title} cannot start: the disk that holds {self.folder} is full."
            )
        lines = [line for line in words.splitlines() if line.strip()] or ["no word"]
        telling = [line for line in lines if "FATAL" in line or "PANIC" in line]
        return EmbeddedError(
            f"{self.title} did not start; its last words: {(telling or lines)[-1]}"
        )

    def last_words(self) -> str:
        with contextlib.suppress(OSError):
            return self.log.read_text(errors="replace")[-4000:]
        return ""

    def _choose_port(self) -> None:
        if not self._port_is_given and not (self.port and is_free(self.port)):
            self.port = free_port()

    def _waits_until_ready(self, *, last: bool) -> bool:
        """Wait for an answer; False when another port should be tried."""
        deadline = time.monotonic() + READY_WITHIN_S
        while self.is_running():
            if self.is_ready():
                return True
            if time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError(
                    f"{self.title} did not answer within {READY_WITHIN_S} seconds."
                )
            time.sleep(POLL_S)
        error = self.failure()
        if self._port_is_given or last or "is taken" not in str(error):
            raise error
        self.port = 0
        return False

    def _family(self) -> list[int]:
        """Return this server's processes, the first one first; none when it is dead."""
        if not self.is_running():
            return []
        return [self.pid, *descendants(self.pid)]


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
