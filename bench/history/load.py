"""The load on a history endpoint: keep-alive connections that ask without a pause."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

READ_TIMEOUT_S = 30
OK = b"HTTP/1.1 200"


@dataclass(frozen=True, slots=True)
class Measured:
    """What came back in one stretch of load."""

    requests: int
    wall_s: float
    p99_s: float

    @property
    def per_second(self) -> float:
        return self.requests / self.wall_s


class LoadRefused(Exception):  # noqa: N818 - reads as what happened
    """The server answered with something else than 200."""


class Connection(asyncio.Protocol):
    """One client that sends its next request when the answer is whole."""

    def __init__(self, requests: Sequence[bytes], deadline: float) -> None:
        self._requests = itertools.cycle(requests)
        self._deadline = deadline
        self._received = bytearray()
        self._whole = 0
        self._sent_at = 0.0
        self.taken_s: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._whole:
            self._whole = _length(self._received)
        if self._whole and len(self._received) >= self._whole:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(LoadRefused("The server closed the connection."))

    def _ask(self) -> None:
        self._received.clear()
        self._whole = 0
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._requests))

    def _answered(self) -> None:
        now = time.perf_counter()
        self.taken_s.append(now - self._sent_at)
        if not self._received.startswith(OK):
            head = bytes(self._received[:300]).decode(errors="replace")
            self._end(LoadRefused(head))
        elif now < self._deadline:
            self._ask()
        else:
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)
        self._transport.abort()


def run(
    port: int, requests: Sequence[bytes], *, connections: int, seconds: float
) -> Measured:
    """Ask for ``seconds`` over ``connections`` and return what came back."""
    return asyncio.run(_run(port, requests, connections, seconds))


def request(path: str, headers: dict[str, str]) -> bytes:
    """Return the bytes of a GET."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


async def _run(
    port: int, requests: Sequence[bytes], connections: int, seconds: float
) -> Measured:
    started = time.perf_counter()
    clients = [
        await _connect(port, _turned(requests, number), started + seconds)
        for number in range(connections)
    ]
    everyone = asyncio.gather(*(client.done for client in clients))
    await asyncio.wait_for(everyone, seconds + READ_TIMEOUT_S)
    wall_s = time.perf_counter() - started
    taken_s = [one for client in clients for one in client.taken_s]
    return Measured(len(taken_s), wall_s, statistics.quantiles(taken_s, n=100)[-1])


async def _connect(port: int, requests: Sequence[bytes], deadline: float) -> Connection:
    _, client = await asyncio.get_running_loop().create_connection(
        lambda: Connection(requests, deadline), "127.0.0.1", port
    )
    return client


def _turned(requests: Sequence[bytes], number: int) -> Sequence[bytes]:
    """Begin elsewhere for each client, so that they do not ask in step."""
    first = number * 7 % len(requests)
    return [*requests[first:], *requests[:first]]


def _length(received: bytearray) -> int:
    """Return the length of the whole answer, 0 until its head is here."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return 0
    for line in bytes(received[:end]).lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return end + 4 + int(line.partition(b":")[2])
    raise LoadRefused("The answer does not tell its length.")
