"""Bounds each application sets on the requests it works on: how long, how many.

They stand in front of Django, because a thread cannot be interrupted. When the
budget is over the caller gets its 504; the work goes on in its thread until its
next statement is refused, and keeps its place among the requests being worked on,
so that slow work cannot pile up without end. Beyond the bound the answer is 503.
A response that has begun is not cut: the budget is for its first byte.

State lives in the application object: two of them in one process share nothing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from tradingsite import deadline, logs, metrics, problems
from tradingsite.middleware import CORRELATION_HEADER, chosen_id
from tradingsite.streaming.hub import Hub

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
# Typed loosely: each framework names the same messages in its own way.
Application = Callable[..., Coroutine[Any, Any, None]]

ID_HEADER = CORRELATION_HEADER.lower().encode()
KEY_HEADER = b"idempotency-key"
STATE = "tradingsite.state"
# Answered whatever happens: who looks after us must see how we are.
UNBOUNDED_PATHS = ("/health/", "/metrics")


@dataclass
class State:
    """What one application knows about itself."""

    running: int = 0
    is_draining: bool = False
    hub: Hub = field(default_factory=Hub)


class Exchange:
    """One request and its answer, which may be given only once."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.has_begun = False
        self.is_over = False

    async def receive(self) -> Message:
        if self.is_over:
            # The server calls an answered request disconnected, and Django would
            # cancel the work that is to go on.
            await asyncio.Event().wait()
        message = await self._receive()
        if self.is_over:
            await asyncio.Event().wait()
        return message

    async def send(self, message: Message) -> None:
        if self.is_over:
            return
        self.has_begun = True
        await self._send(message)

    async def answer(self, scope: Scope, problem: problems.Problem) -> None:
        """Answer in place of the application."""
        self.is_over = True
        accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
        is_for_people = problems.is_for_people(scope["path"], accept)
        response = problem.page() if is_for_people else problem.response(None)
        headers = {**response.headers, CORRELATION_HEADER: logs.correlation_id.get()}
        await self._send(
            {
                "type": "http.response.start",
                "status": response.status_code,
                "headers": [
                    (name.lower().encode(), value.encode())
                    for name, value in headers.items()
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": response.content})


class Limits:
    """Wraps an application: so many requests at a time, so many seconds each."""

    def __init__(self, application: Application, state: State | None = None) -> None:
        self.application = application
        self.state = state or State()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[STATE] = self.state
        identify(scope)
        if scope["path"].startswith(UNBOUNDED_PATHS):
            await self.application(scope, receive, send)
            return
        exchange = Exchange(receive, send)
        if self.state.running >= settings.REQUEST_CONCURRENCY:
            metrics.current().requests_refused.labels("concurrency").inc()
            await exchange.answer(scope, problems.OVERLOADED)
            return
        self.state.running += 1
        metrics.current().requests_running.inc()
        try:
            await self.work(scope, exchange)
        finally:
            self.state.running -= 1
            metrics.current().requests_running.dec()

    async def work(self, scope: Scope, exchange: Exchange) -> None:
        """Let the application answer; answer in its place when its time is over."""
        with deadline.budget(settings.REQUEST_TIMEOUT_S):
            task = asyncio.create_task(
                self.application(scope, exchange.receive, exchange.send)
            )
        try:
            await asyncio.wait({task}, timeout=settings.REQUEST_TIMEOUT_S)
            if not task.done() and not exchange.has_begun:
                await self.answer_late(scope, exchange)
                started_at = time.monotonic()
                await task
                logger.warning(
                    "%s %s ended %.1f s after its caller was told 504.",
                    scope["method"],
                    scope["path"],
                    time.monotonic() - started_at,
                )
            await task
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def answer_late(self, scope: Scope, exchange: Exchange) -> None:
        metrics.current().requests_refused.labels("deadline").inc()
        key = dict(scope["headers"]).get(KEY_HEADER, b"").decode("latin-1")
        await exchange.answer(scope, problems.late(scope["method"], scope["path"], key))


def identify(scope: Scope) -> None:
    """Choose the id of the request; Django's middleware finds it in the header."""
    offered = dict(scope["headers"]).get(ID_HEADER, b"").decode("latin-1")
    chosen = chosen_id(offered)
    logs.correlation_id.set(chosen)
    others = [pair for pair in scope["headers"] if pair[0] != ID_HEADER]
    scope["headers"] = [*others, (ID_HEADER, chosen.encode())]
