"""The loop of ``deliver_outbox``: woken by NOTIFY, never in need of Redis."""

import logging
import os
import random
import time
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
from django.conf import settings
from django.db import Error, connections

from tradingsite import outbox
from tradingsite.models.processes import Process
from tradingsite.outbox.delivery import deliver_due, prune
from tradingsite.outbox.timing import Limits

logger = logging.getLogger(__name__)

# A notice may be lost with the connection it comes on: looked for this often anyway.
POLL_S = 0.25
REPORT_EVERY_S = 2.0
PRUNE_EVERY_S = 60.0
LONGEST_RECONNECT_S = 5.0


@dataclass
class Deliverer:
    """One process's deliveries, until it is asked to stop.

    Several may run: they pass by each other's messages.
    """

    limits: Limits = field(default_factory=Limits.from_settings)
    name: str = field(
        default_factory=lambda: os.environ.get("TRADINGSITE_PROCESS_NAME", "")
    )
    _stopping: bool = False
    _failures: int = 0
    _report_at: float = 0.0
    _prune_at: float = 0.0

    def stop(self) -> None:
        """Finish the message at hand and return; safe in a signal's handler."""
        self._stopping = True

    def run(self) -> None:
        while not self._stopping:
            try:
                self._listen()
                while not self._stopping:
                    self._work()
                    self._wait_for_notice()
                    self._failures = 0
            # psycopg's own error comes from waiting for a notice.
            except (Error, psycopg.Error) as error:
                self._recover(error)
        connections.close_all()

    def _work(self) -> None:
        while deliver_due(self.limits, stopping=lambda: self._stopping):
            self._keep_house()
        self._keep_house()

    def _keep_house(self) -> None:
        now = time.monotonic()
        if now >= self._report_at:
            self._report_at = now + REPORT_EVERY_S
            Process.objects.seen(self.name, **outbox.backlog()._asdict())
        if now >= self._prune_at:
            self._prune_at = now + PRUNE_EVERY_S
            prune(timedelta(days=settings.OUTBOX_KEPT_DAYS))

    def _listen(self) -> None:
        with connections["direct"].cursor() as cursor:
            cursor.execute(f"LISTEN {outbox.CHANNEL}")

    def _wait_for_notice(self) -> None:
        session = connections["direct"].connection
        for _notice in session.notifies(timeout=POLL_S, stop_after=1):
            pass

    def _recover(self, error: Exception) -> None:
        """Drop the connections and wait, longer each time, before the next try."""
        logger.warning("outbox deliveries wait for the database", exc_info=error)
        connections.close_all()
        self._failures += 1
        chance = random.random()  # noqa: S311 - jitter
        pause_s = min(0.1 * 2.0 ** min(self._failures, 10), LONGEST_RECONNECT_S)
        end = time.monotonic() + pause_s * (0.5 + chance / 2)
        while not self._stopping and time.monotonic() < end:
            time.sleep(0.05)
