"""The scheduled work of accounts: anchors of the audit, summaries of refusals."""

from datetime import datetime

from celery import shared_task

from accounts.audit import anchors, refusals
from tradingsite.scheduling import once_per_due_time


@shared_task(bind=True)
@once_per_due_time
def anchor_audit(due_at: datetime) -> None:
    """Sign what each chain ends with, into the database and beside it."""
    anchors.anchor_all(due_at)


@shared_task(bind=True)
@once_per_due_time
def summarize_refusals(due_at: datetime) -> None:
    """Write how often somebody was refused beyond what was written one by one."""
    refusals.summarize(due_at)
