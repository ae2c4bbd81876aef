"""The connection before it is a socket: whoever never ends its request is let go.

uvicorn limits how long an idle connection is kept after an answer, but not how long a
request may take to be asked: a thousand half-open handshakes would stay for ever.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# From the first byte of a request, or the connection, to the end of its head.
ASKED_WITHIN_S = 10.0


class HandshakeProtocol(HttpToolsProtocol):
    """uvicorn's HTTP connection, which does not wait for ever to be asked."""

    _deadline: asyncio.TimerHandle | None = None
    _is_asking = True

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Most heads come in one piece, and cost no clock.
        if self._is_asking and self._deadline is None:
            self._wait()

    def on_message_begin(self) -> None:
        self._is_asking = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_asking = False
        if self._deadline is not None:
            self._wait_no_more()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(ASKED_WITHIN_S, self._give_up)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.abort()
