"""Reading a broker's book once: what is taken over, and what is told when it fails."""

import json
import threading
from typing import Any

import pytest

from accounts.brokers import (
    BrokerError,
    BrokerLogInNeeded,
    BrokerRefused,
    BrokerUnavailable,
    BrokerUnreadable,
    calling,
)
from accounts.brokers.kite import KiteBroker
from accounts.models import Position, TradingAccount
from orders.models import Order, OrderBook
from orders.tracker import book_trades, track
from tests.accounts.broker_server import BrokerServer, broker_server
from tests.accounts.portfolios import TEN, paper_broker, wire_position
from tests.accounts.test_brokers import MOCKS
from tests.orders.builders import book_says, report, reported, statuses, wire_order
from tradingsite import claims


@pytest.fixture
def lease(account: TradingAccount) -> claims.Lease:
    lease = claims.acquire(f"orders:{account.pk}", "test", 60)
    assert lease
    return lease


@pytest.fixture(autouse=True)
def own_breakers() -> None:
    calling.breaker.cache_clear()


def test_the_book_of_a_paper_account_is_taken_over(
    account: TradingAccount, lease: claims.Lease, paper: BrokerServer
):
    book_says(paper, wire_order("1"), wire_order("2", "REJECTED", status_message="no"))

    applied = track(account, lease)

    assert statuses(account) == {"1": "open", "2": "rejected"}
    assert applied.written == 2
    asked = paper.asked[-1]
    assert (asked.path, asked.query["account_id"]) == (
        "/orders",
        [account.broker_client_id],
    )
    assert OrderBook.objects.get().status == "ok"


def test_the_book_of_a_kite_account_is_taken_over(
    account: TradingAccount, lease: claims.Lease
):
    with broker_server() as server:
        server.says("/orders", (MOCKS / "orders.json").read_bytes())
        kite = KiteBroker(server.url, {"api_key": "k", "access_token": "t"})
        track(account, lease, broker=kite)
        again = track(account, lease, broker=kite)

    mocked = json.loads((MOCKS / "orders.json").read_bytes())["data"]
    assert Order.objects.count() == len({one["order_id"] for one in mocked})
    assert (again.written, again.ignored) == (0, 0)
    by_id = {one.broker_order_id: one for one in Order.objects.all()}
    for one in mocked:
        order = by_id[one["order_id"]]
        assert (order.broker_status, order.quantity, order.filled_quantity) == (
            one["status"],
            one["quantity"],
            one["filled_quantity"],
        )
        assert order.remaining_quantity == 0 or order.is_working


WRONG: dict[str, Any] = {
    "no list": {"orders": []},
    "no number": [wire_order("1", quantity="many")],
    "less than nothing": [wire_order("1", quantity=-1)],
    "a fraction": [wire_order("1", filled_quantity=0.5)],
    "no side": [wire_order("1", transaction_type="HOLD")],
    "no symbol": [wire_order("1", tradingsymbol="")],
    "a NUL": [wire_order("1", tradingsymbol="AC\0ME")],
    "a long word": [wire_order("1", product="N" * 13)],
    "no time": [wire_order("1", order_timestamp="yesterday")],
    "a time before all": [wire_order("1", order_timestamp="1899-12-31 00:00:00")],
    "a time after all": [wire_order("1", order_timestamp="9999-12-31 23:59:59")],
    "a price beyond all": [wire_order("1", price=1e15)],
    "twice the same": [wire_order("1"), wire_order("1")],
}


@pytest.mark.parametrize("name", list(WRONG))
def test_a_book_that_cannot_be_meant_changes_nothing_and_says_why(
    account: TradingAccount, lease: claims.Lease, paper: BrokerServer, name: str
):
    report(account, reported("7"))
    paper.says("/orders", json.dumps(WRONG[name]))

    with pytest.raises(BrokerUnreadable):
        track(account, lease)

    assert statuses(account) == {"7": "open"}
    book = OrderBook.objects.get()
    assert (book.status, book.error_code, book.read_at) == (
        "needs_attention",
        "broker_unreadable",
        TEN,
    )
    assert book.last_error


def test_odd_words_that_are_only_shown_are_kept_short_and_clean(
    account: TradingAccount, lease: claims.Lease, paper: BrokerServer
):
    odd = wire_order("1", "MELTED", status_message="\0" + "x" * 900, tag=None)
    book_says(paper, odd)
    track(account, lease)

    order = Order.objects.get()
    assert (order.status, order.broker_status) == ("unknown", "MELTED")
    assert order.status_message == "x" * 500
    assert track(account, lease).written == 0


@pytest.mark.parametrize(
    ("status", "error", "kept"),
    [
        (500, BrokerUnavailable, "failed"),
        (429, BrokerUnavailable, "failed"),
        (403, BrokerRefused, "needs_attention"),
    ],
)
def test_a_broker_that_fails_is_told_and_what_we_knew_stays(
    account: TradingAccount,
    lease: claims.Lease,
    paper: BrokerServer,
    status: int,
    error: type[BrokerError],
    kept: str,
):
    report(account, reported("7"))
    paper.says("/orders", b"no", status)

    with pytest.raises(error):
        track(account, lease)

    assert statuses(account) == {"7": "open"}
    book = OrderBook.objects.get()
    assert (book.status, book.read_at) == (kept, TEN)
    book_says(paper)
    track(account, lease)
    book.refresh_from_db()
    assert (book.status, book.error_code, book.last_error) == ("ok", "", "")


def test_an_account_without_a_session_at_its_broker_needs_somebody(
    account: TradingAccount, lease: claims.Lease
):
    account.broker = TradingAccount.Broker.KITE
    with pytest.raises(BrokerLogInNeeded):
        track(account, lease)
    assert OrderBook.objects.get().error_code == "broker_log_in_needed"


def test_who_was_paused_past_its_lease_writes_nothing(
    account: TradingAccount, lease: claims.Lease, paper: BrokerServer
):
    claims.release(lease)
    other = claims.acquire(lease.name, "other", 60)
    assert other
    book_says(paper, wire_order("1"))

    with pytest.raises(claims.LeaseLost):
        track(account, lease)
    paper.says("/orders", b"no", 500)
    with pytest.raises(claims.LeaseLost):
        track(account, lease)

    assert not Order.objects.exists()
    assert not OrderBook.objects.exists()
    book_says(paper, wire_order("1"))
    assert track(account, other).written == 1


def test_no_lock_is_held_while_the_broker_thinks(
    account: TradingAccount, lease: claims.Lease, paper: BrokerServer
):
    thinking = threading.Event()
    body = json.dumps([wire_order("1")]).encode()
    paper.says("/orders", body, during=thinking.set)

    # The adapter itself refuses to be called inside a transaction of ours.
    track(account, lease)
    assert thinking.is_set()


def test_a_trade_brings_the_positions_in_step(
    account: TradingAccount, paper: BrokerServer
):
    paper_broker(
        paper, account.broker_client_id, positions=[wire_position("ACME", 100)]
    )
    book_trades(account)
    assert Position.objects.get().quantity == 100

    paper.says("/portfolio/positions", b"no", 500)
    book_trades(account)
    account.sync.refresh_from_db()
    assert account.sync.status == "failed"
