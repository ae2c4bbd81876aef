"""Rollups beside one another and beside writers: nobody waits, nothing is lost."""

import contextlib
import datetime
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction

from marketdata import tasks
from marketdata.models import DirtyBucket, Instrument
from marketdata.rollups import claiming, roll_up
from marketdata.rollups.verifying import Span, verify_all
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_exchange,
    make_hours,
    make_instrument,
    make_minutes,
    save_bars,
)

OPEN = "2026-11-23 09:15"
LIMIT_S = 10


@pytest.fixture
def stocks(transactional_db: None):
    """Two stocks that share no lock."""
    make_hours(make_exchange("NSE"))
    first = make_instrument("ACME")
    return first, make_instrument("OTHER", id=first.pk + claiming.GROUP)


def differences(*instruments: Instrument):
    found = verify_all(instruments, Span())
    return [one for compared in found for one in compared.differences]


@contextlib.contextmanager
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """Give a thread with a connection of its own."""
    with ThreadPoolExecutor(1) as thread:
        try:
            yield thread
        finally:
            thread.submit(connections.close_all).result(LIMIT_S)


def test_what_one_rollup_works_on_is_left_alone_by_another(
    stocks: tuple[Instrument, Instrument],
):
    ours, theirs = stocks
    make_minutes(ours, OPEN, 10)
    make_minutes(theirs, OPEN, 20)
    with elsewhere() as thread, transaction.atomic():
        taken = claiming.claim(4)
        rolled = thread.submit(roll_up).result(LIMIT_S)

    assert taken is not None
    assert taken.minutes == 4
    assert rolled.minutes == 20
    assert DirtyBucket.objects.filter(instrument=theirs).count() == 0
    # The claim was not followed by a rollup, yet its transaction ended well.
    assert DirtyBucket.objects.filter(instrument=ours).count() == 6


def test_a_rollup_that_fails_leaves_everything_dirty(
    stocks: tuple[Instrument, Instrument], monkeypatch: pytest.MonkeyPatch
):
    make_minutes(stocks[0], OPEN, 10)
    monkeypatch.setattr("marketdata.rollups.strikes.roll", fail)

    with pytest.raises(RuntimeError):
        roll_up()

    assert DirtyBucket.objects.count() == 10
    monkeypatch.undo()
    assert roll_up().minutes == 10
    assert differences(*stocks) == []


def fail(_hours: object) -> int:
    raise RuntimeError("in the middle of it")


def test_a_rollup_does_not_wait_for_a_writer_and_takes_its_minute_later(
    stocks: tuple[Instrument, Instrument],
):
    ours, _ = stocks
    make_minutes(ours, OPEN, 10)
    roll_up()
    with elsewhere() as thread:
        make_minutes(ours, "2026-11-23 09:20", 3)
        with transaction.atomic():
            save_bars([make_bar(ours, ist("2026-11-23 09:21"), 999)])
            assert thread.submit(roll_up).result(LIMIT_S).minutes == 2

    assert DirtyBucket.objects.get().opened_at == ist("2026-11-23 09:21")
    roll_up()
    assert differences(ours) == []


def test_a_writer_of_another_minute_does_not_wait_for_a_rollup(
    stocks: tuple[Instrument, Instrument],
):
    ours, _ = stocks
    make_minutes(ours, OPEN, 5)

    def write() -> None:
        save_bars([make_bar(ours, ist("2026-11-23 09:30"), 500)])

    with elsewhere() as thread, transaction.atomic():
        claiming.claim(100)
        thread.submit(write).result(LIMIT_S)

    assert DirtyBucket.objects.get().opened_at == ist("2026-11-23 09:30")


def test_a_minute_written_while_its_mark_is_taken_is_marked_again(
    stocks: tuple[Instrument, Instrument],
):
    ours, _ = stocks
    make_minutes(ours, OPEN, 5)
    has_begun = threading.Event()

    def write() -> None:
        with transaction.atomic():
            has_begun.set()
            save_bars([make_bar(ours, ist("2026-11-23 09:17"), 999)])

    with elsewhere() as thread:
        with transaction.atomic():
            claiming.claim(100)
            writing = thread.submit(write)
            assert has_begun.wait(LIMIT_S)
        writing.result(LIMIT_S)

    # Everything that was claimed is gone, but not the mark that came after.
    assert DirtyBucket.objects.get().opened_at == ist("2026-11-23 09:17")


def test_control_a_mark_that_is_not_renewed_loses_a_change(
    stocks: tuple[Instrument, Instrument],
):
    ours, _ = stocks
    make_minutes(ours, OPEN, 5)
    with elsewhere() as thread, transaction.atomic():
        save_unlocked(ours, "2026-11-23 09:17", 999)
        thread.submit(roll_up).result(LIMIT_S)

    assert DirtyBucket.objects.count() == 0
    assert differences(ours) != []


def save_unlocked(instrument: Instrument, at: str, close: float) -> None:
    """Write a minute, and mark it only where there is no mark, as must not be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirtyBucket.objects, "mark", leave_marks_alone)
        save_bars([make_bar(instrument, ist(at), close)])


def leave_marks_alone(instrument_id: int, minutes: list[datetime.datetime]) -> None:
    marks = [DirtyBucket(instrument_id=instrument_id, opened_at=at) for at in minutes]
    DirtyBucket.objects.bulk_create(marks, ignore_conflicts=True)


def test_the_scheduled_task_rolls_up_what_is_dirty(
    stocks: tuple[Instrument, Instrument],
):
    make_minutes(stocks[0], OPEN, 10)

    tasks.roll_up_bars.apply()

    assert DirtyBucket.objects.count() == 0
    assert differences(*stocks) == []
