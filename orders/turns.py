"""When whose book of orders is read next.

an order works, or one was just placed or traded    every second
a market of the account is open                     every 3 seconds
otherwise                                           every minute
the broker failed                                   1, 2, 4 … 60 seconds, more or less
somebody must do something about it                 every minute
"""

import random
from dataclasses import dataclass

BUSY_S = 1.0
OPEN_S = 3.0
IDLE_S = 60.0
LONGEST_WAIT_S = 60.0
# So long an account whose order moved is looked at closely.
LIVELY_S = 30.0


@dataclass(slots=True)
class Rhythm:
    """How often one account is asked for, by what was found there last.

    Times are seconds of one monotonic clock.
    """

    failures: int = 0
    lively_until: float = 0.0

    def after_success(
        self, now: float, *, is_busy: bool, has_moved: bool, is_open: bool
    ) -> float:
        """Return how many seconds to wait after a book that could be read."""
        self.failures = 0
        if has_moved:
            self.lively_until = now + LIVELY_S
        if is_busy or now < self.lively_until:
            return BUSY_S
        return OPEN_S if is_open else IDLE_S

    def after_failure(self, *, for_good: bool) -> float:
        """Return how many seconds to wait; jitter keeps accounts from one beat."""
        self.failures += 1
        wait_s = min(2.0 ** min(self.failures - 1, 10), LONGEST_WAIT_S)
        return LONGEST_WAIT_S if for_good else wait_s * random.uniform(0.5, 1.0)  # noqa: S311
