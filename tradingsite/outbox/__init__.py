"""Side effects that happen exactly when their cause was committed.

Whoever changes something writes what must follow in the same transaction::

    with transaction.atomic():
        order.save()
        outbox.send("order.place", {"order": order.pk}, shard=f"account:{account.pk}")

``manage.py deliver_outbox`` calls the function that ``settings.OUTBOX_HANDLERS``
names for the topic: at least once, in the order of commits within a shard, again
with growing pauses when it raises, and as a dead letter when it raised too often.
A handler must therefore do no harm when it runs twice; one that writes to this
database gets there by ``hold(message)`` in the transaction of its effect.
"""

from typing import Any, NamedTuple

from django.db import connection, models, transaction
from django.db.models.functions import Now
from django.utils import timezone

from tradingsite import claims
from tradingsite.logs import correlation_id
from tradingsite.models.outbox import OutboxMessage

# Woken through PostgreSQL itself: the notice leaves with the COMMIT, or not at all.
CHANNEL = "outbox"
MOST_COUNTED = 10_000


class UndeliverableError(Exception):
    """Raised by a handler whose message can never be delivered: no retry, a human."""


class SupersededError(Exception):
    """The message was taken by another deliverer: this one was away too long."""


class Backlog(NamedTuple):
    """How far deliveries are behind; counts stop at ``MOST_COUNTED``."""

    pending: int
    dead: int
    oldest_s: float


def send(
    topic: str, payload: dict[str, Any], *, shard: str = "", key: str = ""
) -> OutboxMessage:
    """Write a side effect in the caller's transaction.

    Messages of one ``shard`` are delivered one after the other; senders to it wait
    for each other's COMMIT, so that the order of rows is the order of commits. A
    ``key`` that was sent on this topic before returns the message sent then.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "A side effect is written in the transaction of its cause."
        )
    if shard:
        claims.serialize(f"outbox:{shard}")
    fields = {
        "payload": payload,
        "shard": shard,
        "correlation_id": correlation_id.get()[:64],
    }
    if key:
        message, _ = OutboxMessage.objects.get_or_create(
            topic=topic, key=key, defaults=fields
        )
    else:
        message = OutboxMessage.objects.create(topic=topic, **fields)
    wake()
    return message


def wake() -> None:
    """Tell the deliverers, at COMMIT, that there is something to do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])


def hold(message: OutboxMessage) -> None:
    """Refuse a handler that was paused past its lease; keep others out to COMMIT."""
    mine = OutboxMessage.objects.taken_as(message).select_for_update()
    if not mine.values_list("pk").first():
        raise SupersededError(f"{message} was taken over by another deliverer.")


def retry(messages: models.QuerySet[OutboxMessage]) -> int:
    """Give the dead letters among ``messages`` a new life; return how many."""
    with transaction.atomic():
        revived = messages.filter(status=OutboxMessage.Status.DEAD).update(
            status=OutboxMessage.Status.PENDING,
            attempts=0,
            finished_at=None,
            due_at=Now(),
        )
        wake()
    return revived


def backlog() -> Backlog:
    """Return how much waits, how much died and how long the oldest has waited."""
    waiting = OutboxMessage.objects.waiting().order_by("id")
    oldest = waiting.values_list("created_at", flat=True).first()
    return Backlog(
        pending=waiting[:MOST_COUNTED].count(),
        dead=OutboxMessage.objects.dead()[:MOST_COUNTED].count(),
        oldest_s=(timezone.now() - oldest).total_seconds() if oldest else 0.0,
    )
