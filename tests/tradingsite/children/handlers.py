"""Outbox handlers of the tests."""

import random
import time

from django.db import transaction

from tests.tradingsite.children.effects import execute, note_delivery
from tradingsite import outbox
from tradingsite.models import OutboxMessage

LINGER_S = 60


def record(message: OutboxMessage) -> None:
    """Take a moment, then apply the effect once, however often it is called."""
    time.sleep(random.random() * message.payload.get("pause_s", 0))
    with transaction.atomic():
        outbox.hold(message)
        note_delivery(message.pk, message.shard, message.payload["number"])
        execute(
            "INSERT INTO test_effects VALUES (%s, %s) ON CONFLICT DO NOTHING",
            message.pk,
            message.payload["number"],
        )


def linger(message: OutboxMessage) -> None:
    """Stay for ever at the first try, so that the process can be killed here."""
    note_delivery(message.pk, message.shard, message.attempts)
    if message.attempts == 1:
        time.sleep(LINGER_S)
