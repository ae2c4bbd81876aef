"""The two ways into ``/udf/history`` in one process: the long one and the short one."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.core.asgi import get_asgi_application

from tradingsite.fastpath import FastPath
from tradingsite.limits import Limits, State

# Of each answer alone.
OWN = {"x-correlation-id"}
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answer:
    """What a caller got."""

    status: int
    headers: frozenset[tuple[str, str]]
    body: bytes
    correlation_id: str = field(compare=False)


@dataclass(frozen=True)
class Request:
    """What a caller sends."""

    query: str = ""
    method: str = "GET"
    headers: Headers = ()
    address: str = "127.0.0.1"
    path: str = "/udf/history"
    body: bytes = b""

    def scope(self) -> dict[str, Any]:
        pairs: Iterable[tuple[str, str]] = (("host", "127.0.0.1"), *self.headers)
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": self.method,
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": self.query.encode("latin-1"),
            "headers": [
                (name.encode(), text.encode("latin-1")) for name, text in pairs
            ],
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": (self.address, 4711),
        }


class Doors:
    """Both doors of one process, and how often the short way was no way."""

    def __init__(self) -> None:
        self.long = Limits(get_asgi_application(), State())
        self.fast = FastPath(self._counted, State())
        self._behind = Limits(get_asgi_application(), self.fast.state)
        self.went_long = 0

    async def _counted(self, scope: Any, receive: Any, send: Any) -> None:
        self.went_long += 1
        await self._behind(scope, receive, send)

    async def by_the_long(self, request: Request) -> Answer:
        return await answer_of(self.long, request)

    async def by_the_short(self, request: Request) -> tuple[Answer, bool]:
        """Return the answer, and whether the short way gave it."""
        before = self.went_long
        answer = await answer_of(self.fast, request)
        return answer, self.went_long == before


async def answer_of(application: Any, request: Request) -> Answer:
    """Ask ``application`` and wait until it is done."""
    sent: list[Any] = []
    is_read = False

    async def receive() -> dict[str, Any]:
        nonlocal is_read
        if is_read:
            # The caller waits for its answer and does not hang up.
            await asyncio.Event().wait()
        is_read = True
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(request.scope(), receive, send)
    headers = [
        (name.decode().lower(), text.decode("latin-1"))
        for name, text in sent[0]["headers"]
    ]
    return Answer(
        sent[0]["status"],
        frozenset(pair for pair in headers if pair[0] not in OWN),
        b"".join(message.get("body", b"") for message in sent[1:]),
        dict(headers).get("x-correlation-id", ""),
    )
