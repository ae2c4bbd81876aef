"""The clock of a stream: its own heartbeats, else the wall clock."""

import time
from collections.abc import Callable

SILENCE_S = 5.0


class StreamClock:
    """Tells the time of a stream, which in a replay is not ours.

    Heartbeats set it. When they stop it goes on at the pace of the wall clock from
    the last one, and a stream that never sent any runs on the wall clock.
    """

    def __init__(
        self,
        at: float | None = None,
        *,
        wall: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at = at
        self._wall = wall
        self._elapsed = elapsed
        self._beaten_at = elapsed()

    def beat(self, at: float) -> None:
        self._at = at
        self._beaten_at = self._elapsed()

    @property
    def beat_at(self) -> float | None:
        """Return the time of the last heartbeat."""
        return self._at

    def now(self) -> float:
        if self._at is None:
            return self._wall()
        silence = self._elapsed() - self._beaten_at
        return self._at + silence if silence > SILENCE_S else self._at
