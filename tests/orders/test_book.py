"""The one writer of orders: what it changes, notes, leaves alone and refuses."""

import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.models import ProtectedError
from pytest_django import DjangoAssertNumQueries

from accounts.brokers import BrokerUnreadable
from accounts.brokers.payloads import IST
from accounts.models import TradingAccount
from orders.models import Order, OrderBook, OrderChange
from orders.models.orders import stream_of
from tests.accounts.builders import make_account
from tests.accounts.portfolios import TEN, later
from tests.marketdata.builders import make_instrument
from tests.orders.builders import report, reported, statuses, steps
from tradingsite.models import JournalEntry


def told(account: TradingAccount) -> list[dict[str, Any]]:
    entries = JournalEntry.objects.filter(stream_id=stream_of(account.pk))
    return [entry.event for entry in entries.order_by("seq")]


def test_an_order_is_taken_over_with_all_that_the_broker_says(account: TradingAccount):
    instrument = make_instrument("ACME")
    report(
        account,
        reported(
            exchange_order_id="X9", tag="desk", trigger_price=Decimal("49.05"),
            status="TRIGGER PENDING", order_type="SL",
        ),
    )  # fmt: skip

    order = Order.objects.get()
    assert (order.status, order.broker_status) == ("waiting", "TRIGGER PENDING")
    assert (order.price, order.trigger_price, order.average_price) == (
        Decimal(50),
        Decimal("49.05"),
        None,
    )
    assert order.instrument_id == instrument.pk
    assert (order.remaining_quantity, order.is_working) == (100, True)
    assert (order.exchange_order_id, order.tag) == ("X9", "desk")
    assert (order.placed_at, order.reported_at) == (TEN, TEN)
    assert OrderBook.objects.get().read_at == TEN


def test_each_step_is_noted_once_and_told_with_the_order(account: TradingAccount):
    report(account, reported(status="OPEN PENDING"))
    report(account, reported(), at=later(1))
    report(account, reported(filled_quantity=40), at=later(2))
    report(account, reported(status="COMPLETE", filled_quantity=100), at=later(3))

    assert steps(account) == [
        ("1", "", "pending", 0, 0),
        ("1", "pending", "open", 0, 0),
        ("1", "open", "open", 0, 40),
        ("1", "open", "filled", 40, 100),
    ]
    assert [one["change"]["status_after"] for one in told(account)] == [
        *("pending", "open", "open", "filled"),
    ]
    assert [one["order"]["remaining_quantity"] for one in told(account)] == [
        *(100, 100, 60, 0),
    ]


def test_the_same_book_again_writes_and_tells_nothing(account: TradingAccount):
    orders = [reported("1"), reported("2", "REJECTED", status_message="no margin")]
    report(account, *orders)
    before = Order.objects.values_list("updated_at", flat=True)[0]

    applied = report(account, *orders, at=later(1))

    assert (applied.written, applied.changes, applied.ignored) == (0, [], 0)
    assert len(told(account)) == 2
    assert Order.objects.values_list("updated_at", flat=True)[0] == before
    assert OrderBook.objects.get().read_at == later(1)


def test_new_terms_are_told_though_nothing_moved(account: TradingAccount):
    report(account, reported())
    report(account, reported(price=Decimal(51), changed_at=later(5)), at=later(6))

    assert len(steps(account)) == 1
    assert told(account)[-1]["change"] is None
    assert told(account)[-1]["order"]["price"] == "51.000000"


def test_it_is_told_as_it_will_be_read(account: TradingAccount):
    now = TEN.astimezone(IST)
    report(account, reported(placed_at=now, changed_at=now), at=now)

    assert told(account)[-1]["order"] == Order.objects.get().document


def test_a_price_finer_than_is_kept_is_no_news_for_ever(account: TradingAccount):
    fine = reported(average_price=Decimal("50.12345678"), filled_quantity=1)
    report(account, fine)

    assert report(account, fine, at=later(1)).written == 0


def test_a_report_that_comes_too_late_is_not_taken(account: TradingAccount):
    report(account, reported(status="COMPLETE", filled_quantity=100), at=later(5))
    applied = report(account, reported(), reported("2"), at=later(4))

    assert applied.ignored == 2
    assert statuses(account) == {"1": "filled"}


def test_a_book_that_lags_behind_brings_no_settled_order_back(account: TradingAccount):
    report(account, reported(status="COMPLETE", filled_quantity=100))
    applied = report(account, reported(filled_quantity=40), at=later(1))

    assert applied.ignored == 1
    assert statuses(account) == {"1": "filled"}
    assert len(told(account)) == 1


