"""``python -m tests.timescale``: the tests of bars and rollups on a real TimescaleDB.

It runs as WebAssembly under Node, for PyPI and Debian have none; without Node the
tests are skipped, with that reason. Where DATABASE_URL names a TimescaleDB (a
database that may be emptied), that one is taken. Arguments go to pytest.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
MARKET = FOLDER.parent / "marketdata"
START_WITHIN_S = 60
# All that a single connection can do: no threads, no other processes.
TESTS = [
    FOLDER / "test_timescale.py",
    MARKET / "test_history.py",
    MARKET / "test_import_bars.py",
    MARKET / "test_ingest_ticks.py",
    MARKET / "test_rollups.py",
    MARKET / "test_rollups_of_strikes.py",
    MARKET / "test_rollups_of_ticks.py",
    MARKET / "test_rollups_reading.py",
    MARKET / "test_verify_bars.py",
]


def say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def install() -> None:
    """Fetch what package-lock.json names, unless it is there."""
    if not (FOLDER / "node_modules" / "@unni-craftsman" / "pglite").exists():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=FOLDER, check=True, timeout=300)


@contextlib.contextmanager
def served() -> Iterator[str]:
    """Run a TimescaleDB in memory; yield its address."""
    port = free_port()
    # It ends when its standard input does: it outlives us in no case.
    with subprocess.Popen(
        ["node", "server.js", str(port)],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        try:
            assert server.stdout
            if server.stdout.readline() != b"ready\n":
                raise RuntimeError("TimescaleDB did not start.")
            # It asks for a password, and takes any.
            yield f"postgresql://postgres:any@127.0.0.1:{port}/postgres"
        finally:
            server.kill()


def run(url: str, arguments: list[str]) -> int:
    environment = os.environ | {
        "DATABASE_URL": url,
        "DATABASE_ENGINE": "timescale",
        "DJANGO_SETTINGS_MODULE": "tests.timescale.settings",
    }
    command = [sys.executable, "-m", "pytest", "--reuse-db", "-p", "no:xdist"]
    tests = [str(path.relative_to(ROOT)) for path in TESTS]
    return subprocess.run(
        [*command, *(arguments or tests)], cwd=ROOT, env=environment, check=False
    ).returncode


def main() -> int:
    if os.environ.get("DATABASE_ENGINE") == "timescale":
        return run(os.environ["DATABASE_URL"], sys.argv[1:])
    if not (shutil.which("node") and shutil.which("npm")):
        say("Skipped: TimescaleDB runs under Node here, and there is no node and npm.")
        return 0
    try:
        install()
    except (subprocess.SubprocessError, OSError) as error:
        say(f"Skipped: npm could not bring TimescaleDB ({error}).")
        return 0
    with served() as url:
        return run(url, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
