import asyncio
import csv
import io
from typing import Any

import httpx
import pytest

from marketdata.simulator.http.app import Application
from marketdata.simulator.simulation import Simulation
from tests.simulator.builders import MONDAY

# The field names of Kite's own example answers.
POSITION = (
    "tradingsymbol exchange instrument_token product quantity overnight_quantity "
    "multiplier average_price close_price last_price value pnl m2m unrealised realised "
    "buy_quantity buy_price buy_value buy_m2m sell_quantity sell_price sell_value "
    "sell_m2m day_buy_quantity day_buy_price day_buy_value day_sell_quantity "
    "day_sell_price day_sell_value"
)
ORDER = (
    "placed_by order_id exchange_order_id parent_order_id status status_message "
    "status_message_raw order_timestamp exchange_update_timestamp exchange_timestamp "
    "variety modified exchange tradingsymbol instrument_token order_type "
    "transaction_type validity product quantity disclosed_quantity price trigger_price "
    "average_price filled_quantity pending_quantity cancelled_quantity "
    "market_protection meta tag guid"
)
HOLDING = (
    "tradingsymbol exchange instrument_token isin product price quantity used_quantity "
    "t1_quantity realised_quantity authorised_quantity authorised_date authorisation "
    "opening_quantity short_quantity collateral_quantity collateral_type discrepancy "
    "average_price last_price close_price pnl day_change day_change_percentage"
)
QUOTE = (
    "instrument_token timestamp last_trade_time last_price last_quantity buy_quantity "
    "sell_quantity volume average_price oi oi_day_high oi_day_low net_change "
    "lower_circuit_limit upper_circuit_limit ohlc depth"
)
FUNDS = "enabled net available utilised"
CANDLE = "date open high low close volume oi iv delta gamma theta vega underlying"
BUY = {
    "exchange": "DEMO",
    "tradingsymbol": "NIFTY26NOVFUT",
    "transaction_type": "BUY",
    "order_type": "MARKET",
    "product": "NRML",
    "quantity": 65,
    "account_id": "alice",
}


@pytest.fixture
async def ticker(simulation: Simulation):
    transport = httpx.ASGITransport(Application(simulation))
    async with httpx.AsyncClient(transport=transport, base_url="http://ticker") as it:
        yield it


async def test_health_tells_of_the_stream(ticker: httpx.AsyncClient):
    body = (await ticker.get("/health")).json()
    assert (body["status"], body["environment"]) == ("ok", "simulation")
    assert body["ticker"]["instruments"] == 510


async def test_the_instrument_list_has_kites_columns(ticker: httpx.AsyncClient):
    answer = await ticker.get("/instruments")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert ",".join(rows[0]) == (
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,"
        "tick_size,lot_size,instrument_type,segment,exchange"
    )
    assert {row["segment"] for row in rows} == {
        "INDICES", "DEMO", "DEMO-FUT", "DEMO-OPT",
    }  # fmt: skip
    for row in rows:
        assert int(row["instrument_token"]) // 256 == int(row["exchange_token"])


async def test_a_quote_has_kites_fields_and_unknown_keys_are_absent(
    ticker: httpx.AsyncClient,
):
    params = {"i": ["DEMO:NIFTY26NOVFUT", "DEMO:NOPE"]}
    data = (await ticker.get("/quote", params=params)).json()["data"]
    assert list(data) == ["DEMO:NIFTY26NOVFUT"]
    assert set(data["DEMO:NIFTY26NOVFUT"]) == set(QUOTE.split())


async def test_history_has_the_ticker_services_shape(
    ticker: httpx.AsyncClient, simulation: Simulation
):
    option = simulation.prices.contract_named("DEMO", "NIFTY26D0124000PE")
    params = {
        "instrument_token": option.token,
        "from_ts": int(MONDAY) - 600,
        "to_ts": int(MONDAY) - 60,
        "oi": 1,
    }
    body = (await ticker.get("/history", params=params)).json()
    assert body["tradingsymbol"] == "NIFTY26D0124000PE"
    assert len(body["candles"]) == 10
    assert set(body["candles"][0]) == set(CANDLE.split())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"from_ts": MONDAY + 60}, "after the to date"),
        ({"from_ts": MONDAY - 61 * 86_400}, "max limit: 60 days"),
        ({"from_ts": "yesterday"}, "neither seconds nor ISO"),
        ({"from_ts": "inf"}, "invalid from_ts"),
        ({"interval": "day"}, "only minute candles"),
        ({"instrument_token": "x"}, "is not a number"),
        ({"instrument_token": 1}, "Unknown instrument token"),
    ],
)
async def test_a_bad_history_request_is_refused(
    ticker: httpx.AsyncClient, changes: dict[str, Any], message: str
):
    params = {"instrument_token": 256265, "from_ts": MONDAY - 60, "to_ts": MONDAY}
    answer = await ticker.get("/history", params=params | changes)
    body = answer.json()
    assert answer.status_code in (400, 404)
    assert (body["status"], body["error_type"]) == ("error", "InputException")
    assert message in body["message"]


