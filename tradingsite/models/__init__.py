"""The plumbing's tables: outbox, journal, claims, idempotency keys, processes."""

from tradingsite.models.claims import Claim, ScheduledRun
from tradingsite.models.idempotency import IdempotencyKey
from tradingsite.models.journal import JournalEntry, JournalStream
from tradingsite.models.outbox import OutboxMessage
from tradingsite.models.processes import Process

__all__ = [
    "Claim",
    "IdempotencyKey",
    "JournalEntry",
    "JournalStream",
    "OutboxMessage",
    "Process",
    "ScheduledRun",
]
