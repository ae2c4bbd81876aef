"""The pytest plugin that gives a test run its PostgreSQL and its Valkey.

Loaded with ``-p tests.servers``, so that the servers run before Django reads its
settings. One pair serves the whole run: the controller of a parallel run starts it,
its workers inherit the addresses. Where DATABASE_URL and REDIS_URL are set, nothing
is started. At the end of the run, however it ends, its processes and its folder go.
"""

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType

import pytest

from tradingsite import open_files
from tradingsite.embedded import PostgresServer, Servers, ValkeyServer
from tradingsite.supervisor import leftovers
from tradingsite.supervisor.launching import MARK

# What one PostgreSQL serves gladly.
MOST_WORKERS = 5
STARTED = pytest.StashKey[contextlib.ExitStack]()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    stack = contextlib.ExitStack()
    early_config.stash[STARTED] = stack
    early_config.add_cleanup(stack.close)
    # A thousand clients at once are more than most systems let a process have.
    open_files.allow_all()
    options = early_config.known_args_namespace
    if is_worker() or options.help or options.version:
        return
    end_in_order_when_told()
    let_children_start_quickly()
    folder = folder_of_the_run(stack)
    if not os.environ.get("TRADINGSITE_DATA"):
        os.environ["TRADINGSITE_DATA"] = str(folder / "data")
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        start_servers(stack, folder / "servers")
    stack.callback(leftovers.end, folder)


def let_children_start_quickly() -> None:
    """Keep the compiled modules: a child that compiles Django again takes seconds."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def folder_of_the_run(stack: contextlib.ExitStack) -> Path:
    """Make the folder in which all others are, and mark what is started by it."""
    folder = Path(stack.enter_context(throw_away_folder()))
    # Some tests start servers and sites as another user, who must pass through.
    folder.chmod(0o711)
    os.environ[MARK] = str(folder)
    # Else a test that imports the ASGI door makes every later child a web process.
    os.environ["TRADINGSITE_PROCESS"] = "command"
    return folder


def start_servers(stack: contextlib.ExitStack, folder: Path) -> None:
    servers = stack.enter_context(Servers(folder, durable=False))
    found = servers.environment()
    if servers.postgres:
        # Test databases are made and dropped, which the serving role may not do.
        found["DATABASE_URL"] = servers.postgres.superuser_url
    os.environ |= {name: found[name] for name in ("DATABASE_URL", "REDIS_URL")}


def pytest_report_header() -> str | None:
    if is_worker():
        return None
    addresses = [os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")]
    database, redis = (address.rpartition("@")[2] for address in addresses)
    return f"servers: PostgreSQL {database}, Valkey {redis}"


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one more than there are cores: many tests wait for a clock or a death."""
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


def is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def end_in_order_when_told() -> None:
    """End as by Ctrl-C on SIGTERM and SIGHUP, so that nothing stays behind."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)


@contextlib.contextmanager
def throw_away_folder() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="tradingsite-test-", dir=os.environ.get(MARK))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """Give a short private folder: a server's log may not outlive its test."""
    with throw_away_folder() as folder:
        yield Path(folder)


@pytest.fixture
def own_postgres(server_folder: Path) -> Generator[PostgresServer]:
    """Give a PostgreSQL that this test may kill, freeze or stop."""
    server = PostgresServer(server_folder / "postgres", durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_valkey(server_folder: Path) -> Generator[ValkeyServer]:
    """Give a Valkey that this test may kill, freeze, stop or wipe."""
    server = ValkeyServer(server_folder / "valkey", durable=False)
    server.start()
    yield server
    server.stop()
