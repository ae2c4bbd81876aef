"""A circuit breaker: after too many failures the other side is left in peace.

Closed, every call goes through and its outcome is counted in a sliding window.
Open, calls fail at once with ``BreakerOpen``. After ``open_s`` it is half open:
exactly one call goes through as a probe, and its outcome decides. A slow call
counts as a failure, and so does a cancelled one: slowness is what hurts callers.

    breaker = CircuitBreaker("ticker")
    with breaker.guard():
        answer = ask()

The same ``with`` serves ``async`` code, since the breaker itself never waits.
"""

import enum
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import ParamSpec, TypeVar

from tradingsite import metrics

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)


class BreakerOpen(Exception):  # noqa: N818 - a state, named as callers speak of it
    """Tells that the call was not made because earlier ones failed."""

    def __init__(self, name: str, retry_after_s: float) -> None:
        super().__init__(f"{name} is left in peace for {retry_after_s:.1f} s more.")
        self.name = name
        self.retry_after_s = retry_after_s


class State(enum.StrEnum):
    """What a breaker does with the next call."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a breaker opens, and for how long."""

    window_s: int = 10
    minimum_calls: int = 20
    failure_rate: float = 0.5
    slow_call_s: float = 1.0
    open_s: float = 5.0
    # One such error opens it: no need to be hurt twenty times.
    opened_by: tuple[type[BaseException], ...] = ()
    # The other side answered; that it said no is not its failure.
    ignored: tuple[type[BaseException], ...] = ()


@dataclass
class Second:
    """The outcomes of one second of the window."""

    started_at: int
    calls: int = 0
    failures: int = 0


class Window:
    """Counts calls and failures of the last seconds."""

    def __init__(self, length_s: int) -> None:
        self._seconds: deque[Second] = deque()
        self._length_s = length_s

    def add(self, now: float, *, failed: bool) -> None:
        second = math.floor(now)
        if not self._seconds or self._seconds[-1].started_at != second:
            self._seconds.append(Second(second))
        self._seconds[-1].calls += 1
        self._seconds[-1].failures += failed
        while self._seconds[0].started_at <= second - self._length_s:
            self._seconds.popleft()

    def clear(self) -> None:
        self._seconds.clear()

    @property
    def calls(self) -> int:
        return sum(second.calls for second in self._seconds)

    @property
    def failures(self) -> int:
        return sum(second.failures for second in self._seconds)


class Permit:
    """One call that was let through; its ``with`` block tells how it ended."""

    __slots__ = ("_breaker", "generation", "started_at")

    def __init__(
        self, breaker: "CircuitBreaker", generation: int, started_at: float
    ) -> None:
        self._breaker = breaker
        self.generation = generation
        self.started_at = started_at

    def __enter__(self) -> "Permit":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._breaker.settle(self, error)


class CircuitBreaker:
    """Guards the calls to one other side, for all threads and tasks of a process."""

    def __init__(
        self,
        name: str,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.limits = limits or Limits()
        self._clock = clock
        self._lock = threading.Lock()
        self._state = State.CLOSED
        # When the present state began: of half open, when its probe was let through.
        self._changed_at = -math.inf
        # Outcomes of calls from before a change of state decide nothing any more.
        self._generation = 0
        self._window = Window(self.limits.window_s)

    @property
    def state(self) -> State:
        return self._state

    def guard(self) -> Permit:
        """Let one call through, or raise ``BreakerOpen``."""
        now = self._clock()
        with self._lock:
            if self._state is not State.CLOSED:
                self._admit_probe(now)
            return Permit(self, self._generation, now)

    def call(
        self,
        function: Callable[Parameters, Answer],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Answer:
        """Return what ``function`` returns, if the breaker lets it be called."""
        with self.guard():
            return function(*args, **kwargs)

    async def call_async(
        self,
        function: Callable[Parameters, Awaitable[Answer]],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Answer:
        """Return what ``function`` resolves to, if the breaker lets it be called."""
        with self.guard():
            return await function(*args, **kwargs)

    def settle(self, permit: Permit, error: BaseException | None) -> None:
        """Count the outcome of the call of ``permit``."""
        now = self._clock()
        failed = self._is_failure(error, now - permit.started_at)
        with self._lock:
            if permit.generation != self._generation:
                return
            if self._state is State.HALF_OPEN:
                self._change(State.OPEN if failed else State.CLOSED, now)
                return
            self._window.add(now, failed=failed)
            if failed and (isinstance(error, self.limits.opened_by) or self._is_bad()):
                self._change(State.OPEN, now)

    def _admit_probe(self, now: float) -> None:
        # A probe that never came back is given up after the same time as an
        # open breaker: otherwise its loss would keep everybody out for ever.
        left_s = self._changed_at + self.limits.open_s - now
        if left_s > 0:
            raise BreakerOpen(self.name, left_s)
        self._change(State.HALF_OPEN, now)

    def _is_failure(self, error: BaseException | None, took_s: float) -> bool:
        if error is None:
            return took_s > self.limits.slow_call_s
        return not isinstance(error, self.limits.ignored)

    def _is_bad(self) -> bool:
        calls = self._window.calls
        return (
            calls >= self.limits.minimum_calls
            and self._window.failures >= calls * self.limits.failure_rate
        )

    def _change(self, state: State, now: float) -> None:
        self._state = state
        self._changed_at = now
        self._generation += 1
        self._window.clear()
        metrics.current().breaker_changes.labels(self.name, state).inc()
        logger.log(
            logging.INFO if state is State.CLOSED else logging.WARNING,
            "Breaker of %s is %s.",
            self.name,
            state,
        )
