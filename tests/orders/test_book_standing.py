"""Whether a book keeps up with its broker, and who is told when it does not."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import TradingAccount
from orders import tasks
from orders.models import OrderBook
from orders.models.books import SILENT_AFTER, SILENT_AFTER_WORKING
from orders.models.orders import stream_of
from tests.accounts.portfolios import TEN, later
from tests.asyncapi import check
from tests.orders.builders import report, reported
from tradingsite.models import JournalEntry

FILLED = reported("1", "COMPLETE", filled_quantity=100)


def told(account: TradingAccount) -> list[dict[str, Any]]:
    """Return what the stream told of the book, each as it is described."""
    rows = JournalEntry.objects.filter(stream=stream_of(account.pk)).order_by("seq")
    for row in rows:
        check(
            {
                "type": "event",
                "stream": "orders",
                "key": account.slug,
                "epoch": "0",
                "seq": row.seq,
                "at": row.created_at.isoformat(),
                "data": row.event,
            }
        )
    return [row.event["book"] for row in rows if row.event["type"] == "book_update"]


def fail(account: TradingAccount, code: str = "broker_busy", *, for_good: bool = False):
    with transaction.atomic():
        OrderBook.objects.failed(
            account.pk, code=code, text="Busy.", now=later(9), for_good=for_good
        )


def is_silent(account: TradingAccount, now: Any) -> bool:
    book = OrderBook.objects.with_silence(now).get(account=account)
    return book.standing == "silent"


def test_a_book_that_is_read_again_and_again_tells_nothing(account: TradingAccount):
    for second in range(3):
        report(account, reported("1"), at=later(second))
    assert told(account) == []


def test_a_failure_is_told_once_and_so_is_its_end(account: TradingAccount):
    report(account, reported("1"))
    fail(account)
    fail(account)
    report(account, reported("1"), at=later(20))

    behind, well = told(account)

    assert behind == {
        "status": "failed",
        "as_of": TEN.isoformat(),
        "stale_since": TEN.isoformat(),
        "error_code": "broker_busy",
        "last_error": "Busy.",
    }
    assert (well["status"], well["stale_since"]) == ("ok", None)
    assert well["as_of"] == later(20).isoformat()


def test_another_reason_is_news(account: TradingAccount):
    fail(account)
    fail(account, "broker_log_in_needed", for_good=True)
    assert [(one["status"], one["as_of"]) for one in told(account)] == [
        ("failed", None),
        ("needs_attention", None),
    ]


def test_a_book_without_a_working_order_may_be_older(account: TradingAccount):
    report(account, FILLED)
    assert not is_silent(account, TEN + SILENT_AFTER)
    assert is_silent(account, TEN + SILENT_AFTER + timedelta(seconds=1))


def test_a_book_with_one_is_read_every_second(account: TradingAccount):
    report(account, reported("1"))
    assert not is_silent(account, TEN + SILENT_AFTER_WORKING)
    assert is_silent(account, TEN + SILENT_AFTER_WORKING + timedelta(seconds=1))


@pytest.mark.parametrize("how", ["closed", "failed"])
def test_nobody_is_missed_where_nobody_reads_or_why_is_known(
    account: TradingAccount, how: str
):
    report(account, FILLED)
    if how == "failed":
        fail(account)
    else:
        TradingAccount.objects.update(status="closed")
    assert not is_silent(account, TEN + SILENT_AFTER * 2)


def test_the_task_tells_that_nobody_reads_and_the_next_turn_ends_it(
    account: TradingAccount,
):
    report(account, FILLED)
    tasks.note_silent_books()
    tasks.note_silent_books()
    book = OrderBook.objects.get()
    assert (book.status, book.error_code) == ("silent", "not_followed")
    assert book.stale_since == TEN

    report(account, FILLED, at=timezone.now())

    assert [one["status"] for one in told(account)] == ["silent", "ok"]
    tasks.note_silent_books()
    assert OrderBook.objects.get().status == "ok"
