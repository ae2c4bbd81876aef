"""The hub of a web process: what is published reaches the sockets that asked for it.

One hub per application, made with it and held in its state: two in one process share
nothing. Redis is asked once per topic and process, however many sockets want it; the
topic of one account that nobody wants any more is given back.

A topic decides what its events mean: ``conflated`` keeps the newest value per key,
``lossless`` follows a journal, ``polled`` computes its values itself.
"""

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from tradingsite.streaming.admission import Places
from tradingsite.streaming.codes import Close
from tradingsite.streaming.frames import Frame, frame, joined
from tradingsite.streaming.listening import Listener
from tradingsite.streaming.publishing import channel_of
from tradingsite.streaming.sender import Sender
from tradingsite.streaming.standing import Standing
from tradingsite.streaming.watch import Watch

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
# Who may stay, what may be read, what is new: each has a turn at any time.
OWN_THREADS = 3


class Topic(Protocol):
    """What the hub knows of a topic."""

    name: str

    @property
    def is_wanted(self) -> bool:
        """Tell whether any socket still wants it."""

    def heard(self, payload: bytes) -> None:
        """Take what was published."""

    def lost(self) -> None:
        """Tell the readers that nothing can be heard now."""

    async def refresh(self) -> None:
        """Find what may have been missed, and tell it."""

    def look(self, now: float) -> None:
        """Tell the readers when the topic has fallen silent."""


class Hub:
    """Passes on what is published, and knows every socket of its application."""

    def __init__(self) -> None:
        self.is_draining = False
        self.senders: set[Sender] = set()
        self.places = Places()
        self.threads = ThreadPoolExecutor(OWN_THREADS, "streams")
        self.standing = Standing(self.threads)
        self.watch = Watch(self.threads)
        self._topics: dict[str, Topic] = {}
        self._listener: Listener | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._batches: dict[int, list[Sender]] = {}

    @property
    def is_connected(self) -> bool:
        """Tell whether what is published can be heard."""
        return self._listener is not None and self._listener.is_connected

    def start(self) -> Listener:
        """Begin to listen, if it has not begun."""
        if self._listener is None:
            self._listener = Listener(self)
            self.begin(self._listener.run())
            self.begin(self._look())
            self.begin(self.standing.run())
            self.begin(self.watch.run())
            self.begin(self.places.run())
        return self._listener

    async def stop(self) -> None:
        """Stop all that runs, and give back what was taken."""
        self._listener = None
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self.threads.shutdown(wait=False, cancel_futures=True)
        await self.places.give_back_all()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Let ``work`` run beside, until it ends or the hub stops."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)

    # --- topics -----------------------------------------------------------------
    def topic(self, name: str) -> Topic | None:
        return self._topics.get(channel_of(name))

    async def open(self, *topics: Topic) -> None:
        """Hear ``topics`` from now on; what was published before is not heard."""
        channels = {channel_of(topic.name): topic for topic in topics}
        self._topics |= channels
        await self.start().subscribe(*channels)

    def keep(self, topic: Topic) -> None:
        """Know ``topic``, of which nothing is published."""
        self._topics[channel_of(topic.name)] = topic

    async def close(self, topic: Topic) -> None:
        """Hear it no more, if nobody wants it."""
        channel = channel_of(topic.name)
        if topic.is_wanted or self._topics.get(channel) is not topic:
            return
        del self._topics[channel]
        if self._listener is not None:
            await self._listener.unsubscribe(channel)

    # --- what the listener tells --------------------------------------------------
    def heard(self, channel: str, payload: bytes) -> None:
        topic = self._topics.get(channel)
        if topic is None:
            return
        try:
            topic.heard(payload)
        except Exception:
            # Whatever it was: who listens no more would miss all that comes.
            logger.exception("Something on %s was not taken.", topic.name)

    def connected(self) -> None:
        for topic in list(self._topics.values()):
            self.begin(topic.refresh())

    def lost(self) -> None:
        for topic in self._topics.values():
            topic.lost()

    # --- batches ------------------------------------------------------------------
    def hold(self, sender: Sender, batch_ms: int) -> None:
        """Send ``sender`` one array every ``batch_ms``, with what came meanwhile."""

        def later(waiting: Sender) -> None:
            due = self._batches.get(batch_ms)
            if due is None:
                due = self._batches[batch_ms] = []
                loop = asyncio.get_running_loop()
                loop.call_later(batch_ms / 1000, self._send_batches, batch_ms)
            due.append(waiting)

        sender.batch(later)

    def _send_batches(self, batch_ms: int) -> None:
        made: dict[tuple[Frame, ...], list[tuple[int, Frame]]] = {}
        for sender in self._batches.pop(batch_ms):
            held = sender.due()
            if not held:
                continue
            if held not in made:
                made[held] = list(joined(held))
            sender.send_batch(made[held])

    # --- the end --------------------------------------------------------------------
    async def drain(self, spread_s: float) -> None:
        """Send everybody away, to come back to another process and resume there."""
        self.is_draining = True
        for number, sender in enumerate(list(self.senders)):
            # Not all at the same moment: another process must take them up.
            wait_ms = int(1000 * spread_s * (number % 20) / 20)
            bye = frame("bye", reason="restart", reconnect_after_ms=wait_ms)
            sender.close(Close.RESTART, "restart; come back and resume", bye)
        await asyncio.sleep(0)

    # --- what runs beside -------------------------------------------------------------
    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for topic in list(self._topics.values()):
                topic.look(loop.time())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("Work of the hub failed.", exc_info=error)
