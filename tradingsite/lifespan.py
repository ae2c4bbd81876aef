"""The beginning and the end of a web process.

On SIGTERM the application first says "draining" in ``/health/ready`` and goes on
answering for ``DRAIN_S`` seconds, so that a balancer notices; only then is the
signal passed to the server, which stops.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.conf import settings

from tradingsite import redis
from tradingsite.limits import Message, Receive, Scope, Send, State
from tradingsite.protocol import HATCH, Hatch

logger = logging.getLogger(__name__)

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
                if self.hatch and "state" in scope:
                    scope["state"][HATCH] = self.hatch
                await send({"type": "lifespan.startup.complete"})
            else:
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
            if self.state.is_draining or not settings.DRAIN_S:
                self.state.is_draining = True
                servers_own(number, frame)
                return
            self.state.is_draining = True
            logger.info("Draining for %d s.", settings.DRAIN_S)
            loop.call_soon_threadsafe(
                loop.call_later, settings.DRAIN_S, servers_own, number, None
            )

        signal.signal(signal.SIGTERM, drain)
