"""The real ``deliver_outbox``: killed, doubled, stopped, without Redis or database."""

import itertools
import signal
from collections import defaultdict

import pytest
from django.db import connections, transaction

from tests.tradingsite.children.effects import Row, delivered, rows
from tests.tradingsite.children.fixtures import effect_tables  # noqa: F401
from tests.tradingsite.children.running import (
    DEAD_REDIS,
    running,
    signal_group,
    wait_until,
)
from tradingsite import outbox
from tradingsite.models import OutboxMessage, Process

pytestmark = [pytest.mark.chaos, pytest.mark.usefixtures("effect_tables")]
QUICK = {"OUTBOX_HANDLER_TIMEOUT_S": "3", "OUTBOX_LEASE_S": "4"}


def deliverer(**settings: str):
    """Run the command; nothing in it may need Redis."""
    environment = {"REDIS_URL": DEAD_REDIS, **settings}
    return running("manage.py", "deliver_outbox", environment=environment)


def send(number: int, topic: str = "record", **options: str):
    with transaction.atomic():
        payload = {"number": number, "pause_s": 0.01}
        return outbox.send(topic, payload, **options)


def crash_after_commit(mode: str):
    with running("-m", "tests.tradingsite.children.crashing_sender", mode) as child:
        assert child.wait(30) == -signal.SIGKILL


def test_what_was_committed_before_a_crash_is_delivered_after_it():
    crash_after_commit("outbox")
    assert delivered() == []

    with deliverer():
        wait_until(delivered)

    assert [number for _, number, _ in delivered()] == [1]


def test_control_an_on_commit_hook_is_lost_in_the_crash():
    crash_after_commit("on_commit")

    with deliverer():
        send(2)
        wait_until(delivered)

    assert [number for _, number, _ in delivered()] == [2]


def test_a_message_in_hand_when_the_deliverer_is_killed_is_delivered_by_the_next():
    message = send(1, topic="linger")
    with deliverer(**QUICK) as first:
        wait_until(delivered)
        signal_group(first, signal.SIGKILL)
        first.wait(10)
    assert OutboxMessage.objects.get().status == "pending"

    with deliverer(**QUICK):
        wait_until(lambda: OutboxMessage.objects.get().status == "delivered")

    message.refresh_from_db()
    assert message.attempts == 2


def deliver_twice_over(shards: list[str]):
    """Return (shard, number, pid) of 200 messages as two processes delivered them."""
    with deliverer(), deliverer():
        # Else the first to be there may have delivered all before the other comes.
        wait_until(lambda: listening() == 2)
        for number in range(200):
            send(number, shard=shards[number % len(shards)])
        wait_until(lambda: not OutboxMessage.objects.waiting().exists(), 60)
    return delivered()


def listening():
    (count,) = rows(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE query LIKE 'LISTEN outbox%%' AND datname = current_database()"
    )[0]
    return count


def out_of_order(deliveries: list[Row]):
    by_shard = defaultdict(list)
    for shard, number, _ in deliveries:
        by_shard[shard].append(number)
    return sum(
        earlier > later
        for numbers in by_shard.values()
        for earlier, later in itertools.pairwise(numbers)
    )


def test_two_deliverers_deliver_each_message_once_and_in_order():
    deliveries = deliver_twice_over(["asha", "bina", "chand", "devi"])

    assert sorted(number for _, number, _ in deliveries) == list(range(200))
    assert len({pid for _, _, pid in deliveries}) == 2
    assert out_of_order(deliveries) == 0


def test_control_without_a_shard_two_deliverers_change_the_order():
    deliveries = deliver_twice_over([""])

    assert sorted(number for _, number, _ in deliveries) == list(range(200))
    assert out_of_order(deliveries) > 0


def test_a_notice_wakes_the_deliverer_without_polling():
    with running("-m", "tests.tradingsite.children.deliver_on_notice"):
        wait_until(listening)
        send(1)
        wait_until(delivered, 20)


def test_a_message_whose_notice_was_lost_is_found_by_polling():
    with deliverer():
        OutboxMessage.objects.create(topic="record", payload={"number": 1})
        wait_until(delivered)


def test_sigterm_stops_the_deliverer_in_order():
    with deliverer() as child:
        send(1)
        wait_until(delivered)
        child.send_signal(signal.SIGTERM)

        assert child.wait(10) == 0


def test_a_deliverer_writes_down_how_far_behind_it_is():
    with deliverer(TRADINGSITE_PROCESS_NAME="outbox", TRADINGSITE_PROCESS="outbox"):
        wait_until(Process.objects.filter(name="outbox").exists)

    assert Process.objects.get().detail == {"pending": 0, "dead": 0, "oldest_s": 0.0}


def test_a_deliverer_whose_sessions_are_cut_off_comes_back():
    with deliverer() as child:
        send(1)
        wait_until(delivered)
        rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connections["default"].close()
        send(2)
        wait_until(lambda: len(delivered()) == 2)

        assert child.poll() is None
