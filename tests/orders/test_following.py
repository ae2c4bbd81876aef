"""The process that follows: whose book, how often, and what it does in trouble."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from accounts.brokers import calling
from accounts.models import AccountSync, Position, TradingAccount
from orders import following, tracker
from orders.following import LEASE_S, Followed, Follower
from orders.models import Order, OrderBook
from orders.turns import BUSY_S, IDLE_S
from tests.accounts.broker_server import BrokerServer
from tests.accounts.builders import make_account
from tests.accounts.portfolios import paper_broker, wire_position
from tests.orders.builders import book_says, statuses, wire_order
from tradingsite import claims
from tradingsite.models import Claim


@pytest.fixture(autouse=True)
def own_breakers() -> None:
    calling.breaker.cache_clear()


def followed_by(follower: Follower) -> list[str]:
    return sorted(one.account.slug for one in follower.followed.values())


def one_turn(follower: Follower, account: TradingAccount) -> float:
    """Read the book of ``account`` once; return how long it then waits."""
    one = follower.followed[account.pk]
    one.due_at = 0.0
    follower.turn(one)
    # However long the turn took.
    return one.due_at - time.monotonic()


def test_all_accounts_that_are_not_closed_are_followed(account: TradingAccount):
    make_account("north-2")
    make_account("north-3")
    TradingAccount.objects.filter(slug="north-2").update(status="suspended")
    TradingAccount.objects.filter(slug="north-3").update(status="closed")
    told: list[int] = []
    follower = Follower(told.append)

    follower.look()
    assert followed_by(follower) == ["north-1", "north-2"]
    TradingAccount.objects.filter(slug="north-1").update(status="closed")
    make_account("north-4")
    follower.look()
    assert followed_by(follower) == ["north-2", "north-4"]
    assert told == [2, 2]
    # Whoever comes next need not wait for the lease to run out.
    assert claims.acquire(f"orders:{account.pk}", "next", 10)


def test_two_followers_share_and_the_second_takes_over(account: TradingAccount):
    other = make_account("north-2")
    first, second = Follower(), Follower()
    first.look()
    second.look()
    assert (len(first.followed), len(second.followed)) == (2, 0)

    first.let_go()
    second.look()
    assert followed_by(second) == ["north-1", "north-2"]
    assert other.pk in second.followed


def test_who_lost_its_account_writes_nothing_and_lets_it_go(
    account: TradingAccount, paper: BrokerServer
):
    book_says(paper, wire_order("1"))
    frozen, awake = Follower(), Follower()
    frozen.look()
    # As long as the lease lasts, and longer.
    Claim.objects.update(expires_at="2020-01-01T00:00:00Z")
    awake.look()

    one_turn(frozen, account)
    assert not Order.objects.exists()
    frozen.look()
    assert frozen.followed == {}
    one_turn(awake, account)
    assert statuses(account) == {"1": "open"}


def test_a_lease_outlasts_the_wait_for_the_next_turn(
    account: TradingAccount, paper: BrokerServer
):
    paper.says("/orders", b"no", 403)
    follower = Follower()
    follower.look()
    wait_s = one_turn(follower, account)

    claim = Claim.objects.get(name=f"orders:{account.pk}")
    lasts_s = (claim.expires_at - timezone.now()).total_seconds()
    assert wait_s > LEASE_S
    assert lasts_s == pytest.approx(wait_s + LEASE_S, abs=5)


def test_a_working_order_is_read_every_second_and_a_quiet_account_rarely(
    account: TradingAccount, paper: BrokerServer
):
    follower = Follower()
    follower.look()
    one = follower.followed[account.pk]
    one.is_market_open = False
    book_says(paper)
    assert one_turn(follower, account) == pytest.approx(IDLE_S, abs=2)

    book_says(paper, wire_order("1"))
    assert one_turn(follower, account) == pytest.approx(BUSY_S, abs=0.9)
    one.rhythm.lively_until = 0.0
    assert one_turn(follower, account) == pytest.approx(BUSY_S, abs=0.9)
    book_says(paper, wire_order("1", "CANCELLED"))
    one_turn(follower, account)
    one.rhythm.lively_until = 0.0
    assert one_turn(follower, account) == pytest.approx(IDLE_S, abs=2)


def test_a_fill_brings_the_positions_with_it(
    account: TradingAccount, paper: BrokerServer
):
    held = [wire_position("ACME", 100)]
    paper_broker(paper, account.broker_client_id, positions=held)
    book_says(paper, wire_order("1"))
    follower = Follower()
    follower.look()
    one_turn(follower, account)
    assert not AccountSync.objects.exists()

    book_says(paper, wire_order("1", "COMPLETE", filled_quantity=100))
    one_turn(follower, account)
    assert Position.objects.get().quantity == 100
    asked = len(paper.asked)
    one_turn(follower, account)
    assert paper.paths()[asked:] == ["/orders"]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_waited_for(
    paper: BrokerServer, monkeypatch: pytest.MonkeyPatch
):
    account = make_account()
    follower = Follower()
    follower.look()

    def away(*_: object, **__: object) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(following, "track", away)
        assert one_turn(follower, account) == pytest.approx(
            following.DATABASE_AWAY_S, abs=1
        )
    book_says(paper, wire_order("1"))
    one_turn(follower, account)
    assert statuses(account) == {"1": "open"}


def test_what_nobody_thought_of_stops_one_account_for_a_while_only(
    account: TradingAccount,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    follower = Follower()
    follower.look()

    def broken(*_: object, **__: object) -> None:
        raise KeyError("odd")

    monkeypatch.setattr(following, "track", broken)
    assert one_turn(follower, account) == pytest.approx(following.PUZZLED_S, abs=1)
    assert "could not be read" in caplog.text


def test_what_waits_for_a_thread_is_left_to_others_once_it_is_stopped(
    account: TradingAccount, monkeypatch: pytest.MonkeyPatch
):
    follower = Follower()
    follower.look()
    turned: list[Followed] = []
    monkeypatch.setattr(follower, "turn", turned.append)
    for _ in range(3):
        follower._send_out()
        follower.followed[account.pk].is_being_read = False
    follower.stop()

    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(follower._read_on)
        follower._errands.put(None)
        reading.result(30)

    assert turned == []


# --- the process itself -------------------------------------------------------------
@contextmanager
def running(follower: Follower) -> Iterator[None]:
    def run() -> None:
        try:
            follower.run()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        ended = threads.submit(run)
        try:
            yield
        finally:
            follower.stop()
            ended.result(30)


class Seen:
    """Waits until a book was written so and so often."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by_slug: dict[str, int] = {}
        self._news = threading.Condition()
        real = vars(following)["track"]

        def track(account: TradingAccount, lease: claims.Lease) -> object:
            try:
                return real(account, lease)
            finally:
                with self._news:
                    self.by_slug[account.slug] = self.by_slug.get(account.slug, 0) + 1
                    self._news.notify_all()

        monkeypatch.setattr(following, "track", track)

    def wait_for(self, slug: str, times: int) -> None:
        with self._news:
            assert self._news.wait_for(
                lambda: self.by_slug.get(slug, 0) >= times, timeout=40
            )


