"""The broker adapters, asked over real HTTP: shapes, errors, limits, secrets."""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from accounts.brokers import (
    BrokerBusy,
    BrokerLogInNeeded,
    BrokerNeedsHuman,
    BrokerRefused,
    BrokerTimedOut,
    BrokerUnavailable,
    BrokerUnreadable,
    Deadline,
    broker_of,
    calling,
)
from accounts.brokers.kite import KiteBroker, log_in
from accounts.brokers.payloads import moment
from accounts.brokers.ticker import TickerBroker
from accounts.models import TradingAccount
from tests.accounts.broker_server import BrokerServer, broker_server
from tests.marketdata.ticker_process import simulating
from tests.simulator.builders import shared_data

MOCKS = Path(__file__).resolve().parent.parent / "data" / "kite"
CREDENTIALS = {"api_key": "key1", "api_secret": "s3cret", "access_token": "t0ken"}


@pytest.fixture
def server() -> Iterator[BrokerServer]:
    with broker_server() as it:
        it.says("/portfolio/positions", (MOCKS / "positions.json").read_bytes())
        it.says("/portfolio/holdings", (MOCKS / "holdings.json").read_bytes())
        it.says("/user/margins", (MOCKS / "margins.json").read_bytes())
        it.says("/session/token", (MOCKS / "generate_session.json").read_bytes())
        yield it


@pytest.fixture
def kite(server: BrokerServer) -> KiteBroker:
    return KiteBroker(server.url, CREDENTIALS)


@contextlib.contextmanager
def forgotten(url: str) -> Iterator[None]:
    yield
    calling.forget(url)


def soon() -> Deadline:
    return Deadline(20)


def error_body(error_type: str, message: str = "No.") -> str:
    return json.dumps(
        {"status": "error", "error_type": error_type, "message": message, "data": None}
    )


def test_kites_positions_are_read_exactly(kite: KiteBroker):
    lead, gold, sbin = kite.positions(soon())

    # One lot of a thousand kilograms is a thousand units.
    assert (lead.quantity, lead.multiplier) == (1000, 1000)
    assert (lead.average_price, lead.value) == (Decimal("161.05"), Decimal(-161050))
    assert (gold.quantity, gold.overnight_quantity) == (0, 3)
    assert (sbin.exchange, sbin.product) == ("NSE", "CO")
    assert sbin.close_price is None


def test_kites_results_follow_from_what_is_kept(kite: KiteBroker):
    told = json.loads((MOCKS / "positions.json").read_bytes())["data"]["net"]
    for row, one in zip(told, kite.positions(soon()), strict=True):
        assert one.last_price is not None
        worth = one.quantity * one.last_price
        assert one.value + worth == Decimal(str(row["pnl"]))
        assert one.day_value + worth == Decimal(str(row["m2m"]))


def test_kites_holdings_are_read_exactly(kite: KiteBroker):
    holdings = {one.symbol: one for one in kite.holdings(soon())}

    sbin = holdings["SBIN"]
    assert (sbin.exchange, sbin.isin, sbin.quantity) == ("BSE", "INE062A01020", 16)
    assert sbin.average_price == Decimal("801.78125")


def test_kites_margins_are_read_from_their_text(kite: KiteBroker):
    equity, commodity = kite.balances(soon())

    assert (equity.segment, commodity.segment) == ("equity", "commodity")
    assert equity.net == Decimal("99725.05000000002")
    assert (equity.cash, equity.used) == (Decimal("245431.6"), Decimal("145706.55"))
    assert (equity.span, equity.exposure) == (Decimal(101989), Decimal("38981.25"))


@pytest.mark.skipif(
    not (shared_data() / "kiteconnect-mocks").exists(),
    reason="the whole set of mocks is not here",
)
def test_the_other_mocks_are_read_too(server: BrokerServer, kite: KiteBroker):
    mocks = shared_data() / "kiteconnect-mocks"
    server.says("/orders", (mocks / "orders.json").read_bytes())
    server.says("/user/profile", (mocks / "profile.json").read_bytes())

    orders = kite.orders(soon())

    assert (orders[0].order_id, orders[0].status) == ("100000000000000", "CANCELLED")
    assert orders[0].placed_at is not None
    assert orders[0].placed_at.isoformat() == "2021-05-31T09:18:57+05:30"
    assert kite.client_id(soon()) == "AB1234"


