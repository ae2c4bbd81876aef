"""``manage.py up`` as a user runs it: a process of its own in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.servers import throw_away_folder
from tradingsite.embedded.footprints import PROC
from tradingsite.embedded.ports import free_port
from tradingsite.supervisor import leftovers

ROOT = Path(__file__).parent.parent.parent
WELCOME = "Ctrl-C stops everything."
OWN_SERVERS = {"DATABASE_URL", "REDIS_URL", "TICKER_URL", "DJANGO_SETTINGS_MODULE"}

pytestmark = [pytest.mark.own_server, pytest.mark.chaos, pytest.mark.timeout(240)]


class Up:
    """One run of ``manage.py up`` and what it has said."""

    def __init__(
        self, data: Path, *, port: int | None = None, command: tuple[str, ...] = ()
    ) -> None:
        self.data, self.port = data, port or free_port()
        self.said = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the run
        kept = {k: v for k, v in os.environ.items() if k not in OWN_SERVERS}
        command = command or (sys.executable, "manage.py", "up")
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=kept | {"TRADINGSITE_DATA": str(data), "PORT": str(self.port)},
            stdin=subprocess.DEVNULL,
            stdout=self.said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def output(self) -> str:
        size = os.fstat(self.said.fileno()).st_size
        return os.pread(self.said.fileno(), size, 0).decode(errors="replace")

    def wait_ready(self) -> None:
        wait_until(self, lambda: WELCOME in self.output, within_s=150)

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

    def pid_of(self, name: str) -> int:
        """Return the process that this run told to be ``name``, once it is there."""
        wait_until(self, lambda: bool(self.leaders(name)))
        return self.leaders(name)[0]

    def leaders(self, name: str) -> list[int]:
        mark = f"TRADINGSITE_PROCESS_NAME={name}".encode()
        return [
            one.pid
            for one in leftovers.find(self.data)
            if mark in (PROC / str(one.pid) / "environ").read_bytes()
            and os.getpgid(one.pid) == one.pid
        ]


def wait_until(up: Up, condition: Callable[[], bool], *, within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert up.process.poll() is None, f"up ended early:\n{up.output}"
        assert time.monotonic() < deadline, f"it did not happen in time:\n{up.output}"
        time.sleep(0.1)


def status_of(up: Up, path: str) -> int:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{up.port}{path}", timeout=5
        ) as answer:
            return int(answer.status)
    except OSError:
        return 0


def processes_below(data: Path) -> list[str]:
    """Return the command line of every process that has to do with the folder."""
    found = []
    for entry in PROC.iterdir():
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if entry.name != str(os.getpid()) and bytes(data) in words:
            found.append(words.partition(b"\0\0")[0].decode(errors="replace"))
    return found


@pytest.fixture(scope="module")
def site() -> Iterator[Up]:
    """Give a running site to the tests that leave it running."""
    with throw_away_folder() as folder, closing(Up(Path(folder) / "data")) as up:
        up.wait_ready()
        yield up
        up.end()


@contextmanager
def refused(up: Up) -> Iterator[str]:
    """Give the one sentence with which a run refused to begin."""
    with closing(up):
        assert up.process.wait(60) == 1
        assert "Traceback" not in up.output
        yield up.output


def test_it_serves_and_says_who_may_come_in(site: Up):
    access = site.data / "demo.json"

    assert status_of(site, "/health/live") == 200
    assert status_of(site, "/health/ready") == 200
    assert json.loads(access.read_text())["api_key"] in site.output
    assert access.stat().st_mode & 0o777 == 0o600
    assert site.data.stat().st_mode & 0o777 == 0o700


def test_a_second_one_says_who_has_the_folder_and_ends(site: Up):
    with refused(Up(site.data)) as said:
        assert f"is in use by process {site.process.pid}" in said


def test_a_process_that_is_killed_starts_again(site: Up):
    killed = site.pid_of("outbox")

    os.kill(killed, signal.SIGKILL)

    wait_until(site, lambda: "outbox ended with -9" in site.output)
    wait_until(site, lambda: site.output.count("outbox is ready") >= 2)
    assert site.pid_of("outbox") != killed


def test_a_killed_database_comes_back_at_the_same_address(site: Up):
    record = json.loads((site.data / "postgres" / "process.json").read_text())

    os.kill(record["pid"], signal.SIGKILL)

    wait_until(site, lambda: "PostgreSQL had died and starts again" in site.output)
    wait_until(site, lambda: status_of(site, "/health/ready") == 200)


def test_serving_processes_never_learn_the_owners_password(site: Up):
    environ = (PROC / str(site.pid_of("web")) / "environ").read_bytes()

    assert b"DATABASE_URL=postgresql://tradingsite:" in environ
    assert b"DATABASE_OWNER_URL" not in environ


def test_told_to_end_while_it_starts_it_leaves_nothing(server_folder: Path):
    with closing(Up(server_folder / "data")) as up:
        wait_until(up, lambda: "simulator starts" in up.output)

        code = up.end(signal.SIGHUP)

        assert code == 0, up.output
        assert processes_below(up.data) == []


def test_killed_it_starts_again_and_ended_it_leaves_nothing(server_folder: Path):
    with closing(Up(server_folder / "data")) as first:
        wait_until(first, lambda: "web is ready" in first.output, within_s=150)
        first.process.kill()
        first.process.wait(10)
        with closing(Up(first.data)) as second:
            second.wait_ready()

            code = second.end(signal.SIGINT)

            assert code == 0, second.output
            assert processes_below(second.data) == []
            assert not (second.data / "servers.json").exists()


def test_a_taken_port_is_one_sentence_before_anything_starts(
    site: Up, server_folder: Path
):
    data = server_folder / "data"

    with refused(Up(data, port=site.port)) as said:
        assert f"Port {site.port} of 127.0.0.1 is taken" in said

    assert not (data / "postgres").exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(server_folder: Path):
    (server_folder / "file").touch()

    with refused(Up(server_folder / "file" / "data")) as said:
        assert "cannot be used" in said


NORMAL_USER = (
    *("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
    # The interpreter may stand in root's home: reading is allowed, nothing else.
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
    *("/usr/bin/env", "HOME=/nonexistent", sys.executable),
)


def can_become_somebody_else() -> bool:
    command = [*NORMAL_USER, "-c", "import tradingsite"]
    return os.geteuid() == 0 and subprocess.run(command, check=False).returncode == 0


def test_it_runs_for_a_normal_user_too(server_folder: Path):
    if not can_become_somebody_else():
        pytest.skip("only root can become somebody else")
    os.chown(server_folder, 65534, 65534)
    command = (*NORMAL_USER, "manage.py", "up", "--no-demo")
    with closing(Up(server_folder / "data", command=command)) as up:
        up.wait_ready()

        assert (PROC / str(up.pid_of("web"))).stat().st_uid == 65534
        assert status_of(up, "/health/live") == 200
        assert up.end() == 0
        assert processes_below(up.data) == []
