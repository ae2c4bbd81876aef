"""The gap filler against a real ticker service: killed, frozen, hung, refused.

What must hold in the end: a session that is called whole has a bar in each of its
minutes, and the bars are those of the service's history.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from marketdata.gaps.survey import Surveyor
from marketdata.imports import calendar, instruments
from marketdata.models import Instrument, MinuteBar, SessionGap
from tests.marketdata.ingesting import ROOT, end, environment, start, wait_for
from tests.marketdata.ticker_process import Simulator, simulating

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

DAYS = 3
# A process needs its time to start on a busy machine.
PATIENCE_S = 90
QUICK = {"GAP_MAP_DAYS": str(DAYS), "HISTORY_CALLS_A_SECOND": "20"}
# Says that a session is whole first, and writes its bars a moment later.
CARELESS = """
import time, django
django.setup()
from unittest import mock
from django.core.management import call_command
from marketdata.gaps import filling
from marketdata.models import SessionGap
careful = filling.settle
def careless(gap, *rest):
    SessionGap.objects.filter(pk=gap.pk).update(status="whole", missing=[])
    time.sleep(0.3)
    careful(gap, *rest)
with mock.patch.object(filling, "settle", careless):
    call_command("fill_gaps")
"""


@pytest.fixture
def simulator(transactional_db: None, tmp_path: Path) -> Iterator[Simulator]:
    """A ticker service with its instruments; only the indices are wanted."""
    with simulating(tmp_path) as running:
        calendar.load()
        instruments.load(instruments.parse(running.ticker.instruments()))
        Instrument.objects.exclude(kind="index").update(is_active=False)
        yield running


class Fillers:
    """``fill_gaps`` processes that share the test's database."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self._simulator = simulator
        self._log = folder / "fillers.log"
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        process = start(
            *(command or ("manage.py", "fill_gaps")),
            log=self._log,
            TICKER_URL=self._simulator.url,
            **QUICK,
        )
        self.running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        self.running.remove(process)

    def close(self) -> None:
        for process in self.running:
            end(process)


@pytest.fixture
def fillers(simulator: Simulator, tmp_path: Path) -> Iterator[Fillers]:
    group = Fillers(simulator, tmp_path)
    yield group
    group.close()


def whole() -> int:
    return SessionGap.objects.filter(status="whole", restate_after=None).count()


def all_is_whole() -> bool:
    """Tell whether nothing is left but the newest minutes of running sessions."""
    wanted = Instrument.objects.filter(is_active=True).count() * DAYS
    found = list(SessionGap.objects.all())
    return len(found) == wanted and all(len(gap.missing) < 5 for gap in found)


def untrue() -> list[SessionGap]:
    """Return the sessions that are called whole, and are not."""
    return [
        gap
        for gap in SessionGap.objects.filter(status="whole")
        if MinuteBar.objects.for_instrument(gap.instrument_id)
        .between(gap.opens_at, gap.surveyed_until)
        .count()
        != gap.expected
    ]


def differing(simulator: Simulator) -> list[str]:
    """Return the finished sessions whose bars are not those of history."""
    found = []
    for gap in SessionGap.objects.filter(status="whole").select_related("instrument"):
        if not gap.is_over:
            continue
        history = simulator.ticker.history(
            gap.instrument.broker_token or 0,
            gap.opens_at.timestamp(),
            gap.closes_at.timestamp() - 60,
        )
        bars = MinuteBar.objects.for_instrument(gap.instrument_id).between(
            gap.opens_at, gap.closes_at
        )
        stored = [(bar.opened_at, bar.close, bar.volume) for bar in bars]
        if stored != [(each.date, each.close, each.volume) for each in history]:
            found.append(str(gap))
    return found


def kill_often(fillers: Fillers, kills: int, *command: str) -> None:
    """Keep two processes filling; kill one of them at random, ``kills`` times."""
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    sys.stdout.write(f"seed {seed}\n")
    fillers.start(*command)
    fillers.start(*command)
    attempted = SessionGap.objects.filter(attempts__gt=0)
    wait_for("the first attempt", attempted.exists, PATIENCE_S)
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 0.4))
        fillers.kill(chance.choice(fillers.running))
        fillers.start(*command)
        # Nobody waits a minute for the lease of the dead in a test.
        SessionGap.objects.filter(status="open").update(next_attempt_at=timezone.now())
        wait_for("one more attempt", more_attempts(), PATIENCE_S)


def more_attempts():
    def attempts() -> int:
        return sum(SessionGap.objects.values_list("attempts", flat=True))

    before = attempts()
    return lambda: attempts() > before or all_is_whole()


def test_two_fillers_that_are_killed_fill_every_minute(
    simulator: Simulator, fillers: Fillers
):
    kill_often(fillers, 5)
    SessionGap.objects.filter(status="open").update(next_attempt_at=timezone.now())

    wait_for("the whole map", all_is_whole, PATIENCE_S)

    assert untrue() == []
    assert differing(simulator) == []


def test_a_filler_that_says_so_before_it_writes_is_found_out(fillers: Fillers):
    """The control of the test above: its checker sees what is called whole too soon."""
    for _ in range(4):
        process = fillers.start("-c", CARELESS)
        before = whole()
        wait_for(
            "a session called whole", lambda before=before: whole() > before, PATIENCE_S
        )
        fillers.kill(process)
        if untrue():
            break

    assert untrue()


def frozen(simulator: Simulator) -> None:
    os.kill(simulator.process.pid, signal.SIGSTOP)


FAULTS = {
    "frozen": frozen,
    "hanging": lambda simulator: simulator.fault(hang=True, path="/history"),
    "failing": lambda simulator: simulator.fault(status=500, path="/history"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_ticker_that_is_unwell_is_not_pressed_and_all_is_filled_when_it_is_back(
    simulator: Simulator, fillers: Fillers, fault: str
):
    FAULTS[fault](simulator)
    fillers.start()
    failed = SessionGap.objects.filter(failures__gt=0)
    wait_for("a failure", failed.exists, PATIENCE_S)
    gap = failed[0]
    assert (gap.status, gap.reason) == ("open", "ticker_away")
    assert gap.next_attempt_at > timezone.now()
    # One failure ends a pass: the others were not tried after it.
    assert SessionGap.objects.filter(failures__gt=1).count() == 0

    os.kill(simulator.process.pid, signal.SIGCONT)
    simulator.heal()
    SessionGap.objects.update(next_attempt_at=timezone.now())

    wait_for("the whole map", all_is_whole, PATIENCE_S)
    assert untrue() == []


def test_a_frozen_ticker_does_not_hold_up_the_survey(
    simulator: Simulator, fillers: Fillers
):
    frozen(simulator)
    process = fillers.start()

    wait_for("the map", SessionGap.objects.exists, PATIENCE_S)

    os.kill(simulator.process.pid, signal.SIGCONT)
    began = time.monotonic()
    assert end(process) == 0
    assert time.monotonic() - began < 10
    fillers.running.remove(process)


def test_a_survey_by_two_at_once_counts_no_minute_twice(simulator: Simulator):
    look = (
        "import django; django.setup()\n"
        "from django.utils import timezone\n"
        "from marketdata.gaps.survey import Surveyor\n"
        "import sys; sys.stdin.readline()\n"
        "for _ in range(10): Surveyor().survey(timezone.now())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", look],
            cwd=ROOT,
            env=environment(**QUICK),
            stdin=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        process.communicate(b"go\n", timeout=60)
    connection.close()

    Surveyor().survey(timezone.now())
    for gap in SessionGap.objects.all():
        assert gap.missing == list(range(gap.expected))
