"""What one client is sent: at once while it keeps up, else from a bounded backlog.

A frame with a ``slot`` replaces the older one of that slot: of a value that moves
only the newest is worth sending, and all who wait for it share that one. Frames
without a slot are all sent, in order; who lets too many of them wait is closed with a
code and resumes. Who reads nothing at all is cut off after ``SEND_WITHIN_S``.
"""

import asyncio
from collections.abc import Callable, Hashable

from tradingsite.streaming.codes import Close
from tradingsite.streaming.frames import Frame
from tradingsite.streaming.wire import Wire

SEND_WITHIN_S = 5.0
MOST_BYTES_WAITING = 128 * 1024

Later = Callable[["Sender"], None]


class _Own:
    """The slot of a frame that nothing replaces."""


class Sender:
    """One client, as those who have something to send see it."""

    __slots__ = (
        "_backlog",
        "_deadline",
        "_held",
        "_idle",
        "_later",
        "_waiting_bytes",
        "closed_with",
        "dropped",
        "wire",
    )

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.closed_with: int | None = None
        # Frames that a newer one of the same slot made needless.
        self.dropped = 0
        self._backlog: dict[Hashable, Frame] = {}
        self._waiting_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._held: dict[Hashable, Frame] = {}
        self._later: Later | None = None
        self._idle: asyncio.Event | None = None
        wire.on_clear = self._go_on

    def batch(self, later: Later | None) -> None:
        """Hold frames back until ``later`` says; None sends at once again."""
        self._later = later

    def offer(self, frame: Frame, slot: Hashable = None) -> None:
        """Send ``frame`` now or as soon as the client takes it; never wait."""
        if self._later is not None:
            self._hold(frame, slot)
        elif self.wire.is_clear and not self._backlog:
            self.wire.write(frame)
        else:
            self._keep(frame, slot)

    @property
    def keeps_up(self) -> bool:
        """Tell whether what is offered now is sent at once."""
        return self._later is None and self.wire.is_clear and not self._backlog

    async def caught_up(self) -> None:
        """Wait until nothing waits any more, or the client is gone.

        Nothing waits either when the one who asked goes on.
        """
        while self._backlog:
            # Several may wait for the same client.
            if self._idle is None or self._idle.is_set():
                self._idle = asyncio.Event()
            await self._idle.wait()

    def take_held(self) -> tuple[Frame, ...]:
        """Return what was held back for the batch that is due."""
        held = tuple(self._held.values())
        self._held.clear()
        return held

    def write(self, frame: Frame) -> None:
        """Send a whole batch, in its order."""
        if self.wire.is_clear and not self._backlog:
            self.wire.write(frame)
        else:
            self._keep(frame, None)

    def close(self, code: Close, reason: str) -> None:
        """Close with a code, whatever still waits."""
        if self.closed_with is None:
            self.closed_with = code
            self.forget()
            self.wire.close(code, reason)

    def forget(self) -> None:
        """Let go of what waits: the client is gone."""
        self._backlog.clear()
        self._held.clear()
        self._rest()

    def _hold(self, frame: Frame, slot: Hashable) -> None:
        if not self._held and self._later:
            self._later(self)
        key = _Own() if slot is None else slot
        # Taken out first, so that the newest stands last.
        self.dropped += self._held.pop(key, None) is not None
        self._held[key] = frame

    def _keep(self, frame: Frame, slot: Hashable) -> None:
        if self.closed_with is not None:
            return
        key = _Own() if slot is None else slot
        self.dropped += key in self._backlog
        # In the place of the older one: who moves most does not wait longest.
        self._backlog[key] = frame
        if slot is None:
            self._waiting_bytes += len(frame.text)
        if self._waiting_bytes > MOST_BYTES_WAITING:
            self._give_up()
        elif self._deadline is None:
            self._watch()

    def _go_on(self) -> None:
        """Send what waits, as far as the client takes it."""
        while self._backlog and self.wire.is_clear:
            key = next(iter(self._backlog))
            frame = self._backlog.pop(key)
            if isinstance(key, _Own):
                self._waiting_bytes -= len(frame.text)
            self.wire.write(frame)
        self._rest()
        if self._backlog:
            self._watch()

    def _rest(self) -> None:
        """Stop the clock; tell who waits, when nothing is left."""
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
        if self._idle and not self._backlog:
            self._idle.set()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(SEND_WITHIN_S, self._give_up)

    def _give_up(self) -> None:
        self.close(Close.SLOW, "too slow; come back and resume")
