"""The processes of a bench: a module run as a program, which reports in JSON lines."""

import contextlib
import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.machine import Machine

ROOT = Path(__file__).resolve().parent.parent
LONGEST_S = 240.0
STOP_WITHIN_S = 10


class ChildFailed(Exception):  # noqa: N818 - reads as what happened
    """A process of the bench ended, or fell silent, before it had reported."""


class Child:
    """One such process; it is ended with the ``with`` block that holds it."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        machine: Machine | None = None,
    ) -> None:
        self._command = command
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            bufsize=0,
        )
        if machine:
            machine.give_measured_core(self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_WITHIN_S)
        self._process.kill()
        self._process.wait(STOP_WITHIN_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._words.close()

    def report(self, timeout_s: float = LONGEST_S) -> Any:
        """Return the next JSON line of its standard output."""
        deadline = time.monotonic() + timeout_s
        line = b""
        while not line.endswith(b"\n"):
            line += self._more(deadline - time.monotonic())
        return json.loads(line)

    def go(self) -> None:
        """Send the line it waits for."""
        if self._process.stdin:
            self._process.stdin.write(b"\n")

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def failure(self, what: str) -> ChildFailed:
        self._words.seek(0)
        words = self._words.read().decode(errors="replace")
        return ChildFailed(f"{' '.join(self._command)} {what}: {words[-3000:]}")

    def _more(self, timeout_s: float) -> bytes:
        output = self._process.stdout
        if output is None or not select.select([output], [], [], max(timeout_s, 0))[0]:
            raise self.failure("did not report in time")
        # Byte by byte: what follows the line belongs to the next report.
        byte = output.read(1)
        if not byte:
            raise self.failure("ended before it reported")
        return byte


def module(name: str, *arguments: str) -> list[str]:
    """Return the command that runs the module ``name`` as a program."""
    return [sys.executable, "-m", name, *arguments]


def run(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run ``command`` to its end and return what it said; raise when it fails."""
    try:
        return subprocess.run(
            command,
            env=dict(environment),
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        ).stdout
    except subprocess.CalledProcessError as error:
        words = error.stderr[-3000:]
        raise ChildFailed(f"{' '.join(command)} failed: {words}") from None


def tell(**report: Any) -> None:
    """Report, from within such a process, to the bench that started it."""
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()
