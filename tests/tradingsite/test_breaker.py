"""The circuit breaker: when it opens, who may probe, what counts as failure."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tradingsite import metrics
from tradingsite.breaker import BreakerOpen, CircuitBreaker, Limits, State


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class NeverMindWhoProbes(CircuitBreaker):
    """The control: half open lets everybody through."""

    def _admit_probe(self, now: float) -> None:
        if now - self._changed_at < self.limits.open_s:
            raise BreakerOpen(self.name, 1)


def fail(*args: object) -> None:
    raise ConnectionResetError("reset")


def make_breaker(
    clock: Clock, kind: type[CircuitBreaker] = CircuitBreaker, **limits: Any
) -> CircuitBreaker:
    return kind("test", Limits(**limits), clock=clock)


def open_it(breaker: CircuitBreaker) -> None:
    for _ in range(breaker.limits.minimum_calls):
        with pytest.raises(ConnectionResetError):
            breaker.call(fail)
    assert breaker.state is State.OPEN


def test_it_opens_when_half_of_twenty_calls_fail():
    breaker = make_breaker(Clock())
    for _ in range(10):
        breaker.call(int)
    for _ in range(9):
        with pytest.raises(ConnectionResetError):
            breaker.call(fail)
    assert breaker.state is State.CLOSED

    with pytest.raises(ConnectionResetError):
        breaker.call(fail)

    assert breaker.state is State.OPEN


def test_while_open_nothing_is_called():
    breaker = make_breaker(Clock())
    open_it(breaker)
    with pytest.raises(BreakerOpen) as refused:
        breaker.call(fail)
    assert refused.value.retry_after_s == pytest.approx(5)


def test_failures_older_than_the_window_are_forgotten():
    clock = Clock()
    breaker = make_breaker(clock)
    for _ in range(19):
        with pytest.raises(ConnectionResetError):
            breaker.call(fail)
    clock.now += 11
    with pytest.raises(ConnectionResetError):
        breaker.call(fail)
    assert breaker.state is State.CLOSED


def test_a_slow_call_is_a_failure():
    clock = Clock()
    breaker = make_breaker(clock, minimum_calls=1)
    with breaker.guard():
        clock.now += 1.5
    assert breaker.state is State.OPEN


async def test_a_cancelled_call_is_a_failure():
    breaker = make_breaker(Clock(), minimum_calls=1)
    task = asyncio.create_task(breaker.call_async(asyncio.sleep, 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert breaker.state is State.OPEN


def test_a_refusal_by_the_other_side_is_no_failure():
    breaker = make_breaker(Clock(), minimum_calls=1, ignored=(ValueError,))
    with pytest.raises(ValueError, match="invalid literal"):
        breaker.call(int, "no number")
    assert breaker.state is State.CLOSED


def test_one_error_of_the_worst_kind_is_enough():
    breaker = make_breaker(Clock(), opened_by=(ConnectionResetError,))
    with pytest.raises(ConnectionResetError):
        breaker.call(fail)
    assert breaker.state is State.OPEN


def test_a_good_probe_closes_it():
    clock = Clock()
    breaker = make_breaker(clock)
    open_it(breaker)
    clock.now += 5
    breaker.call(int)
    assert breaker.state is State.CLOSED


def test_a_bad_probe_opens_it_again_for_the_whole_time():
    clock = Clock()
    breaker = make_breaker(clock)
    open_it(breaker)
    clock.now += 5
    with pytest.raises(ConnectionResetError):
        breaker.call(fail)
    clock.now += 4.9
    with pytest.raises(BreakerOpen):
        breaker.call(int)


def test_a_call_from_before_it_opened_does_not_close_it():
    clock = Clock()
    breaker = make_breaker(clock)
    early = breaker.guard()
    open_it(breaker)
    clock.now += 5
    probe = breaker.guard()
    with early:
        pass
    assert breaker.state is State.HALF_OPEN
    with probe:
        pass
    assert breaker.state is State.CLOSED


def test_a_probe_that_never_comes_back_is_given_up():
    clock = Clock()
    breaker = make_breaker(clock)
    open_it(breaker)
    clock.now += 5
    breaker.guard()
    with pytest.raises(BreakerOpen):
        breaker.guard()
    clock.now += 5
    breaker.call(int)
    assert breaker.state is State.CLOSED


def probes_of_threads(breaker: CircuitBreaker, count: int = 32) -> int:
    together = threading.Barrier(count)
    done = threading.Barrier(count)

    def ask() -> int:
        together.wait(10)
        try:
            permit = breaker.guard()
        except BreakerOpen:
            done.wait(10)
            return 0
        done.wait(10)
        with permit:
            return 1

    with ThreadPoolExecutor(count) as threads:
        return sum(
            future.result() for future in [threads.submit(ask) for _ in range(count)]
        )


@pytest.mark.parametrize("attempt", range(20))
def test_of_32_threads_exactly_one_probes(attempt: int):
    clock = Clock()
    breaker = make_breaker(clock)
    open_it(breaker)
    clock.now += 5
    assert probes_of_threads(breaker) == 1


def test_control_without_the_rule_all_threads_probe():
    clock = Clock()
    breaker = make_breaker(clock, kind=NeverMindWhoProbes)
    open_it(breaker)
    clock.now += 5
    assert probes_of_threads(breaker) > 1


async def test_of_32_tasks_exactly_one_probes():
    clock = Clock()
    breaker = make_breaker(clock)
    open_it(breaker)
    clock.now += 5
    answers = await asyncio.gather(
        *(breaker.call_async(asyncio.sleep, 0.01) for _ in range(32)),
        return_exceptions=True,
    )
    assert sum(answer is None for answer in answers) == 1
    assert sum(isinstance(answer, BreakerOpen) for answer in answers) == 31


def test_changes_are_counted_and_logged(caplog: pytest.LogCaptureFixture):
    breaker = CircuitBreaker("counted", Limits(minimum_calls=1), clock=Clock())
    with pytest.raises(ConnectionResetError):
        breaker.call(fail)
    counter = metrics.current().breaker_changes.labels("counted", "open")
    assert counter._value.get() == 1
    assert "Breaker of counted is open." in caplog.text
