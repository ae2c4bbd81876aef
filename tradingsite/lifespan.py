"""The beginning and the end of a web process.

On SIGTERM the application first says "draining" in ``/health/ready`` and goes on
answering for ``DRAIN_S`` seconds, so that a balancer notices; only then is the
signal passed to the server, which stops. Open sockets are closed before that, with
a code and a hint when to come back, a few at a time.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.conf import settings

from tradingsite import open_files, redis
from tradingsite.limits import Message, Receive, Scope, Send, State
from tradingsite.protocol import HATCH, Hatch

logger = logging.getLogger(__name__)

# Clients are told to come back spread over so long.
RETURN_WITHIN_S = 2.0
# What a closing handshake takes.
GOODBYE_S = 0.2

Handler = Callable[[int, FrameType | None], Any]


class Lifespan:
    """Prepares what the event loop needs and puts it away again.

    The server is told of ``hatch``, if it has an ear for it (``tradingsite.protocol``).
    """

    def __init__(self, state: State, hatch: Hatch | None = None) -> None:
        self.state = state
        self.hatch = hatch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message: Message = await receive()
            if message["type"] == "lifespan.startup":
                self.drain_on_sigterm()
                open_files.allow_all()
                if self.hatch and "state" in scope:
                    scope["state"][HATCH] = self.hatch
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.state.hub.stop()
                await redis.close_async()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def drain_on_sigterm(self) -> None:
        """Stand before the server's own handler of SIGTERM."""
        if threading.current_thread() is not threading.main_thread():
            return
        servers_own = signal.getsignal(signal.SIGTERM)
        if not callable(servers_own):
            return
        loop = asyncio.get_running_loop()

        def drain(number: int, frame: FrameType | None) -> None:
            is_first = not self.state.is_draining
            self.state.is_draining = True
            if not is_first or not (settings.DRAIN_S or self.state.hub.senders):
                servers_own(number, frame)
                return
            logger.info("Draining for %d s.", settings.DRAIN_S)
            loop.call_soon_threadsafe(
                self.state.hub.begin, self.drain(servers_own, number)
            )

        signal.signal(signal.SIGTERM, drain)

    async def drain(self, servers_own: Handler, number: int) -> None:
        """Send the sockets away, wait until a balancer has noticed, then stop."""
        hub = self.state.hub
        await hub.drain(spread_s=RETURN_WITHIN_S)
        await asyncio.sleep(settings.DRAIN_S or GOODBYE_S)
        servers_own(number, None)
