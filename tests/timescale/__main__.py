"""``python -m tests.timescale``: the tests of bars and rollups on a real TimescaleDB.

It runs as WebAssembly under Node, for PyPI and Debian have none; without Node the
tests are skipped, with that reason. Where DATABASE_URL names a TimescaleDB (a
database that may be emptied) and DATABASE_ENGINE says so, that one is taken.
Arguments go to pytest.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
OLDEST_NODE = 18
# All that a single connection can do (no threads, no other processes), in two shares
# that take about as long: each has a server, and a core, of its own.
SHARES = [
    [
        "tests/timescale",
        "tests/marketdata/test_bar_versions.py",
        "tests/marketdata/test_gap_survey.py",
        "tests/marketdata/test_rollups.py",
        "tests/marketdata/test_rollups_of_strikes.py",
        "tests/marketdata/test_verify_bars.py",
    ],
    [
        "tests/marketdata/test_history.py",
        "tests/marketdata/test_import_bars.py",
        "tests/marketdata/test_ingest_ticks.py",
        "tests/marketdata/test_rollups_of_ticks.py",
        "tests/marketdata/test_rollups_reading.py",
    ],
]
# These look at a transaction from another connection.
NEED_TWO_CONNECTIONS = [
    "tests/marketdata/test_bar_versions.py::" + name
    for name in (
        "test_a_change_that_commits_late_is_seen_after_newer_ones",
        "test_control_asked_by_number_alone_the_late_one_is_missed",
    )
]
# The WebAssembly server aborts ("unreachable") in the middle of a month of 7,937 rows.
TOO_MUCH = ["tests/marketdata/test_import_bars.py::test_a_real_month_is_loaded"]


def say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def why_not() -> str:
    """Tell why TimescaleDB cannot run here; nothing when it can."""
    if not (shutil.which("node") and shutil.which("npm")):
        return "it runs under Node here, and there is no node and npm"
    asked = subprocess.run(
        ["node", "--version"], capture_output=True, text=True, check=False
    )
    version = asked.stdout.strip().lstrip("v").partition(".")[0]
    if not version.isdigit() or int(version) < OLDEST_NODE:
        return f"it needs Node {OLDEST_NODE}, and this is {asked.stdout.strip()!r}"
    return ""


def install() -> None:
    """Fetch what package-lock.json names, unless it is there."""
    if not (FOLDER / "node_modules" / "@unni-craftsman" / "pglite").exists():
        command = ["npm", "ci", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=FOLDER, check=True, timeout=300)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


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


def command_for(tests: Sequence[str]) -> list[str]:
    # Two runs at once: no cache that both would write.
    plugins = ["-p", "no:xdist", "-p", "no:cacheprovider"]
    left_out = [*NEED_TWO_CONNECTIONS, *TOO_MUCH]
    deselected = [f"--deselect={name}" for name in left_out]
    pytest = [sys.executable, "-m", "pytest", "--reuse-db", "-q"]
    return [*pytest, *plugins, *deselected, *tests]


def environment_for(url: str) -> dict[str, str]:
    # A Valkey of its own as well, as any run has that is given none.
    inherited = {name: os.environ[name] for name in os.environ if name != "REDIS_URL"}
    return inherited | {
        "DATABASE_URL": url,
        "DATABASE_ENGINE": "timescale",
        "DJANGO_SETTINGS_MODULE": "tests.timescale.settings",
    }


def run(url: str, tests: Sequence[str]) -> int:
    """Run ``tests`` on the database at ``url``, in view; return the exit code."""
    return subprocess.run(
        command_for(tests), cwd=ROOT, env=environment_for(url), check=False
    ).returncode


def begin(share: Sequence[str], stack: contextlib.ExitStack) -> subprocess.Popen[bytes]:
    """Start the tests of ``share`` on a server of their own, out of view."""
    url = stack.enter_context(served())
    process = subprocess.Popen(
        command_for(share),
        cwd=ROOT,
        env=environment_for(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    stack.callback(process.terminate)
    return process


def show(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end and print what was said; return 0 when all passed."""
    said, _ = process.communicate()
    sys.stdout.write(said.decode(errors="replace"))
    sys.stdout.flush()
    return abs(int(process.returncode))


def run_shares() -> int:
    """Run all shares at once, each on its server; show one after the other."""
    with contextlib.ExitStack() as stack:
        running = [begin(share, stack) for share in SHARES]
        return max([show(process) for process in running])


def main() -> int:
    arguments = sys.argv[1:]
    if os.environ.get("DATABASE_ENGINE") == "timescale":
        everything = [test for share in SHARES for test in share]
        return run(os.environ["DATABASE_URL"], arguments or everything)
    if reason := why_not():
        say(f"Skipped: the tests on TimescaleDB: {reason}.")
        return 0
    try:
        install()
    except (subprocess.SubprocessError, OSError) as error:
        say(f"Skipped: the tests on TimescaleDB: npm could not bring it ({error}).")
        return 0
    say("The tests of bars and rollups on TimescaleDB, a minute or two:")
    if not arguments:
        return run_shares()
    with served() as url:
        return run(url, arguments)


if __name__ == "__main__":
    sys.exit(main())
