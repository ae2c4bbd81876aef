"""Two applications in one process share nothing that changes."""

import asyncio
import gc
import types
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from pytest_django.fixtures import Settings

from tradingsite.asgi import make_application
from tradingsite.limits import Limits, State
from tradingsite.readiness import Checks

LEAVES = (
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    type,
    str,
    bytes,
    int,
    float,
)


def scope_of(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
        "scheme": "http",
    }


async def status_of(application: Any, path: str) -> int:
    exchange = ApplicationCommunicator(application, scope_of(path))
    await exchange.send_input({"type": "http.request", "body": b""})
    start = await exchange.receive_output(10)
    await exchange.receive_output(10)
    await exchange.wait(10)
    status: int = start["status"]
    return status


def states_in(application: Any) -> Iterator[State]:
    """Yield the states that are reached from an application."""
    seen: set[int] = set()
    waiting = [application]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, LEAVES):
            continue
        seen.add(id(thing))
        if isinstance(thing, State):
            yield thing
        waiting += gc.get_referents(thing)


def test_each_has_a_state_of_its_own():
    (first,) = states_in(make_application())
    (second,) = states_in(make_application())
    assert first is not second


async def test_one_that_drains_does_not_drain_the_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Checks, "all", lambda self: asyncio.sleep(0, []))
    first, second = make_application(), make_application()
    next(states_in(first)).is_draining = True
    assert await status_of(first, "/health/ready") == 503
    assert await status_of(second, "/health/ready") == 200


async def test_one_that_is_full_does_not_fill_the_other(settings: Settings):
    settings.REQUEST_CONCURRENCY = 1
    first, second = make_application(), make_application()
    next(states_in(first)).running = 1
    assert await status_of(first, "/nothing") == 503
    assert await status_of(second, "/nothing") == 404


async def test_control_one_state_for_both_is_noticed(settings: Settings):
    settings.REQUEST_CONCURRENCY = 1
    shared = State(running=1)

    async def never(*args: object) -> None:
        raise AssertionError("not to be called")

    applications = [Limits(never, shared), Limits(never, shared)]
    assert [await status_of(each, "/nothing") for each in applications] == [503, 503]