def test_a_book_that_lags_far_behind_brings_back_nothing_that_it_once_left_out(
    account: TradingAccount,
):
    filled = reported("1", "COMPLETE", filled_quantity=100, changed_at=later(3))
    report(account, filled, at=later(4))
    # Answers of a copy of the book, of before the order and then of before its fill.
    report(account, at=later(5))
    applied = report(account, reported("1"), at=later(6))
    assert (applied.ignored, statuses(account)) == (1, {"1": "filled"})
    assert Order.objects.get().filled_quantity == 100

    report(account, filled, at=later(7))
    assert Order.objects.get().is_reported
    assert len(steps(account)) == 1


def test_a_trade_that_the_exchange_took_back_is_believed(account: TradingAccount):
    report(account, reported(status="COMPLETE", filled_quantity=100))
    busted = reported(filled_quantity=40, changed_at=later(60))
    report(account, busted, at=later(61))

    assert steps(account)[-1] == ("1", "filled", "open", 100, 40)


def test_a_fill_that_overtakes_a_cancellation_is_taken(account: TradingAccount):
    report(account, reported(status="CANCELLED", canceled_quantity=100))
    report(account, reported(status="COMPLETE", filled_quantity=100), at=later(1))

    assert statuses(account) == {"1": "filled"}


def test_a_working_order_that_the_broker_lists_no_more_is_in_doubt(
    account: TradingAccount,
):
    report(account, reported("1"), reported("2", "REJECTED"))
    report(account, at=later(1))
    assert statuses(account) == {"1": "unknown", "2": "rejected"}
    assert not Order.objects.filter(is_reported=True).exists()

    report(account, reported("1", filled_quantity=10), at=later(2))
    assert statuses(account)["1"] == "open"
    assert steps(account)[-1] == ("1", "unknown", "open", 0, 10)


def test_what_worked_yesterday_ended_with_the_day(account: TradingAccount):
    report(account, reported("1"), reported("2", placed_at=None))
    midnight = timedelta(hours=13, minutes=59, seconds=59)
    report(account, reported("1"), reported("2", placed_at=None), at=TEN + midnight)
    assert set(statuses(account).values()) == {"open"}

    report(account, at=TEN + midnight + timedelta(seconds=2))
    # Of the second we know only when we saw it: now, by the clock of the database.
    assert statuses(account) == {"1": "expired", "2": "unknown"}


def test_a_partial_report_lets_go_of_nothing(account: TradingAccount):
    report(account, reported("1"), reported("2"))
    report(account, reported("2", "CANCELLED"), at=later(1), is_complete=False)

    assert statuses(account) == {"1": "open", "2": "canceled"}
    assert OrderBook.objects.get().read_at == TEN


def test_an_order_that_is_named_twice_refuses_the_whole_book(account: TradingAccount):
    with pytest.raises(BrokerUnreadable, match="twice"):
        report(account, reported("1"), reported("2"), reported("2"))
    assert not Order.objects.exists()


def test_two_accounts_may_have_the_same_number(account: TradingAccount):
    other = make_account("north-2")
    report(account, reported("1"))
    report(other, reported("1", "REJECTED"))

    assert statuses(account) == {"1": "open"}
    assert statuses(other) == {"1": "rejected"}


def test_what_is_rolled_back_is_neither_there_nor_told(account: TradingAccount):
    with transaction.atomic():
        report(account, reported())
        transaction.set_rollback(True)

    assert not Order.objects.exists()
    assert told(account) == []


def test_a_thousand_orders_are_written_in_as_many_statements_as_one(
    account: TradingAccount, django_assert_max_num_queries: DjangoAssertNumQueries
):
    many = [reported(str(number)) for number in range(1000)]
    with django_assert_max_num_queries(20):
        report(account, *many)
    with django_assert_max_num_queries(20):
        report(
            account, *(replace(one, status="CANCELLED") for one in many), at=later(1)
        )

    assert len(told(account)) == 2000


def test_the_database_refuses_what_is_no_order(account: TradingAccount):
    report(account, reported())
    for wrong in ({"status": "gone"}, {"side": "HOLD"}, {"quantity": -1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Order.objects.update(**wrong)
    with pytest.raises(ProtectedError):
        Order.objects.get().delete()


@pytest.mark.django_db(transaction=True)
def test_writers_that_compete_note_each_step_once():
    account = make_account()
    seed = random.randrange(10**6)
    fills = list(range(0, 101, 5))
    jobs = fills * 4
    random.Random(seed).shuffle(jobs)

    def write(filled: int) -> None:
        word = "COMPLETE" if filled == 100 else "OPEN"
        try:
            report(
                account,
                reported(status=word, filled_quantity=filled, changed_at=later(filled)),
                at=later(filled),
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as writers:
        list(writers.map(write, jobs))

    assert statuses(account) == {"1": "filled"}
    noted = steps(account)
    assert noted[-1][-1] == 100
    # Each step begins where the one before it ended.
    for before, after in itertools.pairwise(noted):
        assert (before[2], before[4]) == (after[1], after[3])
    assert OrderChange.objects.count() == len(told(account)) == len(noted)
