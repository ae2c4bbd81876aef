"""The same load made by wrk, where it is installed: it costs the machine less."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.history.load import LoadRefused, Measured

TIMEOUT_S = 120
SCRIPT = """
local paths = {{ {paths} }}
local headers = {{ {headers} }}
local number = 0
request = function()
  number = number + 1
  return wrk.format("GET", paths[number % #paths + 1], headers)
end
done = function(summary, latency)
  local errors = summary.errors.status + summary.errors.connect
    + summary.errors.read + summary.errors.timeout
  io.write(string.format("REPORT %d %f %f %d\\n", summary.requests,
    summary.duration / 1e6, latency:percentile(99.0) / 1e6, errors))
end
"""
REPORT = re.compile(r"^REPORT (\d+) ([\d.]+) ([\d.]+) (\d+)$", re.MULTILINE)


def is_installed() -> bool:
    return shutil.which("wrk") is not None


def run(
    port: int,
    paths: Sequence[str],
    headers: dict[str, str],
    *,
    connections: int,
    seconds: int,
) -> Measured:
    """Ask for ``seconds`` over ``connections`` and return what came back."""
    with tempfile.TemporaryDirectory(prefix="tradingsite-bench-") as folder:
        script = Path(folder) / "requests.lua"
        script.write_text(_script(paths, headers))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout=30s"]
        output = subprocess.run(
            [*command, "-s", str(script), f"http://127.0.0.1:{port}"],
            check=True,
            capture_output=True,
            text=True,
            timeout=seconds + TIMEOUT_S,
        ).stdout
    return _read(output)


def _script(paths: Sequence[str], headers: dict[str, str]) -> str:
    return SCRIPT.format(
        paths=", ".join(f'"{path}"' for path in paths),
        headers=", ".join(f'["{name}"] = "{text}"' for name, text in headers.items()),
    )


def _read(output: str) -> Measured:
    report = REPORT.search(output)
    if report is None or report[4] != "0":
        raise LoadRefused(f"wrk met errors: {output[-500:]}")
    return Measured(int(report[1]), float(report[2]), float(report[3]))
