"""The scheduled work of the ground floor: a sign of life, and forgetting."""

import os
from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from tradingsite import claims, idempotency
from tradingsite.models.processes import Process
from tradingsite.scheduling import once_per_due_time
from tradingsite.streaming import journal


@shared_task
def probe() -> None:
    """Prove that beat, the broker and a worker do their work: health reads the time."""
    name = os.environ.get("TRADINGSITE_PROCESS_NAME", "")
    Process.objects.seen(name, probe_finished_at=timezone.now().isoformat())


@shared_task(bind=True)
@once_per_due_time
def prune(_due_at: datetime) -> None:
    """Forget what was kept long enough; the outbox is pruned by its deliverer."""
    idempotency.prune(timedelta(days=settings.IDEMPOTENCY_KEPT_DAYS))
    journal.trim(timedelta(days=settings.JOURNAL_KEPT_DAYS))
    claims.prune(timedelta(days=settings.SCHEDULED_RUNS_KEPT_DAYS))