def test_kite_is_told_who_asks_in_the_header_alone(
    server: BrokerServer, kite: KiteBroker
):
    kite.positions(soon())

    asked = server.asked[0]
    assert asked.headers["Authorization"] == "token key1:t0ken"
    assert asked.headers["X-Kite-Version"] == "3"
    assert asked.query == {}


def test_a_log_in_proves_the_secret_without_sending_it(server: BrokerServer):
    session = log_in(server.url, CREDENTIALS, "request1", soon())

    form = server.asked[0].form
    proof = hashlib.sha256(b"key1request1s3cret").hexdigest()
    assert form == {
        "api_key": ["key1"],
        "request_token": ["request1"],
        "checksum": [proof],
    }
    assert (session.user_id, session.access_token) == ("XX0000", "XXXXXX")
    assert "XXXXXX" not in repr(session)


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (403, error_body("TokenException"), BrokerLogInNeeded, "broker_log_in_needed"),
        (400, error_body("TokenException"), BrokerLogInNeeded, "broker_log_in_needed"),
        (403, "", BrokerLogInNeeded, "broker_log_in_needed"),
        (403, error_body("PermissionException"), BrokerRefused, "broker_refused"),
        (400, error_body("InputException"), BrokerRefused, "broker_refused"),
        (503, error_body("NetworkException"), BrokerUnavailable, "broker_unavailable"),
        (400, error_body("NetworkException"), BrokerUnavailable, "broker_unavailable"),
        (500, error_body("GeneralException"), BrokerUnavailable, "broker_unavailable"),
        (502, "<html>Bad gateway</html>", BrokerUnavailable, "broker_unavailable"),
        (429, error_body("NetworkException"), BrokerBusy, "broker_busy"),
        (200, "<html>Sign in to the network</html>", BrokerUnavailable, None),
        (200, '{"status":"success","data":{"ne', BrokerUnavailable, None),
        (200, '{"status":"success","data":{}}', BrokerUnreadable, None),
        (200, '{"status":"success"}', BrokerUnreadable, None),
        (200, "[]", BrokerUnreadable, None),
    ],
)
def test_kites_errors_are_for_now_or_need_somebody(
    server: BrokerServer,
    kite: KiteBroker,
    status: int,
    body: str,
    error: type[Exception],
    code: str | None,
):
    server.says("/portfolio/positions", body, status)

    with pytest.raises((BrokerUnavailable, BrokerNeedsHuman)) as caught:
        kite.positions(soon())

    assert type(caught.value) is error
    assert code in {None, caught.value.code}
    for secret in ("t0ken", "s3cret"):
        assert secret not in f"{caught.value!r} {caught.value} {kite!r} {vars(kite)}"


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 1.5},
        {"quantity": "1"},
        {"quantity": 2**60},
        {"multiplier": 0},
        {"tradingsymbol": ""},
        {"tradingsymbol": "X" * 65},
        {"value": 1e14},
        {"value": "NaN"},
        {"average_price": None},
        {"product": None},
    ],
)
def test_one_odd_row_refuses_the_whole_answer(
    server: BrokerServer, kite: KiteBroker, change: dict[str, Any]
):
    body = json.loads((MOCKS / "positions.json").read_bytes())
    body["data"]["net"][1].update(change)
    server.says("/portfolio/positions", json.dumps(body))

    with pytest.raises(BrokerUnreadable):
        kite.positions(soon())


def test_kite_without_a_token_asks_for_a_log_in(settings: Any):
    account = TradingAccount(broker=TradingAccount.Broker.KITE)
    with pytest.raises(BrokerLogInNeeded):
        broker_of(account, {"api_key": "key1"})


def test_a_read_is_tried_twice_and_a_log_in_once(
    server: BrokerServer, kite: KiteBroker
):
    for path in ("/portfolio/positions", "/session/token"):
        server.says(path, "", 502)

    with pytest.raises(BrokerUnavailable):
        kite.positions(soon())
    with pytest.raises(BrokerUnavailable):
        log_in(server.url, CREDENTIALS, "request1", soon())

    assert server.paths() == ["/portfolio/positions"] * 2 + ["/session/token"]


