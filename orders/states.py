"""How an order stands: the broker's many words, and our few.

    pending → open ⇄ waiting → filled
                  ↘ canceled, rejected        (settled: nothing follows)
    expired, unknown                          (our conclusion: the broker's word wins)

``waiting`` is a stop whose trigger was not reached. An order that is being changed or
canceled still works at the exchange: it is ``open`` until the broker says otherwise.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """How an order stands, whichever broker says so."""

    PENDING = "pending"
    WAITING = "waiting"
    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


WORKING = frozenset({Status.PENDING, Status.WAITING, Status.OPEN})
SETTLED = frozenset({Status.FILLED, Status.CANCELED, Status.REJECTED})

_WORDS = {
    "OPEN": Status.OPEN,
    "MODIFIED": Status.OPEN,
    "MODIFY PENDING": Status.OPEN,
    "MODIFY VALIDATION PENDING": Status.OPEN,
    "CANCEL PENDING": Status.OPEN,
    "TRIGGER PENDING": Status.WAITING,
    "COMPLETE": Status.FILLED,
    "CANCELLED": Status.CANCELED,
    "CANCELLED AMO": Status.CANCELED,
    "REJECTED": Status.REJECTED,
    "PUT ORDER REQ RECEIVED": Status.PENDING,
    "AMO REQ RECEIVED": Status.PENDING,
    "VALIDATION PENDING": Status.PENDING,
    "OPEN PENDING": Status.PENDING,
}


def status_of(word: str) -> Status:
    """Return what a broker's word means; one that is new to us is ``unknown``.

    Source: Kite Connect 3, "Orders", order statuses.
    """
    return _WORDS.get(" ".join(word.upper().split()), Status.UNKNOWN)


class State(NamedTuple):
    """How far an order is: ``filled`` in units, ``changed_at`` by the exchange."""

    status: Status
    filled: int
    changed_at: datetime | None


def is_older(told: State, standing: State) -> bool:
    """Tell whether ``told`` is of before ``standing``, though it came after it.

    The exchange's clock decides where both have it. Within one of its seconds, and
    without it, what cannot follow is old: less filled, a settled order that works, or
    one on its way to the exchange that was there already.
    """
    if (
        told.changed_at
        and standing.changed_at
        and told.changed_at != (standing.changed_at)
    ):
        return told.changed_at < standing.changed_at
    return told.filled < standing.filled or _comes_back(told, standing)


def _comes_back(told: State, standing: State) -> bool:
    if standing.status in {Status.OPEN, Status.WAITING}:
        return told.status == Status.PENDING
    if standing.status not in SETTLED or told.status == standing.status:
        return False
    # A fill may overtake a cancellation; nothing else follows a settled order.
    return (standing.status, told.status) != (Status.CANCELED, Status.FILLED)
