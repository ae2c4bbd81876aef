"""Health and metrics of orders: a follower that is gone, a broker that is away."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import TradingAccount
from orders.gauges import order_books
from orders.health import orders
from orders.models import OrderBook
from tests.accounts.builders import make_account
from tests.orders.builders import report, reported
from tradingsite.readiness import Status, overall, run

DONE = reported("1", "COMPLETE", filled_quantity=100)


def ago(seconds: float) -> None:
    """Let all books have been read so long ago."""
    at = timezone.now() - timedelta(seconds=seconds)
    OrderBook.objects.update(read_at=at)


@pytest.fixture
def read(account: TradingAccount) -> TradingAccount:
    report(account, DONE, at=timezone.now())
    return account


def test_books_that_are_read_are_well(read: TradingAccount):
    part = orders()
    assert (part.status, part.detail) == (Status.OK, "1 read.")


def test_no_account_is_no_trouble(db: None):
    assert orders().status is Status.OK


def test_a_new_account_may_wait_for_its_first_turn_but_not_for_ever(
    account: TradingAccount,
):
    assert orders().status is Status.OK
    created_at = timezone.now() - timedelta(minutes=3)
    TradingAccount.objects.update(created_at=created_at)
    part = orders()
    assert part.status is Status.DEGRADED
    assert part.detail == "Of 1 books 1 were never read."


def test_a_follower_that_is_gone_shows_by_its_silence(read: TradingAccount):
    ago(140)
    assert orders().status is Status.OK
    ago(200)
    part = orders()
    assert part.status is Status.DEGRADED
    assert part.detail == "Of 1 books 1 are read by nobody (for 3 min)."


def test_it_shows_sooner_where_an_order_works(account: TradingAccount):
    report(account, reported("1"), at=timezone.now())
    ago(40)
    assert orders().status is Status.DEGRADED


@pytest.mark.parametrize(
    ("for_good", "said"),
    [
        (False, "1 cannot be read (for 2 min)"),
        (True, "1 cannot be read before somebody acts (for 2 min)"),
    ],
)
def test_one_broker_that_is_away_degrades_and_names_nobody(
    read: TradingAccount, *, for_good: bool, said: str
):
    report(make_account("north-2"), DONE, at=timezone.now())
    ago(125)
    OrderBook.objects.failed(
        read.pk, code="x", text="Secret.", now=timezone.now(), for_good=for_good
    )
    part = orders()
    assert (part.status, part.critical) == (Status.DEGRADED, False)
    assert part.detail == f"Of 2 books {said}."


def test_a_closed_account_is_read_by_nobody(read: TradingAccount):
    ago(900)
    TradingAccount.objects.update(status="closed")
    assert orders().status is Status.OK


def test_many_books_take_as_many_queries_as_one(
    read: TradingAccount, django_assert_num_queries: DjangoAssertNumQueries
):
    for number in range(20):
        report(make_account(f"more-{number}"), DONE, at=timezone.now())
    with django_assert_num_queries(2):
        orders()
    with django_assert_num_queries(1):
        list(order_books())


def test_the_site_goes_on_serving_when_no_book_is_read(read: TradingAccount):
    ago(900)
    path = "orders.health.orders"
    assert path in settings.HEALTH_PARTS
    assert overall([run(path)]) is Status.DEGRADED


def test_metrics_tell_of_each_account(read: TradingAccount):
    other = make_account("north-2")
    OrderBook.objects.failed(
        other.pk, code="x", text="x", now=timezone.now(), for_good=False
    )
    ago(10)
    OrderBook.objects.filter(account=other).update(read_at=None)
    found = {(one.name, one.labels[0][1]): one.value for one in order_books()}
    behind, age = "tradingsite_order_book_behind", "tradingsite_order_book_age_seconds"
    assert found[behind, "north-1"] == 0
    assert found[behind, "north-2"] == 1
    assert 9 < found[age, "north-1"] < 15
    assert (age, "north-2") not in found
