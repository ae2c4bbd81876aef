"""A real ticker service: the simulator in a process of its own, with its faults."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from marketdata.ticker import Ticker
from tests.marketdata.ingesting import end, start, wait_for

NIFTY = 256265
BANKNIFTY = 260105


class Simulator:
    """The running service, and what a test does to it."""

    def __init__(self, log: Path, port: int = 0) -> None:
        self._log = log
        self.process = start(
            "manage.py", "simulate_market", "--no-streams", "--rate", "50",
            "--stream", f"{settings.TICK_STREAM}:gaps", "--port", str(port),
            log=log,
        )  # fmt: skip
        self.url = wait_for("the simulator's address", self._address)
        self.ticker = Ticker([self.url])

    def _address(self) -> str:
        words = self._log.read_text().split()
        return next((word for word in words if word.startswith("http://")), "")

    def fault(self, **fault: Any) -> None:
        httpx.post(f"{self.url}/faults", json=fault, timeout=5).raise_for_status()

    def heal(self) -> None:
        httpx.delete(f"{self.url}/faults", timeout=5).raise_for_status()

    def counts(self) -> dict[int, int]:
        """Return how often each token is subscribed to, as the service counts."""
        rows = self.ticker.subscriptions()
        return {token: row.subscriber_count for token, row in rows.items()}

    def close(self) -> None:
        self.ticker.close()
        end(self.process)


@contextlib.contextmanager
def simulating(folder: Path, port: int = 0) -> Iterator[Simulator]:
    with contextlib.closing(Simulator(folder / "simulator.log", port)) as simulator:
        yield simulator
