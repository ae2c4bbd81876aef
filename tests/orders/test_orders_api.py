"""``/api/v1/accounts/{account}/orders``: who may ask what, and what it says."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Membership, TradingAccount, User
from accounts.principals import Scope
from orders.models import Order, OrderBook
from orders.models.orders import stream_of
from tests.accounts.builders import join, make_account, make_desk, make_key
from tests.accounts.portfolios import TEN, later
from tests.marketdata.builders import make_instrument
from tests.orders.builders import report, reported
from tradingsite.streaming import journal


class Caller:
    """A key of alice's on the API."""

    def __init__(self, client: Client, user: User, **key: Any) -> None:
        self._client = client
        text = make_key(user, **({"all_accounts": True} | key)).text
        self.headers = {"Authorization": f"Bearer {text}"}

    def list(self, slug: str = "north-1", **query: Any) -> Any:
        place = reverse("orders:order-list", args=[slug])
        return self._client.get(place, query, headers=self.headers)

    def order(self, order_id: str, slug: str = "north-1") -> Any:
        place = reverse("orders:order", args=[slug, order_id])
        return self._client.get(place, headers=self.headers)

    def follow(self, address: str) -> Any:
        return self._client.get(address, headers=self.headers)


@pytest.fixture
def trader(client: Client, alice: User, account: TradingAccount) -> Caller:
    join(alice, account.desk, Membership.Role.TRADER)
    return Caller(client, alice)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [one["order_id"] for one in answer.json()["orders"]]


def test_strangers_others_and_other_keys_find_nothing(
    client: Client, alice: User, account: TradingAccount
):
    other = make_account("elsewhere", make_desk("south"))
    report(account, reported("1"))
    report(other, reported("1"))
    join(alice, account.desk)
    caller = Caller(client, alice)
    market = Caller(client, alice, scopes=[Scope.READ_MARKET])
    narrow = Caller(client, alice, all_accounts=False)
    for name, more in (("order-list", []), ("order", ["1"])):
        place = reverse(f"orders:{name}", args=["elsewhere", *more])
        assert client.get(place).status_code == 401
        foreign = caller.follow(place)
        nowhere = caller.follow(reverse(f"orders:{name}", args=["no-such", *more]))
        assert foreign.status_code == nowhere.status_code == 404
        assert foreign.json()["code"] == nowhere.json()["code"] == "not_found"
        own = reverse(f"orders:{name}", args=["north-1", *more])
        assert caller.follow(own).status_code == 200
        assert market.follow(own).status_code == 403
        assert narrow.follow(own).status_code == 404


def test_orders_are_told_as_the_stream_tells_them(
    trader: Caller, account: TradingAccount
):
    make_instrument("ACME")
    report(account, reported("1"), reported("2", "REJECTED", status_message="no funds"))

    body = trader.list().json()

    told = {one.broker_order_id: one.document for one in Order.objects.all()}
    assert [one["order_id"] for one in body["orders"]] == ["2", "1"]
    assert [told[one["order_id"]] for one in body["orders"]] == body["orders"]
    assert body["orders"][0]["status_message"] == "no funds"
    assert body["orders"][1]["instrument"] == "NSE:ACME"
    assert (body["count"], body["next"], body["previous"]) == (2, None, None)


def test_it_says_how_far_our_picture_has_come(trader: Caller, account: TradingAccount):
    body = trader.list().json()
    assert (body["status"], body["as_of"], body["stream"]) == ("never", None, None)

    now = timezone.now()
    report(account, reported("1"), at=now)
    body = trader.list().json()
    assert (body["status"], body["stale_since"]) == ("ok", None)
    place = journal.position(stream_of(account.pk))
    assert body["stream"] == place._asdict()

    OrderBook.objects.filter(account=account).update(read_at=TEN)
    body = trader.list().json()
    assert body["status"] == "silent"
    assert body["stale_since"] == body["as_of"] == TEN.isoformat()