@pytest.mark.django_db(transaction=True)
def test_it_follows_until_it_is_stopped_and_lets_go(
    paper: BrokerServer, monkeypatch: pytest.MonkeyPatch
):
    account = make_account()
    book_says(paper, wire_order("1"))
    seen = Seen(monkeypatch)
    with running(Follower()):
        seen.wait_for("north-1", 2)
    assert statuses(account) == {"1": "open"}
    assert OrderBook.objects.get().status == "ok"
    assert claims.acquire(f"orders:{account.pk}", "next", 10)


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_hangs_keeps_the_others_from_nothing(
    paper: BrokerServer, monkeypatch: pytest.MonkeyPatch
):
    stuck = make_account("stuck")
    account = make_account("north-1")
    thinking, go_on = threading.Event(), threading.Event()
    real = tracker.track

    def track(one: TradingAccount, lease: claims.Lease) -> object:
        if one.pk == stuck.pk:
            thinking.set()
            go_on.wait(40)
        return real(one, lease)

    monkeypatch.setattr(following, "track", track)
    seen = Seen(monkeypatch)
    book_says(paper, wire_order("1"))
    with running(Follower()):
        assert thinking.wait(30)
        seen.wait_for("north-1", 3)
        assert "stuck" not in seen.by_slug
        go_on.set()
    assert statuses(account) == {"1": "open"}
