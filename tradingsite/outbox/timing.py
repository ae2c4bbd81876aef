"""The pauses between attempts, and the time that one attempt may take."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class TimeLimitError(BaseException):
    """The handler took too long; no ``except Exception`` of its own may hide that."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many messages are taken at once, for how long, and how often each."""

    batch: int
    handler_s: float
    lease_s: float
    attempts: int
    first_pause_s: float = 1.0
    longest_pause_s: float = 300.0

    def __post_init__(self) -> None:
        if self.lease_s <= self.handler_s:
            raise ImproperlyConfigured(
                "OUTBOX_LEASE_S must be longer than OUTBOX_HANDLER_TIMEOUT_S."
            )

    @classmethod
    def from_settings(cls) -> "Limits":
        return cls(
            batch=settings.OUTBOX_BATCH,
            handler_s=settings.OUTBOX_HANDLER_TIMEOUT_S,
            lease_s=settings.OUTBOX_LEASE_S,
            attempts=settings.OUTBOX_ATTEMPTS,
        )

    def pause_s(self, attempts: int, chance: float) -> float:
        """Return the wait after so many attempts: doubled each time, up to 50 % more.

        ``chance`` is a random number from 0 to 1 that spreads those who failed
        together.
        """
        doubled = self.first_pause_s * 2.0 ** min(attempts - 1, 30)
        return min(doubled, self.longest_pause_s) * (1 + chance / 2)


@contextmanager
def time_limit(timeout_s: float) -> Iterator[None]:
    """Interrupt the block after ``timeout_s``; only in the main thread.

    A timer that somebody else set is put back with the time it had left.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(f"It took longer than {timeout_s:g} s.")

    handler = signal.signal(signal.SIGALRM, interrupt)
    began = time.monotonic()
    left_s, interval_s = signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left_s:
            left_s = max(left_s - (time.monotonic() - began), 0.001)
            signal.setitimer(signal.ITIMER_REAL, left_s, interval_s)
