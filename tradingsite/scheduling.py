"""Scheduled jobs that run once per due time, however many beats and workers there are.

Beat puts the moment a job was due in its message; the job takes that moment in the
transaction of its effect. A second message for it, from another beat or delivered
again, finds it taken; after a crash it was not taken, and the next message runs it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from celery.schedules import BaseSchedule, crontab, schedule
from django.db import transaction
from django.utils import timezone

from tradingsite import claims

HEADER = "due_at"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What was missed while beat was away is made good once, not once per due time.
LONGEST_LOOK_BACK = timedelta(days=1)


class EveryFromEpoch(schedule):
    """An interval that is counted from the epoch, so that all beats agree on it."""

    def __init__(self, run_every: timedelta, **options: Any) -> None:
        super().__init__(run_every, relative=True, **options)

    def remaining_estimate(self, last_run_at: datetime) -> timedelta:
        step = interval_of(self)
        now: datetime = self.maybe_make_aware(self.now())
        return on_grid(last_run_at, step) + step - now


def once_per_due_time(job: Callable[[datetime], Any]) -> Callable[[Any], Any]:
    """Make ``job`` the body of a bound task: one transaction per due time.

    Use it below ``@shared_task(bind=True)``. Called by hand, without a due time,
    the job runs for the moment of the call.
    """

    @wraps(job)
    def run(task: Any) -> Any:
        due_at = due_at_of(task) or timezone.now()
        with transaction.atomic():
            if claims.once(task.name, due_at):
                return job(due_at)
        return None

    return run


def due_at_of(task: Any) -> datetime | None:
    """Return the moment for which beat sent the message that ``task`` works on."""
    text = getattr(task.request, HEADER, None)
    return datetime.fromisoformat(text) if text else None


def due_time(plan: BaseSchedule, last_run_at: datetime, now: datetime) -> datetime:
    """Return the latest moment until ``now`` at which ``plan`` was due.

    Every beat finds the same one, whatever it remembers of earlier runs.
    """
    if isinstance(plan, crontab):
        return _latest_of_crontab(plan, last_run_at, now)
    if isinstance(plan, schedule):
        return on_grid(now, interval_of(plan))
    # A moment of its own, or sunrise and the like, which minutes tell apart.
    moment: datetime | None = getattr(plan, "clocked_time", None)
    return moment or on_grid(now, timedelta(minutes=1))


def interval_of(plan: schedule) -> timedelta:
    """Return the time from one run to the next."""
    step: timedelta = plan.run_every  # type: ignore[attr-defined]
    return step


def on_grid(moment: datetime, step: timedelta) -> datetime:
    """Return the latest multiple of ``step`` since the epoch until ``moment``."""
    return EPOCH + (moment - EPOCH) // step * step


def _latest_of_crontab(plan: crontab, last_run_at: datetime, now: datetime) -> datetime:
    due_at = _next(plan, max(last_run_at, now - LONGEST_LOOK_BACK))
    if due_at > now:
        due_at = _next(plan, last_run_at)
    while (later := _next(plan, due_at)) <= now:
        due_at = later
    return due_at


def _next(plan: crontab, after: datetime) -> datetime:
    began, wait, _now = plan.remaining_delta(after)
    following: datetime = began + wait
    return following.astimezone(UTC)
