"""The last step to a client: bytes into its connection, without waiting for it.

Under uvicorn ``SocketProtocol`` is the connection itself: the web process is started
with ``--ws tradingsite.streaming.wire:SocketProtocol``. It tells when the client does
not keep up, and it can cut the connection of one that reads nothing, which an ASGI
application cannot. Any other server is served by ``AsgiWire``, one message at a time.
"""

import asyncio
import contextlib
import logging
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import (
    WebSocketsSansIOProtocol,
)
from websockets.exceptions import ProtocolError

from tradingsite.streaming.frames import Frame

if TYPE_CHECKING:
    from tradingsite.limits import Scope, Send

logger = logging.getLogger(__name__)

EXTENSION = "tradingsite.wire"
# What the kernel holds beyond what is on its way: a ping waits behind no more.
MOST_UNSENT = 64 * 1024
_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
# After the closing frame was written, a client has so long to answer it.
CLOSE_WITHIN_S = 2.0
_INTERNET = {socket.AF_INET, socket.AF_INET6}
_DROP_WHAT_WAITS = struct.pack("ii", 1, 0)


class Wire(Protocol):
    """A connection that takes frames while ``is_clear``."""

    is_clear: bool
    on_clear: Callable[[], None] | None

    def write(self, frame: Frame) -> None: ...

    def close(self, code: int, reason: str) -> None:
        """Send a closing frame, even behind what was not read, and then cut."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's connection, which also takes frames that are made already."""

    is_clear = True
    on_clear: Callable[[], None] | None = None
    # When the client last took so much that there was room again.
    took_at = 0.0

    def handle_connect(self, event: object) -> None:
        super().handle_connect(event)  # type: ignore[arg-type] # a Request, by its caller
        if not self.close_sent:
            self.close_timeout = CLOSE_WITHIN_S
            self.keep_little()
            extensions: dict[str, Any] = self.scope["extensions"]
            extensions[EXTENSION] = self

    def keep_little(self) -> None:
        """Let the kernel hold little of what the client does not take yet."""
        if sys.platform == "linux":
            with self.kernel_socket() as ours:
                if ours is not None and ours.family in _INTERNET:
                    ours.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, MOST_UNSENT)

    def pause_writing(self) -> None:
        self.is_clear = False
        super().pause_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.is_clear = True
        self.took_at = self.loop.time()
        if self.on_clear:
            self.on_clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_clear = False
        self.on_clear = None
        super().connection_lost(exc)

    def handle_ping(self) -> None:
        """Answer, unless the client does not even read what it was sent."""
        if self.is_clear:
            super().handle_ping()
        else:
            # Made already, and never asked for again: it must not pile up.
            self.conn.data_to_send()

    def handle_close(self, event: object) -> None:
        super().handle_close(event)  # type: ignore[arg-type] # a Frame, by its caller
        self.cut_later()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self.cut_later()

    def write(self, frame: Frame) -> None:
        self.transport.write(frame.wired)

    def close(self, code: int, reason: str) -> None:
        if self.close_sent or self.disconnected:
            return
        self.is_clear = False
        self.on_clear = None
        try:
            self.conn.send_close(code, reason)
        except ProtocolError:
            self.cut()
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code})
        self.transport.resume_reading()
        self.cut_later()

    def keepalive_timeout(self) -> None:
        """Let go of a client that answers no ping, though it may still be there.

        The ping may still wait behind what a slow client takes bit by bit.
        """
        if self.took_at > self.ping_sent_at and self.ping_timeout is not None:
            self.ping_sent_at = self.loop.time()
            self.pong_timer = self.loop.call_later(
                self.ping_timeout, self.keepalive_timeout
            )
            return
        self.keep_nothing()
        super().keepalive_timeout()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1011})
        self.cut_later()

    def cut_later(self) -> None:
        """Cut the connection soon: a client that reads nothing would hold it open."""
        if self.disconnected:
            return
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_WITHIN_S, self.cut)

    def cut(self) -> None:
        """End the connection now, whatever was not read."""
        self.keep_nothing()
        self.transport.abort()

    def keep_nothing(self) -> None:
        """Let the kernel drop what was not read when the connection is closed.

        Left alone it would hold the frames of a client that reads nothing for minutes
        after the close, and the client would not hear of it.
        """
        with self.kernel_socket() as ours:
            if ours is not None:
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_WHAT_WAITS)

    @contextlib.contextmanager
    def kernel_socket(self) -> Iterator[socket.socket | None]:
        """Yield a socket whose options are those of this connection, if it is there.

        The event loop's own object knows no options; they are those of the file.
        """
        kept = self.transport.get_extra_info("socket")
        if kept is None or kept.fileno() < 0:
            yield None
            return
        with socket.socket(fileno=os.dup(kept.fileno())) as same:
            yield same


class AsgiWire:
    """Sends through the server's own ``send``, one frame at a time."""

    def __init__(self, send: "Send") -> None:
        self._send = send
        self._sending: asyncio.Task[None] | None = None
        self.is_clear = True
        self.on_clear: Callable[[], None] | None = None

    def write(self, frame: Frame) -> None:
        self.is_clear = False
        message = {"type": "websocket.send", "text": frame.text.decode()}
        self._sending = asyncio.create_task(self._send(message))  # type: ignore[arg-type] # a coroutine
        self._sending.add_done_callback(self._sent)

    def close(self, code: int, reason: str) -> None:
        self.is_clear = False
        self.on_clear = None
        message = {"type": "websocket.close", "code": code, "reason": reason}
        self._sending = asyncio.create_task(self._send_last(self._sending, message))
        self._sending.add_done_callback(self._closed)

    async def _send_last(self, sending: asyncio.Task[None] | None, last: Any) -> None:
        if sending is not None:
            await asyncio.wait([sending], timeout=CLOSE_WITHIN_S)
            sending.cancel()
        await self._send(last)

    def _sent(self, sending: asyncio.Task[None]) -> None:
        if sending.cancelled() or sending.exception():
            # Its consumer will be told that it is gone.
            return
        self.is_clear = True
        if self.on_clear:
            self.on_clear()

    def _closed(self, sending: asyncio.Task[None]) -> None:
        if not sending.cancelled() and (error := sending.exception()):
            logger.debug("A socket could not be closed in order: %s", error)


def wire_of(scope: "Scope", send: "Send") -> Wire:
    """Return the connection of a socket that has been accepted."""
    found: Wire | None = scope.get("extensions", {}).get(EXTENSION)
    return found or AsgiWire(send)