def test_a_broker_that_failed_is_named_with_the_age_of_what_we_know(
    trader: Caller, account: TradingAccount
):
    report(account, reported("1"), at=TEN)
    OrderBook.objects.failed(
        account.pk, code="broker_busy", text="Busy.", now=later(9), for_good=False
    )
    for body in (trader.list().json(), trader.order("1").json()):
        assert (body["status"], body["error_code"]) == ("failed", "broker_busy")
        assert body["stale_since"] == TEN.isoformat()
        assert body["last_error"] == "Busy."


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["5", "4", "3", "2", "1"]),
        ({"status": "working"}, ["5", "1"]),
        ({"status": "settled"}, ["4", "3", "2"]),
        ({"status": "rejected"}, ["3"]),
        ({"status": "Filled, waiting"}, ["5", "2"]),
        ({"side": "SELL"}, ["2"]),
        ({"symbol": "bolt"}, ["4"]),
        ({"symbol": "OLT"}, []),
        ({"instrument": "NSE:ACME"}, ["5", "3", "2", "1"]),
        ({"instrument": "NSE:BOLT"}, []),
        ({"product": "mis"}, ["3"]),
        ({"day": "2026-01-05"}, ["5", "4", "3", "2", "1"]),
        ({"day": "2026-01-06"}, []),
        ({"is_reported": "false"}, []),
        ({"status": "working", "side": "SELL"}, []),
    ],
)
def test_orders_are_chosen(
    trader: Caller,
    account: TradingAccount,
    query: dict[str, str],
    found: list[str],
):
    make_instrument("ACME")
    report(
        account,
        reported("1"),
        reported("2", "COMPLETE", filled_quantity=100, side="SELL"),
        reported("3", "REJECTED", product="MIS"),
        reported("4", "CANCELLED", symbol="BOLT"),
        reported("5", "TRIGGER PENDING", order_type="SL"),
    )
    assert ids(trader.list(**query)) == found


@pytest.mark.parametrize(
    "query",
    [
        {"status": "melted"},
        {"side": "HOLD"},
        {"day": "yesterday"},
        {"day": "9999-12-31"},
        {"day": "0001-01-01"},
        {"instrument": "ACME"},
        {"limit": "0"},
        {"limit": "1001"},
        {"symbol": "A\0"},
        {"is_reported": "perhaps"},
    ],
)
def test_what_cannot_be_meant_is_refused(trader: Caller, query: dict[str, str]):
    answer = trader.list(**query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == next(iter(query))


def test_a_day_is_the_exchanges(trader: Caller, account: TradingAccount):
    # 23:59 and 00:01 in India, which is one day in UTC.
    late, early = later(13.98 * 3600), later(14.02 * 3600)
    report(account, reported("1", placed_at=late), reported("2", placed_at=early))
    assert ids(trader.list(day="2026-01-05")) == ["1"]
    assert ids(trader.list(day="2026-01-06")) == ["2"]


def test_pages_are_not_shifted_by_new_orders(trader: Caller, account: TradingAccount):
    first = [reported(str(number)) for number in range(1, 6)]
    report(account, *first)
    page = trader.list(limit=2, status="working")
    assert ids(page) == ["5", "4"]
    report(account, *first, reported("6"), at=later(1))

    older = trader.follow(page.json()["next"])
    assert ids(older) == ["3", "2"]
    assert ids(trader.follow(older.json()["next"])) == ["1"]
    assert ids(trader.follow(older.json()["previous"])) == ["5", "4"]
    for forged in ("cD1hYmM=", "cD0tMQ==", "x", "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5"):
        assert trader.list(cursor=forged).status_code == 404


def test_an_order_has_every_step_of_it(trader: Caller, account: TradingAccount):
    report(account, reported("a b/c"))
    report(account, reported("7", "TRIGGER PENDING"), at=later(1))
    report(account, reported("7"), at=later(2))
    report(account, reported("7", filled_quantity=40, average_price=49), at=later(3))
    report(
        account,
        reported("7", "CANCELLED", filled_quantity=40, status_message="by you"),
        at=later(4),
    )

    body = trader.order("7").json()

    assert body["order"]["status"] == "canceled"
    steps = [
        (one["status_before"], one["status_after"], one["filled_after"])
        for one in body["changes"]
    ]
    assert steps == [
        (None, "waiting", 0),
        ("waiting", "open", 0),
        ("open", "open", 40),
        ("open", "canceled", 40),
    ]
    assert body["changes"][2]["average_price_after"] == "49.000000"
    assert body["changes"][3]["status_message"] == "by you"
    assert trader.order("8").status_code == 404
    assert trader.order("\0").status_code == 404


def test_the_place_leads_on_from_what_was_told(trader: Caller, account: TradingAccount):
    report(account, reported("1"))
    place = trader.list().json()["stream"]
    report(account, reported("1", filled_quantity=10), at=later(1))

    events = journal.since(stream_of(account.pk), place["epoch"], place["seq"])

    assert isinstance(events, list)
    assert [one.event["order"]["filled_quantity"] for one in events] == [10]


def test_many_orders_take_as_many_queries_as_one(
    trader: Caller,
    account: TradingAccount,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    make_instrument("ACME")
    report(account, reported("1"))
    trader.list()
    with django_assert_num_queries(6):
        trader.list()
    report(account, *[reported(str(number)) for number in range(80)], at=later(1))
    with django_assert_num_queries(6):
        assert trader.list().json()["count"] == 80
    with django_assert_num_queries(7):
        trader.order("7")
