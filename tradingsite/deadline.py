"""How much time is left for the request at hand.

The budget travels with the context: into the thread of a view, its statements
(``tradingsite.database.base``) and its calls to others, which ask ``remaining()``.
Outside a request there is no budget and ``remaining()`` is None.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends_at: ContextVar[float | None] = ContextVar("deadline_ends_at", default=None)


class DeadlineExceeded(Exception):  # noqa: N818 - the fact, as callers speak of it
    """Tells that the request's time is over."""


def remaining() -> float | None:
    """Return the seconds left, below zero when the time is over; None: no limit."""
    ends_at = _ends_at.get()
    return None if ends_at is None else ends_at - time.monotonic()


def limit(wanted_s: float) -> float:
    """Return how long a wait may be: what is wanted, or what is left if less."""
    left_s = remaining()
    if left_s is None:
        return wanted_s
    if left_s <= 0:
        raise DeadlineExceeded
    return min(wanted_s, left_s)


@contextmanager
def budget(seconds: float) -> Iterator[None]:
    """Give the block so many seconds, or what an outer block has left if less."""
    left_s = remaining()
    allowed_s = seconds if left_s is None else min(seconds, left_s)
    token = _ends_at.set(time.monotonic() + allowed_s)
    try:
        yield
    finally:
        _ends_at.reset(token)
