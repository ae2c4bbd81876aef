"""The stream's time: starts somewhere and runs at its own speed."""

import math
import time


class StreamClock:
    """Maps the wall clock to the time of the stream; speed 0 means without end."""

    def __init__(self, opened_at: float, speed: float) -> None:
        self.opened_at, self.speed = opened_at, speed
        self._started_at = time.time()

    def now(self) -> float:
        if self.speed == 0:
            return math.inf
        return self.opened_at + self.speed * (time.time() - self._started_at)
