import random
import sys
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, connections, transaction

from tests.tradingsite.children.effects import execute, rows
from tests.tradingsite.children.fixtures import effect_tables  # noqa: F401
from tradingsite.models import JournalEntry, JournalStream
from tradingsite.streaming import journal

STREAM = "orders.asha"
DECADE = timedelta(days=3650)


def append_numbers(count: int, stream: str = STREAM):
    with transaction.atomic():
        return [journal.append(stream, {"number": number}) for number in range(count)]


@pytest.mark.django_db
def test_events_are_numbered_from_one_without_a_gap():
    positions = append_numbers(3)

    assert [position.seq for position in positions] == [1, 2, 3]
    assert len({position.epoch for position in positions}) == 1


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_a_mistake():
    with pytest.raises(transaction.TransactionManagementError):
        journal.append(STREAM, {})


@pytest.mark.django_db(transaction=True)
def test_a_number_rolled_back_is_given_out_again():
    append_numbers(1)
    with transaction.atomic():
        journal.append(STREAM, {})
        transaction.set_rollback(True)

    assert append_numbers(1)[0].seq == 2


@pytest.mark.django_db
def test_a_reader_gets_what_followed_its_position():
    epoch, _ = append_numbers(5)[0]

    events = journal.since(STREAM, epoch, 2, limit=2)

    assert [(each.seq, each.event["number"]) for each in events] == [(3, 2), (4, 3)]
    assert journal.since(STREAM, epoch, 5) == []


@pytest.mark.django_db
def test_a_position_read_before_the_first_event_is_good_after_it():
    epoch, seq = journal.position(STREAM)
    append_numbers(1)

    assert [each.seq for each in journal.since(STREAM, epoch, seq)] == [1]


@pytest.mark.django_db
def test_a_reader_of_another_epoch_is_told_of_a_gap():
    epoch, _ = append_numbers(2)[0]
    fresh = journal.start_over(STREAM)

    gap = journal.since(STREAM, epoch, 2)

    assert (gap.reason, gap.position) == ("epoch", fresh)


@pytest.mark.django_db
def test_a_reader_ahead_of_the_stream_is_told_of_a_gap():
    epoch, _ = append_numbers(2)[0]

    assert journal.since(STREAM, epoch, 3).reason == "ahead"


@pytest.mark.django_db
def test_a_reader_of_trimmed_events_is_told_of_a_gap():
    epoch, _ = append_numbers(5)[0]
    JournalEntry.objects.all().delete()
    append_numbers(1)
    JournalStream.objects.update(first_seq=6)

    assert journal.since(STREAM, epoch, 4).reason == "trimmed"
    assert [each.seq for each in journal.since(STREAM, epoch, 5)] == [6]


@pytest.mark.django_db
def test_a_reader_is_not_given_events_with_a_hole_before_them():
    epoch, _ = append_numbers(5)[0]
    JournalEntry.objects.filter(seq__lte=3).delete()

    assert journal.since(STREAM, epoch, 1).reason == "trimmed"


@pytest.mark.django_db
def test_retention_drops_old_events_and_remembers_where_the_stream_begins():
    epoch, _ = append_numbers(4)[0]

    assert journal.trim(DECADE) == 0
    assert journal.trim(timedelta(seconds=-1)) == 4
    assert JournalStream.objects.get().first_seq == 5
    assert journal.since(STREAM, epoch, 4) == []
    assert journal.since(STREAM, epoch, 3).reason == "trimmed"
    assert append_numbers(1)[0] == (epoch, 5)


@pytest.mark.django_db
def test_an_event_cannot_be_changed():
    append_numbers(1)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        JournalEntry.objects.update(event={"number": 2})


def numbers_in_the_order_of_commits(
    append: Callable[[], None], seed: int, writers: int = 8, each: int = 25
):
    """Let writers append, some turning back; return what a reader saw, poll by poll."""
    seen: list[int] = []
    done = threading.Event()

    def write(number: int) -> None:
        chance = random.Random(seed + number)
        for _ in range(each):
            with transaction.atomic():
                append()
                execute("SELECT pg_sleep(0.002)")
                transaction.set_rollback(chance.random() < 0.3)
        connections.close_all()

    def read() -> None:
        while True:
            last_round = done.is_set()
            sql = "SELECT number FROM test_effects ORDER BY number"
            found = [number for (number,) in rows(sql)]
            seen.extend(sorted(set(found) - set(seen)))
            if last_round:
                connections.close_all()
                return

    reader = threading.Thread(target=read)
    threads = [threading.Thread(target=write, args=[n]) for n in range(writers)]
    reader.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    done.set()
    reader.join(60)
    return seen


@pytest.mark.usefixtures("effect_tables")
def test_concurrent_writers_that_turn_back_leave_no_gap_and_no_late_number():
    seed = random.randrange(1_000_000)
    sys.stdout.write(f"seed {seed}\n")

    def append() -> None:
        _, seq = journal.append(STREAM, {})
        execute("INSERT INTO test_effects VALUES (%s, %s)", seq, seq)

    seen = numbers_in_the_order_of_commits(append, seed)

    assert seen == list(range(1, len(seen) + 1))
    assert [e.seq for e in JournalEntry.objects.order_by("seq")] == seen


@pytest.mark.usefixtures("effect_tables")
def test_control_a_sequence_leaves_gaps():
    execute("CREATE SEQUENCE test_numbers")

    def append() -> None:
        execute(
            "INSERT INTO test_effects SELECT n, n FROM nextval('test_numbers') AS n"
        )

    seen = numbers_in_the_order_of_commits(append, seed=1)
    execute("DROP SEQUENCE test_numbers")

    assert seen != list(range(1, len(seen) + 1))