async def test_the_same_order_within_five_minutes_is_the_same_task(
    ticker: httpx.AsyncClient,
):
    first = await ticker.post("/orders/place", json=BUY)
    second = await ticker.post("/orders/place", json=BUY)
    assert first.status_code == 201
    assert first.json() == second.json()
    task = (await ticker.get(f"/orders/tasks/{first.json()['task_id']}")).json()
    assert task["result"]["order_id"] == first.json()["order_id"]
    orders = (await ticker.get("/orders/", params={"account_id": "alice"})).json()
    assert [order["order_id"] for order in orders] == [first.json()["order_id"]]


async def test_portfolio_and_orders_have_kites_fields(ticker: httpx.AsyncClient):
    await ticker.post("/orders/place", json=BUY)
    alice = {"account_id": "alice"}
    positions = (await ticker.get("/portfolio/positions", params=alice)).json()
    orders = (await ticker.get("/orders/", params=alice)).json()
    holdings = (await ticker.get("/portfolio/holdings", params=alice)).json()
    assert set(positions) == {"net", "day"}
    assert set(positions["net"][0]) == set(POSITION.split())
    assert set(orders[0]) == {*ORDER.split(), "account_id"}
    assert set(holdings[0]) == set(HOLDING.split())


async def test_funds_fall_by_what_a_position_needs(ticker: httpx.AsyncClient):
    alice = {"account_id": "alice"}
    before = (await ticker.get("/account/margins", params=alice)).json()["equity"]
    await ticker.post("/orders/place", json=BUY)
    after = (await ticker.get("/account/margins", params=alice)).json()["equity"]
    assert set(after) == set(FUNDS.split())
    assert after["net"] < before["net"] == 5_000_000
    assert after["utilised"]["span"] > 0


async def test_an_order_is_modified_and_cancelled_with_the_right_methods(
    ticker: httpx.AsyncClient,
):
    order = BUY | {"order_type": "LIMIT", "price": 22_000.0}
    placed = (await ticker.post("/orders/place", json=order)).json()
    change = {"account_id": "alice", "order_id": placed["order_id"], "price": 22_100.0}
    assert (await ticker.put("/orders/modify", json=change)).status_code == 200
    assert (await ticker.post("/orders/cancel", json=change)).status_code == 405
    gone = await ticker.request("DELETE", "/orders/cancel", params=change)
    assert gone.json()["status"] == "CANCELLED"


async def test_a_batch_is_taken_back_when_one_order_fails(ticker: httpx.AsyncClient):
    good = BUY | {"order_type": "LIMIT", "price": 22_000.0}
    bad = BUY | {"tradingsymbol": "NOPE"}
    batch = {"account_id": "alice", "orders": [good, bad], "rollback_on_failure": True}
    body = (await ticker.post("/advanced/batch-orders", json=batch)).json()
    assert (body["success"], body["succeeded"], body["failed"]) == (False, 0, 2)
    orders = (await ticker.get("/orders/", params={"account_id": "alice"})).json()
    assert [order["status"] for order in orders] == ["CANCELLED"]


async def test_margins_are_told_singly_and_together(ticker: httpx.AsyncClient):
    sell = BUY | {"tradingsymbol": "NIFTY26D0124000CE", "transaction_type": "SELL"}
    buy = BUY | {"tradingsymbol": "NIFTY26D0124500CE"}
    rows = (await ticker.post("/orders/margins", json=[sell, buy])).json()
    basket = (await ticker.post("/orders/margins/basket", json=[sell, buy])).json()
    assert rows == basket["orders"]
    assert basket["final"]["span"] < basket["initial"]["span"]
    assert rows[1]["total"] == rows[1]["option_premium"] > 0


async def test_subscriptions_are_counted(ticker: httpx.AsyncClient):
    wish = {"instrument_token": 256265, "requested_mode": "full", "account_id": "alice"}
    for count in (1, 2):
        answer = await ticker.post("/subscriptions", json=wish)
        assert answer.status_code == 201
        assert answer.json()["subscriber_count"] == count
    for status in ("active", "inactive"):
        gone = await ticker.delete("/subscriptions/256265")
        assert gone.json()["status"] == status
    assert (await ticker.delete("/subscriptions/256265")).status_code == 404


async def test_faults_come_when_asked_for_and_go(ticker: httpx.AsyncClient):
    await ticker.post("/faults", json={"status": 503, "path": "/history"})
    assert (await ticker.get("/history")).status_code == 503
    assert (await ticker.get("/health")).status_code == 200
    await ticker.delete("/faults")
    assert (await ticker.get("/history")).status_code == 400
    assert (await ticker.post("/faults", json={"colour": 1})).status_code == 400


async def test_a_hanging_answer_outlasts_its_caller(ticker: httpx.AsyncClient):
    await ticker.post("/faults", json={"hang": True})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await ticker.get("/health")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere", b"", 404),
        ("POST", "/orders/place", b"{", 400),
        ("POST", "/orders/place", b"[]", 400),
        ("POST", "/orders/margins", b'{"orders": 3}', 400),
        ("POST", "/orders/place", b" " * 2**20 + b"{}", 413),
        ("POST", "/subscriptions", b'{"instrument_token": null}', 400),
        ("GET", "/quote", b"", 400),
    ],
    ids=["path", "json", "object", "rows", "size", "token", "keys"],
)
async def test_bad_input_is_an_error_in_kites_shape(
    ticker: httpx.AsyncClient, method: str, path: str, body: bytes, status: int
):
    answer = await ticker.request(method, path, content=body)
    assert answer.status_code == status
    assert set(answer.json()) == {"status", "message", "error_type", "data"}
