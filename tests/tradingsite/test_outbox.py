import time
from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from tradingsite import outbox
from tradingsite.logs import correlation_id
from tradingsite.models import OutboxMessage
from tradingsite.outbox.delivery import deliver_due, prune, take
from tradingsite.outbox.timing import Limits, TimeLimitError, time_limit

LIMITS = Limits(batch=10, handler_s=5, lease_s=10, attempts=3, first_pause_s=0)
NOTED: list[tuple[int, str]] = []


def note(message: OutboxMessage):
    NOTED.append((message.payload["number"], correlation_id.get()))


def fail(message: OutboxMessage):
    raise ConnectionError("the broker is away")


def refuse(message: OutboxMessage):
    raise outbox.UndeliverableError("no such account")


def oversleep(message: OutboxMessage):
    time.sleep(30)


@pytest.fixture(autouse=True)
def handlers(settings: Settings):
    here = "tests.tradingsite.test_outbox"
    settings.OUTBOX_HANDLERS = {
        name: f"{here}.{name}" for name in ("note", "fail", "refuse", "oversleep")
    }
    NOTED.clear()


def send(topic: str, number: int = 1, **options: str):
    with transaction.atomic():
        return outbox.send(topic, {"number": number}, **options)


def deliver_all(limits: Limits = LIMITS):
    while deliver_due(limits):
        pass


@pytest.mark.django_db(transaction=True)
def test_a_message_is_delivered_once():
    send("note", 7)

    deliver_all()

    assert [number for number, _ in NOTED] == [7]
    assert OutboxMessage.objects.get().status == "delivered"


@pytest.mark.django_db(transaction=True)
def test_a_message_outside_a_transaction_is_a_mistake():
    with pytest.raises(transaction.TransactionManagementError):
        outbox.send("note", {})


@pytest.mark.django_db(transaction=True)
def test_a_message_goes_with_its_cause_when_that_is_rolled_back():
    with transaction.atomic():
        outbox.send("note", {"number": 1})
        transaction.set_rollback(True)

    assert not OutboxMessage.objects.exists()


@pytest.mark.django_db
def test_the_same_key_sent_twice_is_one_message():
    first = send("note", 1, key="order-17")
    second = send("note", 2, key="order-17")

    assert first.pk == second.pk
    assert OutboxMessage.objects.get().payload == {"number": 1}


@pytest.mark.django_db(transaction=True)
def test_the_request_id_is_carried_to_the_handler():
    token = correlation_id.set("request-42")
    send("note")
    correlation_id.reset(token)

    deliver_all()

    assert NOTED == [(1, "request-42")]
    assert correlation_id.get() == ""


@pytest.mark.django_db(transaction=True)
def test_a_poison_message_dies_with_its_reason_after_so_many_attempts():
    send("fail")

    deliver_all()

    message = OutboxMessage.objects.get()
    assert (message.status, message.attempts) == ("dead", 3)
    assert message.last_error == "ConnectionError: the broker is away"


@pytest.mark.django_db(transaction=True)
def test_a_topic_without_a_handler_dies_with_that_reason():
    send("unknown")

    deliver_all()

    assert OutboxMessage.objects.get().last_error == "KeyError: 'unknown'"


@pytest.mark.django_db(transaction=True)
def test_a_message_that_can_never_be_delivered_is_not_tried_again():
    send("refuse")

    deliver_all()

    message = OutboxMessage.objects.get()
    assert (message.status, message.attempts) == ("dead", 1)


@pytest.mark.django_db(transaction=True)
def test_a_failing_message_holds_up_its_shard_and_no_other():
    limits = Limits(batch=10, handler_s=5, lease_s=10, attempts=3, first_pause_s=60)
    send("fail", shard="account:asha")
    send("note", 1, shard="account:asha")
    send("note", 2, shard="account:bina")
    send("note", 3)

    deliver_all(limits)

    assert [number for number, _ in NOTED] == [2, 3]


@pytest.mark.django_db(transaction=True)
def test_after_a_dead_letter_its_shard_goes_on():
    send("fail", shard="account:asha")
    send("note", 1, shard="account:asha")

    deliver_all()

    assert [number for number, _ in NOTED] == [1]


@pytest.mark.django_db(transaction=True)
def test_a_dead_letter_that_is_retried_is_delivered(settings: Settings):
    send("fail", 5)
    deliver_all()
    settings.OUTBOX_HANDLERS["fail"] = settings.OUTBOX_HANDLERS["note"]

    assert outbox.retry(OutboxMessage.objects.all()) == 1
    deliver_all()

    assert [number for number, _ in NOTED] == [5]


@pytest.mark.django_db(transaction=True)
def test_a_handler_that_takes_too_long_is_interrupted():
    limits = Limits(batch=1, handler_s=0.2, lease_s=1, attempts=1)
    send("oversleep")
    began = time.monotonic()

    deliver_due(limits)

    assert time.monotonic() - began < 5
    message = OutboxMessage.objects.get()
    assert message.status == "dead"
    assert message.last_error.startswith("TimeLimitError")


@pytest.mark.django_db(transaction=True)
def test_a_message_taken_over_is_neither_held_nor_marked_by_the_first_taker():
    send("note")
    (stale,) = take(OutboxMessage.objects.due(), 1, lease_s=0)
    (fresh,) = take(OutboxMessage.objects.due(), 1, lease_s=60)

    with transaction.atomic():
        outbox.hold(fresh)
    with pytest.raises(outbox.SupersededError), transaction.atomic():
        outbox.hold(stale)


@pytest.mark.django_db(transaction=True)
def test_what_was_taken_and_not_begun_is_given_back():
    for number in range(3):
        send("note", number)

    tried = deliver_due(LIMITS, stopping=lambda: len(NOTED) == 1)

    assert tried == 1
    assert OutboxMessage.objects.due().filter(attempts=0).count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_pass_over_an_idle_outbox_costs_one_short_transaction(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    # BEGIN, SELECT, COMMIT.
    with django_assert_num_queries(3):
        assert deliver_due(LIMITS) == 0


@pytest.mark.django_db(transaction=True)
def test_the_backlog_tells_what_waits_and_what_died():
    send("fail")
    deliver_all()
    send("note")

    backlog = outbox.backlog()

    assert (backlog.pending, backlog.dead) == (1, 1)
    assert 0 <= backlog.oldest_s < 60


@pytest.mark.django_db(transaction=True)
def test_only_what_was_delivered_long_ago_is_deleted():
    send("note")
    send("fail")
    deliver_all()

    assert prune(timedelta(days=7)) == 0
    assert prune(timedelta(seconds=-1)) == 1
    assert OutboxMessage.objects.get().status == "dead"


def test_pauses_double_up_to_the_longest_with_jitter():
    limits = Limits(batch=1, handler_s=1, lease_s=2, attempts=9)

    assert [limits.pause_s(tries, 0) for tries in (1, 2, 3, 20)] == [1, 2, 4, 300]
    assert limits.pause_s(1, 1) == 1.5


def test_a_lease_shorter_than_its_handler_is_refused():
    with pytest.raises(ImproperlyConfigured):
        Limits(batch=1, handler_s=10, lease_s=10, attempts=1)


def test_a_time_limit_is_felt_through_a_handler_that_catches_everything():
    def stubborn() -> None:
        for _ in range(100):
            with suppress(Exception):
                time.sleep(0.1)

    with pytest.raises(TimeLimitError), time_limit(0.05):
        stubborn()
