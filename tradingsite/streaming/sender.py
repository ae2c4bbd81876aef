"""What one client is sent: at once while it keeps up, else from a bounded backlog.

A frame with a ``slot`` replaces the older one of that slot: of a value that moves
only the newest is worth sending, and all who wait for it share that one. Frames
without a slot are all sent, in order; who lets too many of them wait is closed with a
code and resumes. Who reads nothing at all is cut off after ``SEND_WITHIN_S``.

Who asked for batches is held back what comes until the next is due. While the client
does not take it nothing is due: what is held goes on to be replaced by what is newer.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterable
from itertools import islice

from tradingsite.streaming.codes import Close, shortened
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
        "_is_overdue",
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
        self._is_overdue = False
        self._later: Later | None = None
        self._idle: asyncio.Event | None = None
        wire.on_clear = self._go_on

    def batch(self, later: Later | None) -> None:
        """Hold frames back until ``later`` says; None sends at once again."""
        self._later = later
        if later is None:
            self._is_overdue = False
            # Before anything newer is sent.
            held, self._held = self._held, {}
            self.withdraw(held)
            for slot, frame in held.items():
                self._waiting_bytes -= _weight(slot, frame)
                self.offer(frame, slot)
            self._took_some()

    def offer(self, frame: Frame, slot: Hashable = None) -> None:
        """Send ``frame`` now or as soon as the client takes it; never wait."""
        if self.closed_with is not None:
            return
        if self._later is not None:
            self._hold(frame, slot)
        elif self.wire.is_clear and not self._backlog:
            self.wire.write(frame)
        else:
            self._keep(frame, slot)

    def withdraw(self, slots: Iterable[Hashable]) -> None:
        """Forget what waits in these slots: what is sent next says it all."""
        for slot in slots:
            self._backlog.pop(slot, None)
            self._held.pop(slot, None)

    @property
    def keeps_up(self) -> bool:
        """Tell whether what is offered now is sent at once."""
        return self._later is None and self.wire.is_clear and not self._backlog

    async def caught_up(self) -> None:
        """Wait until there is room for one more frame, or the client is gone.

        Where nothing is held back, nothing waits any more when the one who asked goes
        on.
        """
        while self._is_full:
            # Several may wait for the same client.
            if self._idle is None or self._idle.is_set():
                self._idle = asyncio.Event()
            await self._idle.wait()

    @property
    def _is_full(self) -> bool:
        return bool(self._backlog) or self._waiting_bytes > MOST_BYTES_WAITING // 2

    def due(self) -> tuple[Frame, ...]:
        """Return what the batch that is due consists of, if the client takes it."""
        if self.wire.is_clear and not self._backlog:
            return tuple(self._held.values())
        self._put_off()
        return ()

    def send_batch(self, arrays: Iterable[tuple[int, Frame]]) -> None:
        """Send what is ``due``, as far as the client takes it; the rest is held on.

        With each array comes how many of the held frames stand in it.
        """
        for count, array in arrays:
            if not self.wire.is_clear:
                self._put_off()
                break
            self.wire.write(array)
            for slot in list(islice(self._held, count)):
                self._waiting_bytes -= _weight(slot, self._held.pop(slot))
        self._took_some()

    def close(self, code: Close, reason: str, word: Frame | None = None) -> None:
        """Close with a code, whatever still waits; ``word`` is sent before."""
        if self.closed_with is None:
            self.closed_with = code
            self.forget()
            if word is not None:
                self.wire.write(word)
            self.wire.close(code, shortened(reason))

    def forget(self) -> None:
        """Let go of what waits: the client is gone."""
        self._backlog.clear()
        self._held.clear()
        self._waiting_bytes = 0
        self._is_overdue = False
        self._took_some()

    def _hold(self, frame: Frame, slot: Hashable) -> None:
        if not self._held and self._later:
            self._later(self)
        key = _Own() if slot is None else slot
        # Taken out first, so that the newest stands last.
        self.dropped += self._held.pop(key, None) is not None
        self._held[key] = frame
        self._weigh(key, frame)

    def _keep(self, frame: Frame, slot: Hashable) -> None:
        key = _Own() if slot is None else slot
        self.dropped += key in self._backlog
        # In the place of the older one: who moves most does not wait longest.
        self._backlog[key] = frame
        self._watch()
        self._weigh(key, frame)

    def _weigh(self, key: Hashable, frame: Frame) -> None:
        """Count what must not be lost; give up who takes too little of it."""
        self._waiting_bytes += _weight(key, frame)
        if self._waiting_bytes > MOST_BYTES_WAITING and not self.wire.is_clear:
            self._give_up()

    def _put_off(self) -> None:
        """Hold on to what was due until the client has taken what it was sent."""
        if self._held:
            self._is_overdue = True
            self._watch()

    def _go_on(self) -> None:
        """Send what waits, as far as the client takes it."""
        while self._backlog and self.wire.is_clear:
            key = next(iter(self._backlog))
            frame = self._backlog.pop(key)
            self._waiting_bytes -= _weight(key, frame)
            self.wire.write(frame)
        if self._is_overdue and self._later and not self._backlog:
            self._is_overdue = False
            self._later(self)
        self._took_some()

    def _took_some(self) -> None:
        """Set the clock anew for what is owed; tell who waits for room."""
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
        if self._backlog or self._is_overdue:
            self._watch()
        if self._idle and not self._is_full:
            self._idle.set()

    def _watch(self) -> None:
        if self._deadline is None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(SEND_WITHIN_S, self._give_up)

    def _give_up(self) -> None:
        self.close(Close.SLOW, "too slow; come back and resume")


def _weight(key: Hashable, frame: Frame) -> int:
    """Return how much ``frame`` adds to what must not be lost."""
    return len(frame.text) if isinstance(key, _Own) else 0
