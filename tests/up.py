"""``manage.py up`` as a user runs it: a process of its own in a folder of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tradingsite.embedded.footprints import PROC
from tradingsite.embedded.ports import free_port
from tradingsite.embedded.server import launch_command
from tradingsite.supervisor import leftovers

ROOT = Path(__file__).parent.parent
WELCOME = "Ctrl-C stops everything."
OWN_SERVERS = {"DATABASE_URL", "REDIS_URL", "TICKER_URL", "DJANGO_SETTINGS_MODULE"}
# Eight processes start on cores that other tests use as well.
READY_WITHIN_S = 150


class Up:
    """A site, started by one command, and what it has said since."""

    def __init__(
        self, data: Path, *, port: int | None = None, command: tuple[str, ...] = ()
    ) -> None:
        self.data, self.port = data, port or free_port()
        self.command = command or (sys.executable, "manage.py", "up")
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the run
        self.start()

    def start(self) -> None:
        """Start the site, also again where it was killed."""
        self.said.seek(0)
        self.said.truncate()
        kept = {k: v for k, v in os.environ.items() if k not in OWN_SERVERS}
        self.process = subprocess.Popen(
            # A test run that is killed takes its sites with it.
            launch_command(
                list(self.command), death_signal=signal.SIGTERM, identity="same"
            ),
            cwd=ROOT,
            env=kept | {"TRADINGSITE_DATA": str(self.data), "PORT": str(self.port)},
            stdin=subprocess.DEVNULL,
            stdout=self.said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def output(self) -> str:
        size = os.fstat(self.said.fileno()).st_size
        return os.pread(self.said.fileno(), size, 0).decode(errors="replace")

    def wait_until(self, condition: Callable[[], bool], within_s: float = 60) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert self.process.poll() is None, f"up ended early:\n{self.output}"
            assert time.monotonic() < deadline, f"not in time:\n{self.output}"
            time.sleep(0.1)

    def wait_until_said(self, words: str, within_s: float = 60) -> None:
        self.wait_until(lambda: words in self.output, within_s)

    def wait_ready(self) -> None:
        self.wait_until_said(WELCOME, READY_WITHIN_S)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def close(self) -> None:
        """End what is left of the run, however it went."""
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        if self.data.is_dir():
            leftovers.end(self.data, grace_s=0)
        self.said.close()

    def status_of(self, path: str) -> int:
        """Return the status with which an address answers, 0 where nobody listens."""
        try:
            answer = httpx.get(
                f"http://127.0.0.1:{self.port}{path}", timeout=30, trust_env=False
            )
        except httpx.ConnectError:
            return 0
        return answer.status_code

    def pid_of(self, name: str) -> int:
        """Return the process that this run told to be ``name``, once it is there."""
        self.wait_until(lambda: bool(self.leaders(name)))
        return self.leaders(name)[0]

    def leaders(self, name: str) -> list[int]:
        mark = f"TRADINGSITE_PROCESS_NAME={name}".encode()
        return [
            one.pid
            for one in leftovers.find(self.data)
            if mark in (PROC / str(one.pid) / "environ").read_bytes()
            and os.getpgid(one.pid) == one.pid
        ]

    def processes(self) -> list[str]:
        """Return the command line of every process that has to do with the folder."""
        found = []
        for entry in PROC.iterdir():
            try:
                words = [(entry / name).read_bytes() for name in ("cmdline", "environ")]
            except OSError:
                continue
            if entry.name != str(os.getpid()) and bytes(self.data) in b"".join(words):
                found.append(words[0].replace(b"\0", b" ").decode(errors="replace"))
        return found


@contextmanager
def refused(up: Up) -> Iterator[str]:
    """Give the one sentence with which a run refused to begin.

    The folder may be another's, whose processes are not to be ended here.
    """
    try:
        assert up.process.wait(60) == 1
        assert "Traceback" not in up.output
        yield up.output
    finally:
        up.process.kill()
        up.process.wait(10)
        up.said.close()
