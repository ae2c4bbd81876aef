"""The hatch of the HTTP protocol: the bytes of the long way, without the way."""

import asyncio
import re
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tests.tradingsite.test_fastpath import DAY, REQUESTS, arrange, issued
from tradingsite.asgi import make_application
from tradingsite.fastpath import FastPath
from tradingsite.protocol import HATCH, Protocol

DATE = [(b"date", b"Mon, 23 Nov 2026 04:30:00 GMT"), (b"server", b"test")]
ID = re.compile(rb"(x-correlation-id: )[\w-]+", re.IGNORECASE)
in_thread = sync_to_async(thread_sensitive=True)


class Transport(asyncio.Transport):
    """Collects what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4711), "sockname": ("::1", 80)})
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Connection:
    """One connection to an application, and what went over it."""

    def __init__(self, application: Any, state: dict[str, Any]) -> None:
        config = Config(application, log_config=None, access_log=False)
        config.load()
        server = ServerState()
        server.default_headers = DATE
        self.protocol = Protocol(config, server, state)
        self.transport = Transport()
        self.protocol.connection_made(self.transport)

    async def ask(self, *requests: bytes) -> bytes:
        """Send at once and return all that comes back."""
        self.transport.written = b""
        self.protocol.data_received(b"".join(requests))
        await self.finish()
        return self.transport.written

    async def finish(self) -> None:
        """Wait until nothing is left: who may pass is learnt after the answer."""
        while self.protocol.tasks:
            await asyncio.wait(set(self.protocol.tasks))


def get(query: str, key: str, *headers: str, version: str = "1.1") -> bytes:
    lines = [
        f"GET /udf/history?{query} HTTP/{version}",
        "Host: 127.0.0.1",
        *([f"Authorization: Bearer {key}"] if key else []),
        *headers,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def fastpath_of(application: Any) -> FastPath:
    found: FastPath = application.application_mapping["http"]
    return found


def handed_out(state: dict[str, Any], counted: list[bool]) -> dict[str, Any]:
    """Return ``state`` with a hatch that notes whether it had something."""
    hatch = state[HATCH]

    def noted(scope: Any) -> Any:
        found = hatch(scope)
        counted.append(found is not None)
        return found

    return {HATCH: noted}


async def started(application: Any) -> dict[str, Any]:
    """Return the state of the application's lifespan."""
    state: dict[str, Any] = {}
    said: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
    messages = [{"type": "lifespan.startup"}]

    async def receive() -> Any:
        return messages.pop() if messages else await asyncio.Event().wait()

    running = asyncio.create_task(application(scope, receive, said.put))
    assert (await said.get())["type"] == "lifespan.startup.complete"
    running.cancel()
    return state


