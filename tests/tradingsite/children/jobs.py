"""Scheduled jobs of the tests: one that takes its due time, one that does not."""

import os
import time
from datetime import datetime
from typing import Any

from celery import shared_task

from tests.tradingsite.children.effects import execute
from tradingsite.scheduling import due_at_of, once_per_due_time


def note(job: str, due_at: datetime | None) -> None:
    execute(
        "INSERT INTO test_runs (job, due_at, pid) VALUES (%s, %s, %s)",
        job,
        due_at,
        os.getpid(),
    )


@shared_task(bind=True)
@once_per_due_time
def claimed(due_at: datetime) -> None:
    note("claimed", due_at)
    time.sleep(0.1)


@shared_task(bind=True)
def unclaimed(self: Any) -> None:
    note("unclaimed", due_at_of(self))
