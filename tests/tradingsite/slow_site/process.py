"""Starts the slow site in a process of its own and stops it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.database import url_of_test_database
from tests.servers import throw_away_folder

START_TIMEOUT_S = 60


@dataclass
class Site:
    """A running site: where it is, what it says."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    client: httpx.Client

    def get(self, path: str, timeout_s: float = 30, **headers: str) -> httpx.Response:
        return self.client.get(self.url + path, timeout=timeout_s, headers=headers)

    def said(self) -> list[dict[str, Any]]:
        """Return what the site has logged so far."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@contextlib.contextmanager
def running_site(**environment: str) -> Iterator[Site]:
    """Serve the slow site by uvicorn on a port of the system's choice."""
    with throw_away_folder() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "uvicorn",
                    "tests.tradingsite.slow_site.asgi:application",
                    "--port",
                    "0",
                ],
                env={
                    **os.environ,
                    "DATABASE_URL": url_of_test_database(),
                    "TRADINGSITE_DATA": folder,
                    "TRADINGSITE_PROCESS": "web",
                    "DJANGO_SETTINGS_MODULE": "tests.tradingsite.slow_site.settings",
                    **environment,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            # No environment: a proxy of the machine has no part in this.
            with httpx.Client(trust_env=False, verify=False) as client:  # noqa: S501 - plain loopback
                yield Site(address_in(log, process), process, log, client)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def address_in(log: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address that the server wrote into its log."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text()
        if "Uvicorn running on http://" in text:
            return "http://" + text.split("running on http://")[1].split()[0]
        time.sleep(0.05)
    raise AssertionError(log.read_text())
