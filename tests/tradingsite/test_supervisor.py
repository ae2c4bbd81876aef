import io
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.tradingsite.children.running import wait_until
from tradingsite.embedded.footprints import Footprint
from tradingsite.models import Process
from tradingsite.supervisor import Console, Program, Supervisor, leftovers
from tradingsite.supervisor.launching import MARK, Launcher, ProcessGroup
from tradingsite.supervisor.programs import State
from tradingsite.supervisor.records import Recorder, write_rows
from tradingsite.supervisor.restarts import RestartPolicy, Restarts

NEVER = Program("never", "test", ["/bin/false"])
LONGEST_S = 300


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class ShortLife:
    """A process that has lived ``life_s`` when it is looked at again."""

    pid = 4242

    def __init__(self, clock: Clock, life_s: float) -> None:
        self.clock, self.ends_at, self.killed = clock, clock.now + life_s, False

    def exit_code(self) -> int | None:
        if self.killed:
            return -9
        return 1 if self.clock.now >= self.ends_at else None

    def terminate(self) -> None: ...

    def kill(self) -> None:
        self.killed = True


class Watched:
    """A supervisor of one program, driven by a clock of the test."""

    def __init__(
        self,
        life_s: float = 0.01,
        policy: RestartPolicy | None = None,
        program: Program = NEVER,
    ) -> None:
        self.clock = Clock()
        self.starts: list[float] = []
        self.states: list[list[State]] = []
        self.life_s = life_s
        self.supervisor = Supervisor(
            self.launch,
            record=self.states.append,
            report=lambda state: None,
            clock=self.clock,
            policy=policy,
        )
        self.supervisor.add([program])

    def launch(self, program: Program) -> ShortLife:
        self.starts.append(self.clock.now)
        return ShortLife(self.clock, self.life_s)

    def run(self, until: Callable[[], bool], tick_s: float = 0.05) -> None:
        while not until():
            self.supervisor.step()
            self.clock.now += tick_s

    def pauses(self) -> list[float]:
        gaps = zip(self.starts, self.starts[1:], strict=False)
        return [later - earlier - self.life_s for earlier, later in gaps]

    @property
    def state(self) -> State:
        return self.states[-1][0]


def assert_ever_later(pauses: list[float]) -> None:
    """Check doubling from 1 to 300 s, each shortened by up to a quarter."""
    whole = [1, 2, 4, 8, 16, 32, 64, LONGEST_S, LONGEST_S, LONGEST_S]
    for pause, longest in zip(pauses, whole, strict=True):
        assert 0.75 * longest - 0.1 <= pause <= longest + 0.2


def test_a_program_that_always_dies_is_started_ever_later():
    watched = Watched()

    watched.run(until=lambda: len(watched.starts) == 11)

    assert_ever_later(watched.pauses())


def test_control_without_back_off_the_same_check_fails():
    watched = Watched(policy=RestartPolicy(first_s=0, longest_s=0))

    watched.run(until=lambda: len(watched.starts) == 11)

    with pytest.raises(AssertionError):
        assert_ever_later(watched.pauses())


def test_a_used_up_crash_budget_is_called_failed():
    watched = Watched()

    watched.run(until=lambda: len(watched.starts) == 8)
    watched.run(until=lambda: watched.state.status == "failed", tick_s=0.01)

    assert watched.state.restarts == 8
    assert watched.state.last_exit_code == 1
    assert watched.state.pid is None
    assert watched.state.next_start_at is not None


def test_a_program_that_lived_long_is_forgiven():
    restarts = Restarts(RestartPolicy(jitter=0), random.Random(1))
    for moment in range(9):
        restarts.pause_after_death(now=moment, lived_s=0)
    assert restarts.is_exhausted

    pause = restarts.pause_after_death(now=100, lived_s=61)

    assert pause == 1
    assert not restarts.is_exhausted


def test_two_programs_that_die_together_do_not_come_back_together():
    pauses = {
        Restarts(RestartPolicy(), random.Random(seed)).pause_after_death(
            now=0, lived_s=0
        )
        for seed in range(20)
    }

    assert len(pauses) == 20


def test_crashes_far_apart_use_up_no_budget():
    restarts = Restarts(RestartPolicy(), random.Random(1))

    for hour in range(20):
        restarts.pause_after_death(now=hour * 3600, lived_s=30)

    assert not restarts.is_exhausted


def test_a_program_that_is_never_ready_is_killed_and_started_again():
    mute = Program("mute", "test", [], is_ready=lambda: False, ready_within_s=5)
    watched = Watched(life_s=1000, program=mute)

    watched.run(until=lambda: len(watched.starts) == 2)

    assert watched.starts[1] >= 5.75


def test_a_program_is_running_once_it_says_so():
    answers = iter([False, False, True])
    shy = Program("shy", "test", [], is_ready=lambda: next(answers))
    watched = Watched(life_s=1000, program=shy)

    watched.run(until=watched.supervisor.is_settled)

    assert watched.state.status == "running"
    assert watched.state.started_at is not None


def test_what_cannot_even_be_launched_is_tried_again():
    clock, states = Clock(), []

    def launch(program: Program) -> ShortLife:
        raise OSError("no more processes")

    supervisor = Supervisor(
        launch, record=states.append, report=lambda state: None, clock=clock
    )
    supervisor.add([NEVER])

    supervisor.step()

    assert states[-1][0].status == "backing_off"


# --- with real processes ------------------------------------------------------
@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def launcher(tmp_path: Path, output: io.StringIO) -> Iterator[Launcher]:
    yield Launcher(
        Console(output), data=tmp_path, environment={"PATH": "/usr/bin:/bin"}
    )
    leftovers.end(tmp_path, grace_s=0)


