"""One supervised program: started, watched, started again after a pause."""

from datetime import datetime, timedelta

from tradingsite.supervisor.programs import Launch, Program, Running, State, Status
from tradingsite.supervisor.restarts import Restarts

# A program without a question to ask is ready when it has lived that long.
ALIVE_S = 1


class Child:
    """What became of one program; every moment is handed in."""

    def __init__(self, program: Program, *, launch: Launch, restarts: Restarts) -> None:
        self.program = program
        self.status: Status = "stopped"
        self.last_exit_code: int | None = None
        self._launch = launch
        self._restarts = restarts
        self._running: Running | None = None
        self._began = 0.0
        self._due = 0.0

    @property
    def running(self) -> Running | None:
        return self._running

    def step(self, now: float) -> bool:
        """Do what is due at ``now``; return whether the status changed."""
        before = self.status
        if self._running is None:
            if now >= self._due:
                self._start(now)
        elif (code := self._running.exit_code()) is not None:
            self._died(now, code)
        elif self.status == "starting":
            self._await_readiness(now, self._running)
        return self.status != before

    def stop(self) -> None:
        """Ask the process to end and start it no more."""
        if self._running is not None:
            self._running.terminate()

    def has_ended(self) -> bool:
        """Whether a process that was asked to end has done so."""
        if self._running is not None:
            self.last_exit_code = self._running.exit_code()
            if self.last_exit_code is None:
                return False
        self._running, self.status = None, "stopped"
        return True

    def kill(self) -> None:
        if self._running is not None:
            self._running.kill()
        self.has_ended()

    def state(self, now: float, wall: datetime) -> State:
        """Return what is known, with moments in the time of day."""
        alive = self._running is not None
        waits = self.status in {"backing_off", "failed"}
        return State(
            name=self.program.name,
            kind=self.program.kind,
            status=self.status,
            pid=self._running.pid if self._running else None,
            started_at=wall - timedelta(seconds=now - self._began) if alive else None,
            restarts=self._restarts.count,
            last_exit_code=self.last_exit_code,
            next_start_at=wall + timedelta(seconds=self._due - now) if waits else None,
        )

    def _start(self, now: float) -> None:
        self._began = now
        self.status = "starting"
        try:
            self._running = self._launch(self.program)
        except OSError:
            # No more processes or memory: as good as a process that died at once.
            self._died(now, None)

    def _await_readiness(self, now: float, running: Running) -> None:
        lived_s = now - self._began
        if self.program.is_ready() if self.program.is_ready else lived_s >= ALIVE_S:
            self.status = "running"
        elif lived_s > self.program.ready_within_s:
            running.kill()
            self._died(now, running.exit_code())

    def _died(self, now: float, code: int | None) -> None:
        self._running = None
        self.last_exit_code = code
        self._due = now + self._restarts.pause_after_death(
            now=now, lived_s=now - self._began
        )
        self.status = "failed" if self._restarts.is_exhausted else "backing_off"
