"""The count of one process alone, for as long as Redis is away."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

from tradingsite.ratelimit.counting import Allowance, Verdict

MOST_KEYS = 10_000


class LocalCounts:
    """Counts in windows, exactly among the threads of this process, in bounded room."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # key → when its window ends, how many were counted in it.
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, allowances: Sequence[Allowance]) -> Verdict:
        """Count one request unless an allowance is used up."""
        with self._lock:
            now = self._clock()
            states = [self._state(each, now) for each in allowances]
            left = [
                each.limit - count
                for each, (_, count) in zip(allowances, states, strict=True)
            ]
            tightest = left.index(min(left))
            is_allowed = left[tightest] >= 1
            if is_allowed:
                self._count(allowances, states)
        return Verdict(
            is_allowed=is_allowed,
            limit=allowances[tightest].limit,
            remaining=max(0, left[tightest] - is_allowed),
            reset_s=max(1, round(states[tightest][0] - now)),
            window_s=allowances[tightest].window_s,
        )

    def _state(self, allowance: Allowance, now: float) -> tuple[float, int]:
        ends_at, count = self._counts.get(allowance.key, (0.0, 0))
        return (ends_at, count) if now < ends_at else (now + allowance.window_s, 0)

    def _count(
        self, allowances: Sequence[Allowance], states: Sequence[tuple[float, int]]
    ) -> None:
        for each, (ends_at, count) in zip(allowances, states, strict=True):
            self._counts[each.key] = ends_at, count + 1
            self._counts.move_to_end(each.key)
        while len(self._counts) > MOST_KEYS:
            self._counts.popitem(last=False)