def shell(script: str, name: str = "shell") -> Program:
    return Program(name, "test", ["/bin/sh", "-c", script])


def python(script: str) -> Program:
    return Program("python", "test", [sys.executable, "-c", script])


def pids_in(output: io.StringIO) -> list[int]:
    words = output.getvalue().split()
    return [int(word) for word in words if word.isdigit()]


def footprint_of(pid: int) -> Footprint:
    footprint = Footprint.of(pid)
    assert footprint is not None
    return footprint


def supervise(launcher: Launcher, program: Program) -> Supervisor:
    supervisor = Supervisor(
        launcher, record=lambda states: None, report=lambda state: None
    )
    supervisor.add([program])
    supervisor.step()
    return supervisor


def test_a_real_program_that_dies_starts_again(launcher: Launcher, output: io.StringIO):
    supervisor = supervise(launcher, shell("echo begun; exit 3"))

    def has_begun_twice() -> bool:
        supervisor.step()
        return output.getvalue().count("begun") >= 2

    wait_until(has_begun_twice)

    assert supervisor.children["shell"].last_exit_code == 3
    supervisor.stop()


def test_lines_carry_the_name_and_no_color_when_nobody_looks(
    launcher: Launcher, output: io.StringIO
):
    supervisor = supervise(launcher, shell("echo one; echo two >&2", name="talker"))

    wait_until(lambda: output.getvalue().count("\n") == 2)

    assert output.getvalue() == "talker     | one\ntalker     | two\n"
    supervisor.stop()


def test_a_stubborn_program_is_killed_with_all_it_started(
    launcher: Launcher, output: io.StringIO
):
    script = "trap '' TERM; sleep 600 & echo $! $$; while :; do wait; done"
    supervisor = supervise(launcher, shell(script))
    wait_until(lambda: len(pids_in(output)) == 2)
    family = [footprint_of(pid) for pid in pids_in(output)]

    supervisor.stop(within_s=0.3)

    assert all(member.is_gone_within(5) for member in family)
    assert supervisor.children["shell"].status == "stopped"


def test_what_a_dead_program_leaves_in_its_group_is_killed(
    launcher: Launcher, output: io.StringIO
):
    group = launcher(shell("sleep 600 & echo $!; sleep 0.2"))
    wait_until(lambda: len(pids_in(output)) == 1)
    child = footprint_of(pids_in(output)[0])

    wait_until(lambda: group.exit_code() is not None)

    assert child.is_gone_within(5)


def test_what_left_its_group_is_found_by_its_mark(
    launcher: Launcher, output: io.StringIO, tmp_path: Path
):
    supervisor = supervise(launcher, shell("setsid sleep 600 & sleep 600"))
    wait_until(lambda: len(leftovers.find(tmp_path)) >= 3)
    supervisor.stop()
    wait_until(lambda: len(leftovers.find(tmp_path)) == 1)

    ended = leftovers.end(tmp_path, grace_s=1)

    assert ended == 1
    assert leftovers.find(tmp_path) == []


@pytest.mark.chaos
def test_programs_end_when_their_supervisor_is_killed(tmp_path: Path):
    script = f"""
import pathlib, sys, time
from tradingsite.supervisor import Console, Program
from tradingsite.supervisor.launching import Launcher
launch = Launcher(Console(sys.stdout), data=pathlib.Path({str(tmp_path)!r}),
                  environment={{}})
print(launch(Program("sleeper", "test", ["/bin/sleep", "600"])).pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        child = footprint_of(int(supervisor.stdout.readline()))

        supervisor.send_signal(signal.SIGKILL)

        assert child.is_gone_within(5)


def test_a_program_is_told_in_whose_folder_it_runs(
    launcher: Launcher, output: io.StringIO, tmp_path: Path
):
    group: ProcessGroup = launcher(shell(f"echo ${MARK}"))

    wait_until(lambda: group.exit_code() == 0 and "\n" in output.getvalue())

    assert str(tmp_path) in output.getvalue()


# --- the process table --------------------------------------------------------
def state_of(name: str, status: str = "running") -> State:
    return State(name, "web", status, 77, None, 2, 1, None)  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
def test_states_become_rows_and_the_words_of_a_process_stay():
    Process.objects.seen("web-1", requests=5)

    write_rows([state_of("web-1"), state_of("web-2", "backing_off")])

    first, second = Process.objects.all()
    assert (first.status, first.pid, first.restarts) == ("running", 77, 2)
    assert first.detail == {"requests": 5}
    assert second.status == "backing_off"


@pytest.mark.django_db
def test_a_process_adds_to_its_own_words():
    Process.objects.seen("web-1", requests=5, version="a")

    Process.objects.seen("web-1", requests=6)

    process = Process.objects.get(name="web-1")
    assert process.detail == {"requests": 6, "version": "a"}
    assert process.reported_at is not None


def test_a_hung_database_holds_up_no_supervisor():
    hangs, written = threading.Event(), []

    def write(states: list[State]) -> None:
        hangs.wait(10)
        written.append(states[0].restarts)

    recorder = Recorder(write)
    began = time.monotonic()
    for _ in range(100):
        recorder([state_of("web-1")])
    recorder.close(within_s=0.1)

    assert time.monotonic() - began < 1
    assert written == []
    hangs.set()


def test_a_refused_row_is_forgotten_and_the_next_one_written(
    caplog: pytest.LogCaptureFixture,
):
    written: list[str] = []

    def write(states: list[State]) -> None:
        if states[0].name == "bad":
            raise ValueError("no such table")
        written.append(states[0].name)

    recorder = Recorder(write)
    recorder([state_of("bad")])
    wait_until(lambda: "no such table" in caplog.text)
    recorder([state_of("good")])
    recorder.close(within_s=5)

    assert written == ["good"]
