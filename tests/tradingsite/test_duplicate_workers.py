"""H2: two beats and two workers, one of them frozen past its lease, do no harm."""

import contextlib
import signal
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from django.conf import settings

from tests.tradingsite.children.effects import rows
from tests.tradingsite.children.fixtures import effect_tables  # noqa: F401
from tests.tradingsite.children.running import running, signal_group, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.usefixtures("effect_tables")]
APP = ["-m", "celery", "-A", "tests.tradingsite.children.celery_app"]
BEAT = [*APP, "beat", "--loglevel", "WARNING", "--pidfile", ""]
WORKER = [*APP, "worker", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
# A task may run half a lease, and is then killed and its due time lost: a busy machine
# needs seconds for the first insert of a new child, which is not what is tested here.
LEASE = 8
FROZEN = LEASE + 2


def due_times(job: str):
    found = rows("SELECT due_at FROM test_runs WHERE job = %s ORDER BY due_at", job)
    return [due_at for (due_at,) in found]


def workers():
    return rows("SELECT DISTINCT pid FROM test_runs")


@pytest.mark.timeout(180)
def test_each_due_time_runs_once_with_two_beats_two_workers_and_one_frozen():
    environment = {
        "CELERY_VISIBILITY_TIMEOUT_S": str(LEASE),
        "CELERY_CONCURRENCY": "1",
        # The name of the worker's database and the keys of its broker are the test's.
        "PYTEST_XDIST_WORKER": settings.REDIS_PREFIX.rpartition(":")[2],
    }
    with contextlib.ExitStack() as stack:
        frozen = stack.enter_context(
            running(*WORKER, "-n", "one@%h", environment=environment)
        )
        stack.enter_context(running(*WORKER, "-n", "two@%h", environment=environment))
        for _ in range(2):
            stack.enter_context(running(*BEAT, environment=environment))
        wait_until(lambda: len(workers()) == 2 and due_times("claimed"), 90)
        signal_group(frozen, signal.SIGSTOP)
        froze_after = due_times("claimed")[-1]
        wait_until(
            lambda: due_times("claimed")[-1] > froze_after + timedelta(seconds=FROZEN),
            60,
        )
        signal_group(frozen, signal.SIGCONT)
        thawed_after = due_times("claimed")[-1]
        wait_until(
            lambda: due_times("claimed")[-1] > thawed_after + timedelta(seconds=3), 60
        )

    claimed = due_times("claimed")
    assert len(claimed) == len(set(claimed))
    # The last may still have been on their way when the processes were stopped.
    settled = [due_at for due_at in claimed if due_at <= thawed_after]
    assert {b - a for a, b in pairwise(settled)} == {timedelta(seconds=1)}
    # The control: the same schedule, the same messages, no due time taken.
    assert max(Counter(due_times("unclaimed")).values()) > 1