def test_what_needs_somebody_is_not_tried_again(server: BrokerServer, kite: KiteBroker):
    server.says("/portfolio/positions", error_body("TokenException"), 403)
    for _ in range(6):
        with pytest.raises(BrokerLogInNeeded):
            kite.positions(soon())
    # Nor does it open the breaker: the other side is well.
    assert len(server.asked) == 6


def test_one_hang_ends_in_time_and_opens_the_breaker_of_its_family(
    server: BrokerServer, kite: KiteBroker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(calling, "CALL_S", 0.2)
    server.hangs("/portfolio/positions")

    with pytest.raises(BrokerTimedOut):
        kite.positions(soon())
    with pytest.raises(BrokerUnavailable, match="asked again in a moment") as caught:
        kite.holdings(soon())

    assert server.paths() == ["/portfolio/positions"]
    assert caught.value.retry_after_s > 0
    assert len(kite.balances(soon())) == 2


def test_a_body_that_drips_is_cut_off(
    server: BrokerServer, kite: KiteBroker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(calling, "CALL_S", 0.3)
    server.drips("/portfolio/positions", b" " * 500, every_s=0.05)
    with pytest.raises(BrokerTimedOut):
        kite.positions(soon())


def test_a_body_without_end_is_cut_off(
    server: BrokerServer, kite: KiteBroker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(calling, "MOST_BYTES", 1000)
    with pytest.raises(BrokerUnreadable, match="too large"):
        kite.positions(soon())


def test_no_time_left_means_no_call(server: BrokerServer, kite: KiteBroker):
    with pytest.raises(BrokerTimedOut):
        kite.positions(Deadline(0))
    assert server.asked == []


@pytest.mark.django_db
def test_a_broker_is_never_called_inside_a_transaction(
    server: BrokerServer, kite: KiteBroker
):
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        kite.positions(soon())
    assert server.asked == []
    assert len(kite.positions(soon())) == 3


def test_the_second_address_is_asked_when_the_first_is_away(server: BrokerServer):
    body = json.loads((MOCKS / "positions.json").read_bytes())["data"]
    server.says("/portfolio/positions", json.dumps(body))
    broker = TickerBroker(["http://127.0.0.1:1", server.url], "DEMO01")

    with forgotten("http://127.0.0.1:1"):
        assert len(broker.positions(soon())) == 3
    assert server.asked[0].query == {"account_id": ["DEMO01"]}


def test_without_an_address_the_paper_broker_is_away():
    with pytest.raises(BrokerUnavailable):
        TickerBroker([], "DEMO01").positions(soon())


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, BrokerBusy), (500, BrokerUnavailable), (404, BrokerRefused)],
)
def test_the_ticker_services_errors(
    server: BrokerServer, status: int, error: type[Exception]
):
    server.says("/account/margins", "{}", status)
    with pytest.raises(error) as caught:
        TickerBroker([server.url], "DEMO01").balances(soon())
    assert type(caught.value) is error


@pytest.mark.xdist_group("simulator")
def test_the_simulator_is_asked_for_everything(tmp_path: Path):
    with simulating(tmp_path) as simulator, forgotten(simulator.url):
        broker = TickerBroker([simulator.url], "alice")
        assert [one.segment for one in broker.balances(soon())] == [
            "equity",
            "commodity",
        ]
        assert {one.symbol for one in broker.holdings(soon())} >= {"INFY", "ITC"}
        assert list(broker.positions(soon())) == []
        assert list(broker.orders(soon())) == []
        assert broker.client_id(soon()) == "alice"


@pytest.mark.parametrize(
    "text", [None, "", "0001-01-01 00:00:00", "0001-01-01T00:00:00Z"]
)
def test_a_time_that_a_broker_has_not_is_none(text: str | None):
    assert moment(text) is None


@pytest.mark.parametrize("text", ["soon", "1899-12-31 00:00:00", "9999-12-31 23:59:59"])
def test_a_time_that_cannot_be_meant_is_refused(text: str):
    with pytest.raises(BrokerUnreadable):
        moment(text)
