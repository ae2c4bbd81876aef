"""When a process that died may start again: ever later, until it proves stable."""

import random
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class RestartPolicy:
    """How patient a supervisor is with a process that dies.

    The pause doubles from ``first_s`` to ``longest_s``. A process that dies
    ``budget`` times within ``budget_window_s`` has *failed*: it is still tried, but
    only at the longest pause. Once it has lived ``stable_s`` all is forgiven.
    """

    first_s: float = 1
    longest_s: float = 300
    # Each pause is shortened by up to this part, lest all come back at once.
    jitter: float = 0.25
    stable_s: float = 60
    budget: int = 8
    budget_window_s: float = 600


class Restarts:
    """The deaths of one process and the pause that follows from them."""

    def __init__(self, policy: RestartPolicy, randomness: random.Random) -> None:
        self.policy = policy
        self.count = 0
        self._randomness = randomness
        self._streak = 0
        self._deaths: deque[float] = deque()

    def pause_after_death(self, *, now: float, lived_s: float) -> float:
        """Note a death at ``now`` and return the seconds to wait."""
        if lived_s >= self.policy.stable_s:
            self._streak = 0
            self._deaths.clear()
        self.count += 1
        self._streak += 1
        self._deaths.append(now)
        while self._deaths[0] < now - self.policy.budget_window_s:
            self._deaths.popleft()
        return self._pause() * (1 - self.policy.jitter * self._randomness.random())

    @property
    def is_exhausted(self) -> bool:
        """Whether the crash budget is used up."""
        return len(self._deaths) >= self.policy.budget

    def _pause(self) -> float:
        if self.is_exhausted:
            return self.policy.longest_s
        doublings = min(self._streak - 1, 30)
        return min(self.policy.longest_s, self.policy.first_s * 2.0**doublings)
