"""uvicorn's HTTP protocol with a hatch: what is at hand is handed out at once.

An answer that waits for nothing needs no task, no events and no second look at its
headers. So the application may leave a function in the state of its lifespan, under
``HATCH``: it gets the scope of a request and returns the head of the answer (header
lines, the empty one included) and its body, or None; then the request goes on into
the application as ever. The function must not block, and answers with 200 only.

This is named in the command of the web process (``--http``), and imported before
Django is set up: it knows nothing of the product.
"""

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from tradingsite.streaming.handshakes import HandshakeProtocol

HATCH = "tradingsite.hatch"

Hatch = Callable[[Any], tuple[bytes, bytes] | None]
Headers = list[tuple[bytes, bytes]]


class Protocol(HandshakeProtocol):
    """Looks through the hatch before it starts the application."""

    _written_for: Headers | None = None
    _beginning = b""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        hatch: Hatch | None = self.app_state.get(HATCH)
        found = hatch(cycle.scope) if hatch and self._is_plain(cycle) else None
        if found is None:
            super()._start_asgi_task(cycle, app)
            return
        cycle.response_started = cycle.response_complete = True
        self.transport.writelines((self._begun(), *found))
        cycle.message_event.set()
        cycle.on_response()
        # As after the application: the two would keep each other alive.
        cycle.on_response = _nothing

    def _is_plain(self, cycle: RequestResponseCycle) -> bool:
        """Whether the connection stays, takes bytes, and waits for no permission."""
        waits = cycle.waiting_for_100_continue or self.flow.write_paused
        return cycle.keep_alive and not waits

    def _begun(self) -> bytes:
        """Return the status line with the server's own headers, anew each second."""
        headers = self.server_state.default_headers
        if headers is not self._written_for:
            lines = (b"%b: %b\r\n" % header for header in headers)
            self._beginning = STATUS_LINE[200] + b"".join(lines)
            self._written_for = headers
        return self._beginning


def _nothing() -> None:
    """Stand where the server is no longer told."""