@pytest.fixture(autouse=True)
async def threads_leave_no_connection():
    yield
    await in_thread(connections.close_all)()


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch):
    """However slow the machine is, nothing gets too old meanwhile."""
    for name in ("admission.ADMITTED_S", "admission.RENEWED_S", "LOOK_S", "WAIT_S"):
        monkeypatch.setattr(f"tradingsite.fastpath.{name}", 60.0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("unhurried")
async def test_the_hatch_hands_out_what_the_application_answers():
    user = await in_thread(arrange)()
    key = await in_thread(issued)(user)
    application, counted = make_application(), list[bool]()
    state = handed_out(await started(application), counted)
    through_hatch, without = Connection(application, state), Connection(application, {})

    for name, query in REQUESTS.items():
        if name == "raw bytes":
            # No HTTP: the parser refuses it, whatever stands behind.
            continue
        request = get(query, key)
        expected = ID.sub(rb"\1", await without.ask(request))
        for _ in range(3):
            answer = ID.sub(rb"\1", await through_hatch.ask(request))
            assert named(answer) == named(expected), name

    assert counted.count(True) > 10


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("unhurried")
async def test_nobody_gets_anything_through_the_hatch():
    user = await in_thread(arrange)()
    key = await in_thread(issued)(user)
    application, counted = make_application(), list[bool]()
    connection = Connection(
        application, handed_out(await started(application), counted)
    )
    for _ in range(3):
        await connection.ask(get(DAY, key))
    assert counted[-1]

    for other in ("", "tsk_nobody", key + "x"):
        assert b"HTTP/1.1 401" in await connection.ask(get(DAY, other))
        assert not counted[-1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("unhurried")
async def test_an_admission_that_is_due_is_renewed_behind_the_hatch(
    monkeypatch: pytest.MonkeyPatch,
):
    user = await in_thread(arrange)()
    key = await in_thread(issued)(user)
    application, counted = make_application(), list[bool]()
    connection = Connection(
        application, handed_out(await started(application), counted)
    )
    for _ in range(3):
        await connection.ask(get(DAY, key))
    assert counted[-1]
    monkeypatch.setattr("tradingsite.fastpath.admission.RENEWED_S", 0.0)
    counted.clear()

    await connection.ask(get(DAY, key))

    assert counted == [False]


async def test_what_the_hatch_hands_out_is_written_with_the_servers_headers():
    def hatch(scope: Any) -> tuple[bytes, bytes]:
        return b"content-length: 2\r\n\r\n", b"ok"

    connection = Connection(unreachable, {HATCH: hatch})

    answer = await connection.ask(get("", ""))

    assert answer == (
        b"HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 04:30:00 GMT\r\nserver: test\r\n"
        b"content-length: 2\r\n\r\nok"
    )
    assert not connection.protocol.tasks


async def test_requests_in_a_row_are_answered_in_their_order():
    def hatch(scope: Any) -> tuple[bytes, bytes] | None:
        query = scope["query_string"]
        return None if query == b"slow" else (b"content-length: 1\r\n\r\n", query)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"slow"})

    connection = Connection(slow, {HATCH: hatch})

    answer = await connection.ask(*(get(query, "") for query in ("1", "slow", "2")))

    assert [answer.index(part) for part in (b"\r\n1", b"slow", b"\r\n2")] == sorted(
        answer.index(part) for part in (b"\r\n1", b"slow", b"\r\n2")
    )
    assert answer.count(b"HTTP/1.1 200") == 3


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(get("", "", version="1.0"), id="HTTP 1.0"),
        pytest.param(get("", "", "Connection: close"), id="the last one"),
        pytest.param(get("", "", "Expect: 100-continue"), id="asks for permission"),
    ],
)
async def test_what_is_not_plain_goes_into_the_application(request_: bytes):
    connection = Connection(behind, {HATCH: handed})

    assert b"behind" in await connection.ask(request_)


async def test_a_connection_that_takes_no_bytes_waits_in_the_application():
    connection = Connection(behind, {HATCH: handed})
    connection.protocol.pause_writing()
    connection.protocol.data_received(get("", ""))
    await asyncio.sleep(0)
    assert connection.transport.written == b""

    connection.protocol.resume_writing()
    await connection.finish()

    assert b"behind" in connection.transport.written


async def test_without_a_hatch_it_is_the_servers_own_protocol():
    connection = Connection(behind, {})

    assert b"behind" in await connection.ask(get("", ""))
    assert issubclass(Protocol, HttpToolsProtocol)


def handed(scope: Any) -> tuple[bytes, bytes]:
    return b"content-length: 6\r\n\r\n", b"handed"


async def behind(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"behind"})


async def unreachable(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("The application was asked.")


def named(answer: bytes) -> tuple[bytes, set[bytes], bytes]:
    """Return status, the headers that both ways must agree on, and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    return status, {line for line in lines if is_named(line)}, without_id(body)


def is_named(line: bytes) -> bool:
    name = line.partition(b":")[0].lower()
    return name in {
        b"date", b"server", b"content-type", b"content-length", b"cache-control",
        b"vary", b"x-content-type-options", b"x-correlation-id",
    }  # fmt: skip


def without_id(body: bytes) -> bytes:
    return re.sub(rb'"request_id":"[^"]*"', b"", body)
