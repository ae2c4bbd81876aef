"""Placing as a task: the same request within five minutes is the same task."""

import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from marketdata.simulator.http.messages import ApiError
from marketdata.simulator.orders.order import Order

_REMEMBERED_S = 300.0
_MOST_TASKS = 10_000


@dataclass(slots=True)
class Task:
    """One request to place an order and what became of it."""

    task_id: str
    idempotency_key: str
    created_at: float
    status: str = "completed"
    attempts: int = 1
    max_attempts: int = 5
    result: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    def payload(self) -> dict[str, Any]:
        return {
            "task_id": self.task_id,
            "idempotency_key": self.idempotency_key,
            "operation": "place_order",
            "status": self.status,
            "attempts": self.attempts,
            "max_attempts": self.max_attempts,
            "created_at": self.created_at,
            "updated_at": self.created_at,
            "result": self.result,
            "last_error": self.error,
        }


class TaskBook:
    """The tasks of the last five minutes, by request and by id."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._by_key: dict[str, Task] = {}
        self._by_id: dict[str, Task] = {}

    def known(self, key: str) -> Task | None:
        task = self._by_key.get(key)
        if task is None or self._clock() - task.created_at > _REMEMBERED_S:
            return None
        return task

    def add(self, key: str, order: Order) -> Task:
        if len(self._by_id) >= _MOST_TASKS:
            oldest = next(iter(self._by_id.values()))
            del self._by_id[oldest.task_id]
            if self._by_key.get(oldest.idempotency_key) is oldest:
                del self._by_key[oldest.idempotency_key]
        task = Task(str(uuid.uuid4()), key, self._clock())
        task.result = {"order_id": order.order_id, "status": order.status}
        self._by_key[key] = self._by_id[task.task_id] = task
        return task

    def task(self, task_id: str) -> Task:
        task = self._by_id.get(task_id)
        if task is None:
            raise ApiError("Task not found", status=404)
        return task


def key_of_request(account_id: str, fields: dict[str, Any]) -> str:
    """Return the key the caller gave, or one made of everything that was asked."""
    given = fields.get("idempotency_key")
    if given:
        return f"{account_id}:{given}"
    raw = orjson.dumps([account_id, fields], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(raw).hexdigest()
