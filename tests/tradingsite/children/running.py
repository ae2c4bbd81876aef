"""Starting processes of the product on the database of the test."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.database import url_of_test_database

ROOT = Path(__file__).resolve().parents[3]
DEAD_REDIS = "redis://127.0.0.1:1/0"


@contextlib.contextmanager
def running(
    *arguments: str,
    output: int | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[subprocess.Popen[str]]:
    """Run Python with ``arguments`` in a group of its own; kill what is left of it."""
    child = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "tests.tradingsite.children.settings",
            "DATABASE_URL": url_of_test_database(),
        }
        | dict(environment),
        stdin=subprocess.PIPE,
        stdout=output,
        text=True,
        start_new_session=True,
    )
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(10)
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()


def stderr_of(*arguments: str, environment: Mapping[str, str]) -> str:
    """Run Python with ``arguments`` to its end and return what it said to stderr."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | dict(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stderr


def signal_group(child: subprocess.Popen[str], number: signal.Signals) -> None:
    os.killpg(child.pid, number)


def wait_until(holds: Callable[[], object], timeout_s: float = 30) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, f"not within {timeout_s} s"
        time.sleep(0.02)
