"""The Celery application: how scheduled work reaches a worker, and survives it.

A task is acknowledged when it ended; one whose worker died is given to another after
the visibility timeout at most, so every task must do no harm when it runs twice.
Nothing that must happen is kept here alone: the broker may be wiped at any moment.
"""

import os
import uuid
from typing import Any

from celery import Celery, Task
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tradingsite.logs import correlation_id
from tradingsite.redis.clients import Address, url_options

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradingsite.settings")

HEADER = "correlation_id_of_cause"
LONGEST_VISIBILITY_S = 120


class CorrelatedTask(Task):  # type: ignore[type-arg]
    """A task whose log lines carry the id of the request that caused it."""

    def apply_async(self, *args: Any, **options: Any) -> Any:
        cause = correlation_id.get() or uuid.uuid4().hex
        options["headers"] = {HEADER: cause, **(options.get("headers") or {})}
        return super().apply_async(*args, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        token = correlation_id.set(getattr(self.request, HEADER, correlation_id.get()))
        try:
            return super().__call__(*args, **kwargs)
        finally:
            correlation_id.reset(token)


def broker_url(address: Address) -> str:
    """Return the broker's address as kombu writes it, sentinels too."""
    if not address.sentinels:
        return address.url
    options = url_options(address.url)
    login = f"{options.get('username', '')}:{options.get('password', '')}".strip(":")
    login = f"{options.get('username', '')}:{options['password']}@" if login else ""
    hosts = [f"sentinel://{login}{host}" for host in address.sentinels]
    return ";".join(hosts) + f"/{options.get('db', 0)}"


def transport_options(address: Address) -> dict[str, Any]:
    """Return time limits for everything: the defaults wait for a dead broker."""
    limits = {"socket_timeout": 3.0, "socket_connect_timeout": 1.0}
    options: dict[str, Any] = {
        **limits,
        "health_check_interval": 5,
        "visibility_timeout": settings.CELERY_VISIBILITY_TIMEOUT_S,
        # Look for tasks of dead workers this often; the default is every 100 s.
        "unacked_restore_interval": min(5, settings.CELERY_VISIBILITY_TIMEOUT_S),
        "unacked_restore_throttle": 1,
        # A worker that died while it looked must not stop the others for long.
        "unacked_mutex_expire": 10,
        "global_keyprefix": f"{settings.REDIS_PREFIX}:celery:",
    }
    if address.sentinels:
        options |= {"master_name": address.master, "sentinel_kwargs": limits}
    return options


if settings.CELERY_VISIBILITY_TIMEOUT_S > LONGEST_VISIBILITY_S:
    raise ImproperlyConfigured(
        f"CELERY_VISIBILITY_TIMEOUT_S must be at most {LONGEST_VISIBILITY_S}: for so "
        "long a task stays with a dead worker."
    )
ADDRESS = Address.from_settings()

app = Celery("tradingsite", task_cls=CorrelatedTask)
app.conf.update(
    broker_url=broker_url(ADDRESS),
    broker_transport_options=transport_options(ADDRESS),
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=3,
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    task_ignore_result=True,
    result_backend=None,
    # Without a result backend there is nothing to clean up each night.
    result_expires=None,
    enable_utc=True,
    timezone=settings.TIME_ZONE,
    task_default_queue="tasks",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    # Done well before the broker would give the task to somebody else.
    task_time_limit=settings.CELERY_VISIBILITY_TIMEOUT_S // 2,
    task_soft_time_limit=settings.CELERY_VISIBILITY_TIMEOUT_S // 2 * 0.9,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0},
    worker_concurrency=settings.CELERY_CONCURRENCY,
    worker_prefetch_multiplier=1,
    worker_max_tasks_per_child=1000,
    worker_max_memory_per_child=300_000,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_enable_remote_control=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    beat_scheduler="tradingsite.beat:DueTimeScheduler",
    beat_schedule=settings.CELERY_BEAT_SCHEDULE,
)
app.autodiscover_tasks()
