import signal
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction

from tests.tradingsite.children.effects import execute, rows
from tests.tradingsite.children.fixtures import effect_tables  # noqa: F401
from tests.tradingsite.children.running import running, signal_group, wait_until
from tradingsite import claims
from tradingsite.models import Claim

DUE_AT = datetime(2026, 1, 5, 9, 15, tzinfo=UTC)


def in_threads(count: int, function: Callable[[int], Any]):
    """Call ``function(number)`` in so many threads at once."""
    together = threading.Barrier(count)

    def call(number: int) -> Any:
        together.wait(20)
        try:
            return function(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


@pytest.mark.django_db(transaction=True)
def test_one_of_32_threads_gets_the_lease():
    leases = in_threads(
        32, lambda number: claims.acquire("shard:0", f"worker-{number}", ttl_s=30)
    )

    won = [lease for lease in leases if lease]
    assert len(won) == 1
    assert Claim.objects.get().owner == won[0].owner


@pytest.mark.django_db(transaction=True)
def test_one_of_32_threads_gets_a_lease_that_ran_out():
    claims.acquire("shard:0", "the-dead", ttl_s=0)

    leases = in_threads(
        32, lambda number: claims.acquire("shard:0", f"worker-{number}", ttl_s=30)
    )

    assert [lease.token for lease in leases if lease] == [2]


@pytest.mark.django_db
def test_each_holder_has_a_higher_token():
    tokens = [claims.acquire("shard:0", "alice", ttl_s=0).token for _ in range(3)]

    assert tokens == [1, 2, 3]


@pytest.mark.django_db
def test_a_held_name_is_not_given_even_to_its_owner():
    claims.acquire("shard:0", "alice", ttl_s=30)

    assert claims.acquire("shard:0", "alice", ttl_s=30) is None


@pytest.mark.django_db
def test_a_released_name_is_free_at_once():
    lease = claims.acquire("shard:0", "alice", ttl_s=30)

    claims.release(lease)

    assert claims.holds(lease) is False
    assert claims.acquire("shard:0", "bob", ttl_s=30).token == 2


@pytest.mark.django_db
def test_a_renewed_lease_lasts_longer_and_keeps_its_token():
    lease = claims.acquire("shard:0", "alice", ttl_s=5)

    renewed = claims.renew(lease, ttl_s=60)

    assert renewed.token == lease.token
    assert renewed.expires_at > lease.expires_at + timedelta(seconds=50)


@pytest.mark.django_db
def test_a_lease_taken_over_can_be_neither_renewed_nor_released():
    stale = claims.acquire("shard:0", "alice", ttl_s=0)
    taken = claims.acquire("shard:0", "bob", ttl_s=30)

    assert claims.renew(stale, ttl_s=30) is None
    claims.release(stale)
    assert claims.holds(taken)


@pytest.mark.django_db
def test_the_fence_refuses_a_lease_that_was_taken_over():
    stale = claims.acquire("shard:0", "alice", ttl_s=0)
    claims.acquire("shard:0", "bob", ttl_s=30)

    with pytest.raises(claims.LeaseLost):
        claims.fence(stale)


@pytest.mark.django_db(transaction=True)
def test_a_fence_outside_a_transaction_is_a_mistake():
    lease = claims.acquire("shard:0", "alice", ttl_s=30)

    with pytest.raises(transaction.TransactionManagementError):
        claims.fence(lease)


@pytest.mark.django_db(transaction=True)
def test_a_fenced_write_in_progress_keeps_others_out_without_making_them_wait():
    lease = claims.acquire("shard:0", "alice", ttl_s=0)

    with transaction.atomic():
        claims.fence(lease)
        (during,) = in_threads(1, lambda _: claims.acquire("shard:0", "bob", ttl_s=9))
    (after,) = in_threads(1, lambda _: claims.acquire("shard:0", "bob", ttl_s=9))

    assert during is None
    assert after.token == 2


def write_of_a_holder_paused_past_its_lease(mode: str):
    """Return what a frozen holder said of its write, and what is in the table."""
    with running(
        "-m", "tests.tradingsite.children.stale_holder", mode, output=subprocess.PIPE
    ) as child:
        assert child.stdout
        assert child.stdin
        assert child.stdout.readline() == "held\n"
        signal_group(child, signal.SIGSTOP)
        wait_until(lambda: claims.acquire("the-only-writer", "fresh", ttl_s=60))
        child.stdin.write("go on\n")
        child.stdin.flush()
        signal_group(child, signal.SIGCONT)
        said = child.stdout.readline()
    return said, rows("SELECT count(*) FROM test_effects")[0][0]


@pytest.mark.chaos
@pytest.mark.usefixtures("effect_tables")
def test_a_holder_paused_past_its_lease_is_refused_at_its_write():
    assert write_of_a_holder_paused_past_its_lease("fenced") == ("refused\n", 0)


@pytest.mark.chaos
@pytest.mark.usefixtures("effect_tables")
def test_control_without_the_fence_the_stale_write_is_applied():
    assert write_of_a_holder_paused_past_its_lease("unfenced") == ("written\n", 1)


@pytest.mark.django_db(transaction=True)
def test_a_due_time_is_taken_once_by_32_threads():
    taken = in_threads(32, lambda _: claims.once("marks", DUE_AT))

    assert taken.count(True) == 1


@pytest.mark.django_db(transaction=True)
def test_a_due_time_taken_in_a_transaction_that_failed_is_free_again():
    with transaction.atomic():
        claims.once("marks", DUE_AT)
        transaction.set_rollback(True)

    assert claims.once("marks", DUE_AT)


def doubled_by_unsynchronized_increments(serialized: bool):
    execute("INSERT INTO test_effects VALUES (1, 0)")

    def increment(_: int) -> None:
        with transaction.atomic():
            if serialized:
                claims.serialize("counter")
            number = rows("SELECT number FROM test_effects")[0][0]
            execute("SELECT pg_sleep(0.02)")
            execute("UPDATE test_effects SET number = %s", number + 1)

    in_threads(8, increment)
    return rows("SELECT number FROM test_effects")[0][0]


@pytest.mark.usefixtures("effect_tables")
def test_serialized_transactions_do_not_overwrite_each_other():
    assert doubled_by_unsynchronized_increments(serialized=True) == 8


@pytest.mark.usefixtures("effect_tables")
def test_control_without_serialize_updates_are_lost():
    assert doubled_by_unsynchronized_increments(serialized=False) < 8


@pytest.mark.django_db(transaction=True)
def test_old_due_times_are_forgotten():
    claims.once("marks", DUE_AT)
    claims.once("marks", datetime(2999, 1, 1, tzinfo=UTC))

    assert claims.prune(timedelta(days=30)) == 1
    assert not connection.in_atomic_block
