"""Syncs: one at a time, nothing lost when the broker fails, nobody else's data."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from accounts import syncing, tasks, valuing
from accounts.brokers import (
    BrokerOtherAccount,
    BrokerTimedOut,
    BrokerUnavailable,
    calling,
)
from accounts.brokers.kite import KiteBroker
from accounts.models import (
    AccountSync,
    Balance,
    Holding,
    Position,
    PositionChange,
    TradingAccount,
)
from marketdata.models import Exchange
from tests.accounts.broker_server import BrokerServer
from tests.accounts.builders import make_account
from tests.accounts.portfolios import (
    TEN,
    later,
    paper_broker,
    wire_holding,
    wire_position,
)
from tests.accounts.test_brokers import MOCKS
from tests.marketdata.builders import ist, make_exchange, make_hours
from tradingsite import claims

FULL: dict[str, Any] = {
    "positions": [wire_position("ACME", 50), wire_position("BOLT", -20)],
    "holdings": [wire_holding("ITC", 900)],
}


def held() -> dict[str, int]:
    rows = Position.objects.filter(is_reported=True)
    return dict(rows.values_list("symbol", "quantity"))


def test_a_sync_takes_all_parts_and_says_how_many(
    account: TradingAccount, paper: BrokerServer
):
    paper_broker(paper, account.broker_client_id, **FULL)

    done = syncing.sync(account)

    assert (done.positions, done.holdings, done.balances) == (2, 1, 1)
    assert (done.rows_changed, done.position_changes) == (4, 2)
    assert held() == {"ACME": 50, "BOLT": -20}
    assert Holding.objects.get().symbol == "ITC"
    assert Balance.objects.get().cash == 1000
    sync = AccountSync.objects.get()
    assert (sync.status, sync.last_sync_at) == ("ok", done.synced_at)
    assert {change.source for change in PositionChange.objects.all()} == {"sync"}


def test_a_second_sync_of_the_same_changes_no_row(
    account: TradingAccount, paper: BrokerServer
):
    paper_broker(paper, account.broker_client_id, **FULL)
    syncing.sync(account)

    done = syncing.sync(account)

    assert (done.rows_changed, done.position_changes) == (0, 0)


def test_what_the_broker_no_longer_has_goes(
    account: TradingAccount, paper: BrokerServer
):
    paper_broker(paper, account.broker_client_id, **FULL)
    syncing.sync(account)
    paper_broker(paper, account.broker_client_id, positions=[wire_position("ACME", 50)])

    done = syncing.sync(account)

    assert held() == {"ACME": 50}
    assert not Holding.objects.exists()
    assert (done.rows_changed, done.position_changes) == (2, 1)


@pytest.mark.parametrize(
    "path",
    [
        *("/account/profile", "/portfolio/positions"),
        *("/portfolio/holdings", "/account/margins"),
    ],
)
def test_a_sync_that_fails_at_any_part_takes_nothing(
    account: TradingAccount, paper: BrokerServer, path: str
):
    paper_broker(paper, account.broker_client_id, **FULL)
    first = syncing.sync(account)
    paper_broker(paper, account.broker_client_id)
    paper.says(path, "", 502)

    with pytest.raises(BrokerUnavailable):
        syncing.sync(account)

    assert held() == {"ACME": 50, "BOLT": -20}
    sync = AccountSync.objects.get()
    assert (sync.status, sync.error_code) == ("failed", "broker_unavailable")
    assert sync.last_sync_at == first.synced_at
    paper_broker(paper, account.broker_client_id)
    syncing.sync(account)
    sync.refresh_from_db()
    assert (sync.status, sync.last_error) == ("ok", "")


def test_what_needs_somebody_is_told_apart(
    account: TradingAccount, paper: BrokerServer
):
    paper_broker(paper, account.broker_client_id)
    paper.says("/portfolio/positions", '{"net": [{}]}')

    with pytest.raises(Exception, match="unknown shape"):
        syncing.sync(account)

    sync = AccountSync.objects.get()
    assert (sync.status, sync.error_code) == ("needs_attention", "broker_unreadable")


def test_a_session_of_another_client_is_not_believed(
    account: TradingAccount, paper: BrokerServer
):
    paper_broker(paper, "somebody-else", **FULL)
    with pytest.raises(BrokerOtherAccount):
        syncing.sync(account)
    assert held() == {}


def test_a_broker_that_hangs_costs_one_wait(
    account: TradingAccount, paper: BrokerServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(calling, "CALL_S", 0.2)
    paper_broker(paper, account.broker_client_id)
    paper.hangs("/account/profile")

    with pytest.raises(BrokerTimedOut):
        syncing.sync(account)
    with pytest.raises(BrokerUnavailable, match="asked again in a moment"):
        syncing.sync(account)

    assert paper.paths() == ["/account/profile"]
    assert AccountSync.objects.get().status == "failed"


def test_a_mistake_of_ours_does_not_leave_the_account_syncing(
    account: TradingAccount, paper: BrokerServer, monkeypatch: pytest.MonkeyPatch
):
    paper_broker(paper, account.broker_client_id)

    def broken(*args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(syncing, "_take", broken)
    with pytest.raises(ZeroDivisionError):
        syncing.sync(account)
    assert AccountSync.objects.get().status == "failed"
    monkeypatch.undo()


def test_a_second_sync_at_the_same_time_is_refused(
    account: TradingAccount, paper: BrokerServer
):
    paper_broker(paper, account.broker_client_id)
    lease = claims.acquire(f"sync:{account.pk}", "somebody", ttl_s=30)
    with pytest.raises(syncing.SyncRunning):
        syncing.sync(account)
    assert paper.asked == []
    assert lease
    claims.release(lease)
    syncing.sync(account)


def test_a_sync_that_lost_its_claim_writes_nothing(
    account: TradingAccount, paper: BrokerServer, monkeypatch: pytest.MonkeyPatch
):
    paper_broker(paper, account.broker_client_id, **FULL)
    monkeypatch.setattr(syncing, "CLAIMED_S", 0)

    margins = paper.answers["/account/margins"]
    monkeypatch.setattr(margins, "during", None)
    portfolio = syncing._portfolio

    def asked_slowly(*args: Any) -> Any:
        told = portfolio(*args)
        overtake(account)
        return told

    monkeypatch.setattr(syncing, "_portfolio", asked_slowly)
    with pytest.raises(syncing.SyncRunning):
        syncing.sync(account)
    assert held() == {}
    assert AccountSync.objects.get().status == "ok"


def test_a_sync_that_lost_its_claim_does_not_say_that_it_failed(
    account: TradingAccount, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(syncing, "CLAIMED_S", 0)

    def failed_slowly(*_: Any) -> Any:
        overtake(account)
        raise BrokerUnavailable("away")

    monkeypatch.setattr(syncing, "_portfolio", failed_slowly)
    with pytest.raises(syncing.SyncRunning):
        syncing.sync(account)
    sync = AccountSync.objects.get()
    assert (sync.status, sync.error_code) == ("ok", "")


def overtake(account: TradingAccount) -> None:
    """Let somebody else sync the account meanwhile, and succeed."""
    assert claims.acquire(f"sync:{account.pk}", "somebody", ttl_s=30)
    AccountSync.objects.filter(account=account).update(status="ok")


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_some_sync_and_the_rest_are_refused(paper: BrokerServer):
    account = make_account()
    paper_broker(paper, account.broker_client_id, **FULL)
    together = threading.Barrier(8)

    def one(_number: int) -> bool:
        together.wait(20)
        try:
            syncing.sync(account)
        except syncing.SyncRunning:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(one, range(8)))

    assert any(done)
    assert paper.paths().count("/account/profile") == sum(done)
    assert PositionChange.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_held_while_the_broker_thinks():
    account = make_account()
    held: list[bool] = []

    class Watching:
        """A broker that looks at our connection each time it is asked."""

        def client_id(self, _deadline: Any) -> str:
            held.append(connections["default"].connection is not None)
            return str(account.broker_client_id)

        def positions(self, _deadline: Any) -> list[Any]:
            held.append(connections["default"].connection is not None)
            return []

        holdings = balances = orders = positions

    syncing.sync(account, broker=Watching())

    assert held == [False] * 4
    assert AccountSync.objects.get().status == "ok"


def test_kites_own_answers_become_an_account(
    account: TradingAccount, paper: BrokerServer
):
    for path, name in (
        ("/portfolio/positions", "positions"),
        ("/portfolio/holdings", "holdings"),
        ("/user/margins", "margins"),
    ):
        paper.says(path, (MOCKS / f"{name}.json").read_bytes())
    paper.says("/user/profile", '{"status": "success", "data": {"user_id": "AB1234"}}')
    account.broker_client_id = "AB1234"
    kite = KiteBroker(paper.url, {"api_key": "k", "access_token": "t"})

    first = syncing.sync(account, broker=kite)
    again = syncing.sync(account, broker=kite)

    assert (first.positions, first.balances) == (3, 2)
    assert (again.rows_changed, again.position_changes) == (0, 0)
    assert held() == {"LEADMINI17DECFUT": 1000, "GOLDGUINEA17DECFUT": 0, "SBIN": 0}
    equity = Balance.objects.get(segment="equity")
    assert equity.net == Decimal("99725.0500")
    worth = valuing.valuation_of(account, timezone.now())
    results = {one.row.symbol: one.pnl for one in worth.positions}
    assert results == {
        "LEADMINI17DECFUT": Decimal(0),
        "GOLDGUINEA17DECFUT": Decimal(801),
        "SBIN": Decimal(-2),
    }


def in_session(exchange: str = "NSE") -> None:
    Exchange.objects.all().delete()
    make_hours(make_exchange(exchange))


@pytest.mark.parametrize(
    ("at", "is_due"),
    [
        ("2026-01-05 09:14", False),
        ("2026-01-05 09:15", True),
        ("2026-01-05 15:34", True),
        ("2026-01-05 15:35", False),
        ("2026-01-04 11:00", False),
    ],
)
def test_accounts_are_synced_while_their_market_is_open(
    account: TradingAccount, monkeypatch: pytest.MonkeyPatch, at: str, *, is_due: bool
):
    in_session()
    ordered: list[int] = []
    monkeypatch.setattr(tasks, "order_sync", lambda pk, _due_at: ordered.append(pk))
    account_closed = make_account("closed")
    TradingAccount.objects.filter(pk=account_closed.pk).update(status="suspended")
    monkeypatch.setattr("tradingsite.scheduling.due_at_of", lambda _task: ist(at))

    tasks.sync_accounts()

    assert ordered == ([account.pk] if is_due else [])


def test_an_ordered_sync_is_carried_out_while_it_is_fresh(
    account: TradingAccount, paper: BrokerServer, monkeypatch: pytest.MonkeyPatch
):
    paper_broker(paper, account.broker_client_id, **FULL)
    monkeypatch.setattr(timezone, "now", lambda: later(56))
    tasks.sync_account(account.pk, TEN.isoformat())
    assert paper.asked == []

    monkeypatch.undo()
    now = timezone.now() - timedelta(seconds=5)
    tasks.sync_account(account.pk, now.isoformat())
    assert held() == {"ACME": 50, "BOLT": -20}


def test_a_task_lives_with_a_broker_that_fails(
    account: TradingAccount, paper: BrokerServer
):
    tasks.sync_account(account.pk, timezone.now().isoformat())
    assert AccountSync.objects.get().error_code == "broker_refused"
