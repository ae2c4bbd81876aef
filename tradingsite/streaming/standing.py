"""Whether those who opened sockets may still have them: asked all the time, at once.

A log-out, a revoked key, a changed password or a blocked user closes the sockets
within a second. One question covers all sockets of the process.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.db import Error as DatabaseError
from django.utils.module_loading import import_string

from tradingsite.streaming.codes import Close
from tradingsite.streaming.identity import Caller
from tradingsite.streaming.sender import Sender
from tradingsite.streaming.threads import in_thread

logger = logging.getLogger(__name__)

ASK_EVERY_S = 0.5


class Standing:
    """The callers of this process and their sockets."""

    def __init__(self, threads: ThreadPoolExecutor | None = None) -> None:
        self._threads = threads
        self._sockets: dict[Caller, set[Sender]] = {}

    def add(self, caller: Caller, sender: Sender) -> None:
        self._sockets.setdefault(caller, set()).add(sender)

    def remove(self, caller: Caller, sender: Sender) -> None:
        senders = self._sockets.get(caller, set())
        senders.discard(sender)
        if not senders:
            self._sockets.pop(caller, None)

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            try:
                await self.ask()
            except DatabaseError as error:
                # Nothing can be revoked while it is away either.
                logger.warning("Nobody says who may stay: %s", error)
            except Exception:
                # Whatever it was: who asks no more would let everybody stay.
                logger.exception("Nobody said who may stay.")

    async def ask(self) -> None:
        """Close the sockets of those who may not have them any more."""
        callers = list(self._sockets)
        if not callers:
            return
        fallen_of = import_string(settings.STREAM_FALLEN)
        for caller in await in_thread(fallen_of, self._threads)(callers):
            for sender in list(self._sockets.get(caller, ())):
                sender.close(Close.UNAUTHENTICATED, "access was revoked")
