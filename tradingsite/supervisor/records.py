"""Rows of the process table, written beside the supervisor and never in its way."""

import logging
import threading
from collections.abc import Callable

from django.db import connections
from django.utils import timezone

from tradingsite.models import Process
from tradingsite.supervisor.programs import State

logger = logging.getLogger(__name__)

Write = Callable[[list[State]], None]


def write_rows(states: list[State]) -> None:
    """Write the states to the database, on a connection that is not kept."""
    now = timezone.now()
    try:
        Process.objects.record(
            Process(
                name=state.name,
                kind=state.kind,
                pid=state.pid,
                status=state.status,
                started_at=state.started_at,
                last_seen_at=now,
                restarts=state.restarts,
                last_exit_code=state.last_exit_code,
                next_start_at=state.next_start_at,
            )
            for state in states
        )
    finally:
        connections["default"].close()


class Recorder:
    """Writes the newest states in a thread: a hung database holds up nobody."""

    def __init__(self, write: Write = write_rows) -> None:
        self._write = write
        self._wanted = threading.Condition()
        self._newest: list[State] | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def __call__(self, states: list[State]) -> None:
        with self._wanted:
            self._newest = states
            self._wanted.notify()

    def close(self, *, within_s: float) -> None:
        """Write what is still to be written, if the database takes it in time."""
        with self._wanted:
            self._closing = True
            self._wanted.notify()
        self._thread.join(within_s)

    def _run(self) -> None:
        failing = False
        while (states := self._next()) is not None:
            try:
                self._write(states)
                failing = False
            except Exception as error:  # noqa: BLE001 - the next states come anyway
                # Once, not every five seconds of an outage.
                if not failing:
                    logger.warning("The process table was not written: %s", error)
                failing = True

    def _next(self) -> list[State] | None:
        with self._wanted:
            while self._newest is None and not self._closing:
                self._wanted.wait()
            states, self._newest = self._newest, None
            return states
