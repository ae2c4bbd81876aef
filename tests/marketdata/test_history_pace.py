"""At most three calls a second, however many processes and threads ask."""

import subprocess
import sys
import threading
import time

import pytest
from django.db import connection

from marketdata.gaps.pace import SPAN_S, Pace, Stopped
from marketdata.models import CallPace
from tests.marketdata.ingesting import ROOT, environment

ASK = """
import sys, threading, time, django
django.setup()
from marketdata.gaps.pace import Pace
pace = Pace("test", 3, threading.Event())
sys.stdin.readline()
end = time.time() + 4
while time.time() < end:
    pace.wait()
    print(repr(time.time()), flush=True)
"""


def most_within_a_second(moments: list[float]) -> int:
    ordered = sorted(moments)
    return max(
        sum(first <= moment < first + 1 for moment in ordered) for first in ordered
    )


@pytest.mark.django_db(transaction=True)
def test_four_processes_together_make_three_calls_a_second():
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ASK],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    moments = [
        float(line)
        for process in processes
        for line in process.communicate()[0].split()
    ]

    assert most_within_a_second(moments) == 3
    # And no fewer than that: 4 s hold 12 turns, less the margin of the span.
    assert len(moments) >= 10


@pytest.mark.django_db(transaction=True)
def test_without_the_pace_there_would_be_more():
    """The control of the test above: turns that nobody grants."""
    moments = [time.time() for _ in range(12)]

    assert most_within_a_second(moments) > 3


@pytest.mark.django_db(transaction=True)
def test_seven_threads_share_the_turns():
    granted: list[float] = []

    def ask() -> None:
        try:
            Pace("test", 3, threading.Event()).wait()
            granted.append(time.monotonic())
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(7)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(granted) == 7
    assert max(granted) - began >= 2 * SPAN_S
    assert CallPace.objects.get().name == "test"


@pytest.mark.django_db
def test_who_is_to_end_does_not_wait():
    stopping = threading.Event()
    pace = Pace("test", 1, stopping)
    pace.wait()
    stopping.set()

    with pytest.raises(Stopped):
        pace.wait()
