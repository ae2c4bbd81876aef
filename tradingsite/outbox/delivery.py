"""Taking messages from the outbox and calling their handlers.

One message: taken (its ``due_at`` moved ahead by a lease, ``attempts`` raised, in a
transaction of its own), handled with no transaction open, then marked, but only by
the one whose taking was the last. Dead in between: it comes back with the lease's end.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from tradingsite.logs import correlation_id
from tradingsite.models.outbox import OutboxMessage, OutboxQuerySet
from tradingsite.outbox import UndeliverableError
from tradingsite.outbox.timing import Limits, TimeLimitError, time_limit

logger = logging.getLogger(__name__)

MOST_PRUNED = 5_000
LONGEST_ERROR = 2_000


def never() -> bool:
    return False


def deliver_due(limits: Limits, *, stopping: Callable[[], bool] = never) -> int:
    """Deliver what is due, a batch at most; return how many were tried.

    After a message of a shard its successor is asked for at once: looking for the
    oldest of every shard again would cost as much as the backlog is long.
    """
    queue = deque(take(OutboxMessage.objects.due(), limits.batch, limits.lease_s))
    last_start = time.monotonic() + limits.lease_s - limits.handler_s
    tried = 0
    while queue and not stopping() and time.monotonic() < last_start:
        message = queue.popleft()
        delivered = deliver(message, limits)
        tried += 1
        if delivered and message.shard and tried < limits.batch:
            successor = OutboxMessage.objects.due().filter(shard=message.shard)
            queue.extend(take(successor, 1, limits.lease_s))
    give_back(queue)
    return tried


def take(due: OutboxQuerySet, most: int, lease_s: float) -> list[OutboxMessage]:
    """Lease up to ``most`` of ``due``, passing by those another deliverer takes."""
    with transaction.atomic():
        messages = list(due.select_for_update(skip_locked=True, no_key=True)[:most])
        OutboxMessage.objects.filter(pk__in=[each.pk for each in messages]).update(
            due_at=Now() + timedelta(seconds=lease_s), attempts=F("attempts") + 1
        )
    for message in messages:
        message.attempts += 1
    return messages


def give_back(messages: deque[OutboxMessage]) -> None:
    """Let others have what was taken and not begun; it does not count as a try."""
    for message in messages:
        OutboxMessage.objects.taken_as(message).update(
            due_at=Now(), attempts=F("attempts") - 1
        )


def deliver(message: OutboxMessage, limits: Limits) -> bool:
    """Call the handler of ``message`` and mark what came of it; True: delivered."""
    token = correlation_id.set(message.correlation_id)
    try:
        with time_limit(limits.handler_s):
            import_string(settings.OUTBOX_HANDLERS[message.topic])(message)
    except TimeLimitError as error:
        # Interrupted in the middle of anything: the connection is not to be trusted.
        connection.close()
        _mark_failed(message, error, limits)
    except Exception as error:  # noqa: BLE001 - one bad message must not stop the rest
        _mark_failed(message, error, limits)
    else:
        return _mark(message, OutboxMessage.Status.DELIVERED)
    finally:
        correlation_id.reset(token)
    return False


def prune(age: timedelta) -> int:
    """Delete messages delivered longer than ``age`` ago, a bounded number at a time."""
    old = OutboxMessage.objects.delivered_before(age).order_by("finished_at", "id")
    chosen = list(old.values_list("pk", flat=True)[:MOST_PRUNED])
    deleted, _ = OutboxMessage.objects.filter(pk__in=chosen).delete()
    return deleted


def _mark(message: OutboxMessage, status: str, error: str = "") -> bool:
    marked = OutboxMessage.objects.taken_as(message).update(
        status=status, finished_at=Now(), last_error=error
    )
    if not marked:
        logger.warning("outbox %s was taken over while it was handled", message.pk)
    return bool(marked)


def _mark_failed(message: OutboxMessage, error: BaseException, limits: Limits) -> None:
    reason = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
    extra = {"topic": message.topic, "message_id": message.pk, "reason": reason}
    hopeless = isinstance(error, UndeliverableError)
    if hopeless or message.attempts >= limits.attempts:
        logger.error("outbox message is a dead letter", exc_info=error, extra=extra)
        _mark(message, OutboxMessage.Status.DEAD, reason)
        return
    logger.warning("outbox message will be tried again", exc_info=error, extra=extra)
    pause_s = limits.pause_s(message.attempts, random.random())  # noqa: S311 - jitter
    OutboxMessage.objects.taken_as(message).update(
        due_at=Now() + timedelta(seconds=pause_s), last_error=reason
    )
