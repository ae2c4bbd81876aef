"""The crowd: thousands of sockets in one process, which count what they are told.

When something arrived is asked of the kernel, which stamps it as it comes in: that the
crowd reads its thousands of sockets one after the other is no latency of the server.
"""

import itertools
import re
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.streams import wire

PER_ADDRESS = PER_ACCOUNT = 10
BUFFER = 1 << 18
# Linux' SO_TIMESTAMPNS, which Python does not name, and the timespec it answers with.
_STAMPED, _STAMP = 35, struct.Struct("qq")
_NUMBERS = re.compile(rb'"n":\s?"(\d{8})"')
# Longer than what one number needs, so that none is missed between two reads.
_TAIL = 20


class Silent(Exception):  # noqa: N818 - reads as what happened
    """The server told nothing, or not what was expected, for too long."""


@dataclass
class Listener:
    """One socket of the crowd."""

    socket: socket.socket
    tail: bytes = b""
    # What is not a whole frame yet, where pings are answered.
    begun: bytes = b""


@dataclass
class Crowd:
    """All of them; ``delivered`` counts messages, batched or not.

    They are spread over ``ports`` in turn. ``sent_at`` is when a message was told, in
    epoch seconds. Who ``answers_pings`` looks into each frame, which costs time that
    thousands do not have.
    """

    ports: Sequence[int]
    answers_pings: bool = False
    delivered: int = 0
    waits_s: list[float] = field(default_factory=list)
    sent_at: dict[int, float] = field(default_factory=dict)
    # No message comes twice: a value that is what it was is no news.
    numbers: Iterator[int] = field(default_factory=itertools.count)
    _listeners: dict[int, Listener] = field(default_factory=dict)
    _epoll: select.epoll = field(default_factory=select.epoll)
    _buffer: bytearray = field(default_factory=lambda: bytearray(BUFFER))

    def gather(self, size: int, hello: bytes, awaited: bytes) -> None:
        """Connect ``size`` sockets from many addresses; each says ``hello``."""
        for number in range(size):
            made = socket.socket()
            self._listeners[made.fileno()] = Listener(made)
            made.bind((address(number), 0))
            made.settimeout(10)
            made.setsockopt(socket.SOL_SOCKET, _STAMPED, 1)
            port = self.ports[number % len(self.ports)]
            made.connect(("127.0.0.1", port))
            made.sendall(request(number, port))
            heard = self._await(made, b"\r\n\r\n")
            if b" 101 " not in heard.split(b"\r\n")[0]:
                raise Silent(heard[:200].decode())
            if hello:
                made.sendall(wire.masked_frame(hello))
                self._await(made, awaited)
            made.settimeout(0)
            self._epoll.register(made.fileno(), select.EPOLLIN)

    def leave(self) -> None:
        for listener in self._listeners.values():
            listener.socket.close()
        self._epoll.close()

    def hear(self, until: Callable[[], bool], silence_s: float = 3.0) -> None:
        """Read until ``until`` holds; give up when nothing comes for ``silence_s``."""
        heard_at = time.monotonic()
        while not until():
            if self.read(0.02):
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > silence_s:
                return

    def read(self, timeout_s: float) -> int:
        """Read what is there; return how many messages it was."""
        before = self.delivered
        for number, _ in self._epoll.poll(timeout_s):
            listener = self._listeners[number]
            size, notes, *_ = listener.socket.recvmsg_into([self._buffer], 64)
            if not size:
                self._epoll.unregister(number)
                continue
            data = bytes(self._buffer[:size])
            if self.answers_pings:
                self._answer(listener, data)
            self._count(listener, data, notes)
        return self.delivered - before

    def _answer(self, listener: Listener, data: bytes) -> None:
        found, listener.begun = wire.frames_in(listener.begun + data)
        for opcode, payload in found:
            if opcode == wire.PING:
                listener.socket.sendall(wire.pong_frame(payload))

    def _count(
        self, listener: Listener, data: bytes, notes: list[tuple[int, int, bytes]]
    ) -> None:
        whole = listener.tail + data
        if self.sent_at:
            arrived_at, end = _stamp_in(notes), 0
            for match in _NUMBERS.finditer(whole):
                end = match.end()
                sent_at = self.sent_at.get(int(match[1]))
                # Else told before the clock was started, and only now arrived.
                if sent_at is not None:
                    self.delivered += 1
                    self.waits_s.append(arrived_at - sent_at)
            listener.tail = whole[max(end, len(whole) - _TAIL) :]
            return
        self.delivered += whole.count(wire.MARK)
        # Shorter than the mark, so that none is counted twice.
        listener.tail = whole[-(len(wire.MARK) - 1) :]

    def _await(self, made: socket.socket, end: bytes) -> bytes:
        heard = b""
        while end not in heard:
            more = made.recv(65536)
            if not more:
                raise Silent(heard[-200:].decode(errors="replace"))
            heard += more
        return heard


def _stamp_in(notes: list[tuple[int, int, bytes]]) -> float:
    """Return when the kernel had what was read, in epoch seconds."""
    for _, kind, data in notes:
        if kind == _STAMPED:
            seconds, nanoseconds = _STAMP.unpack_from(data)
            return float(seconds + nanoseconds / 1e9)
    return time.time()


def address(number: int) -> str:
    """Return where socket ``number`` comes from: no address has more than the cap."""
    place = number // PER_ADDRESS + 1
    return f"127.{1 + place // 250}.{place // 250}.{1 + place % 250}"


def request(number: int, port: int) -> bytes:
    lines = [
        "GET /ws HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer tsk_bench_{number // PER_ACCOUNT}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
