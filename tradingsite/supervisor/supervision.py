"""The supervisor: all programs, one loop, one orderly end."""

import random
import time
from collections.abc import Callable, Iterable

from django.utils import timezone

from tradingsite.supervisor.children import Child
from tradingsite.supervisor.programs import Launch, Program, State
from tradingsite.supervisor.restarts import RestartPolicy, Restarts

STOP_WITHIN_S = 10
POLL_S = 0.05
RECORD_EVERY_S = 5

Record = Callable[[list[State]], None]
Report = Callable[[State], None]


class Supervisor:
    """Keeps programs running; knows neither database nor clock but by what it gets."""

    def __init__(
        self,
        launch: Launch,
        *,
        record: Record,
        report: Report,
        clock: Callable[[], float] = time.monotonic,
        policy: RestartPolicy | None = None,
    ) -> None:
        self.children: dict[str, Child] = {}
        self.launch = launch
        self.record = record
        self._report = report
        self._clock = clock
        self._policy = policy or RestartPolicy()
        self._randomness = random.Random()  # noqa: S311 - jitter is no secret
        self._recorded = float("-inf")

    def add(self, programs: Iterable[Program]) -> None:
        """Take programs on; the next step starts them."""
        for program in programs:
            self.children[program.name] = Child(
                program,
                launch=self.launch,
                restarts=Restarts(self._policy, self._randomness),
            )

    def step(self) -> None:
        """Look at every program once."""
        now = self._clock()
        changed = [child for child in self.children.values() if child.step(now)]
        wall = timezone.now()
        for child in changed:
            self._report(child.state(now, wall))
        if changed or now >= self._recorded + RECORD_EVERY_S:
            self._write_down(now)

    def is_settled(self) -> bool:
        """Whether every program has become ready."""
        return all(child.status == "running" for child in self.children.values())

    def stop(self, *, within_s: float = STOP_WITHIN_S) -> None:
        """Ask all to end, kill those that do not, with all they started."""
        children = list(self.children.values())
        for child in children:
            child.stop()
        deadline = self._clock() + within_s
        while not all(child.has_ended() for child in children):
            if self._clock() > deadline:
                break
            time.sleep(POLL_S)
        for child in children:
            child.kill()
        self._write_down(self._clock())

    def _write_down(self, now: float) -> None:
        wall = timezone.now()
        self.record([child.state(now, wall) for child in self.children.values()])
        self._recorded = now
