"""Beat as we run it: the database's schedule, and the due time in each message."""

import os
import signal
import time
from typing import Any

from celery.schedules import BaseSchedule, schedule
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from tradingsite.models.processes import Process
from tradingsite.scheduling import HEADER, EveryFromEpoch, due_time, interval_of

REPORT_EVERY_S = 5.0
STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})


class DueTimeEntry(ModelEntry):  # type: ignore[misc]
    """A row of the schedule; its intervals are counted from the epoch."""

    schedule: BaseSchedule

    def __init__(self, model: PeriodicTask, app: Any = None) -> None:
        super().__init__(model, app=app)
        if type(self.schedule) is schedule:
            self.schedule = EveryFromEpoch(interval_of(self.schedule), app=self.app)


class DueTimeScheduler(DatabaseScheduler):  # type: ignore[misc]
    """Sends each job with the moment it was due, which any other beat would name too.

    The schedule in the settings is written to the database once; from then on the
    database rules. Two of these do no harm: a job takes its due time only once.
    """

    Entry = DueTimeEntry
    _report_at = 0.0

    def __init__(self, *args: Any, **options: Any) -> None:
        # Celery's handler of SIGTERM asks for this very object: called while it is
        # being made, it fails in a query and the signal is lost.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        try:
            super().__init__(*args, **options)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def update_from_dict(self, mapping: dict[str, Any]) -> None:
        known = set(PeriodicTask.objects.values_list("name", flat=True))
        super().update_from_dict(
            {name: entry for name, entry in mapping.items() if name not in known}
        )
        # Another beat may have written the known ones after this one read the
        # schedule, which would then lack them until the next full read.
        self._initial_read = True

    def apply_async(self, entry: DueTimeEntry, *args: Any, **options: Any) -> Any:
        due_at = due_time(entry.schedule, entry.last_run_at, timezone.now())
        entry.options["headers"] |= {HEADER: due_at.isoformat()}
        return super().apply_async(entry, *args, **options)

    def tick(self, *args: Any, **options: Any) -> float:
        pause_s: float = super().tick(*args, **options)
        if time.monotonic() >= self._report_at:
            self._report_at = time.monotonic() + REPORT_EVERY_S
            Process.objects.seen(os.environ.get("TRADINGSITE_PROCESS_NAME", ""))
        return min(pause_s, REPORT_EVERY_S)
