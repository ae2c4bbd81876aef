"""What the demo's clients hold from yesterday."""

from typing import Any

import httpx
import pytest

from marketdata.simulator.http.app import Application
from marketdata.simulator.simulation import Simulation
from tests.simulator.builders import make_simulation


async def rows_of(simulation: Simulation, account_id: str) -> list[dict[str, Any]]:
    transport = httpx.ASGITransport(Application(simulation))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as ticker:
        query = {"account_id": account_id}
        answer = await ticker.get("/portfolio/positions", params=query)
    rows: list[dict[str, Any]] = answer.json()["net"]
    return rows


async def test_a_demo_client_opens_with_positions_and_others_do_not(
    simulation: Simulation,
):
    rows = await rows_of(simulation, "DEMO01")
    assert [row["quantity"] > 0 for row in rows] == [True, False, True, False, True]
    assert all(row["quantity"] == row["overnight_quantity"] for row in rows)
    assert len({row["tradingsymbol"] for row in rows}) == 5
    assert await rows_of(simulation, "alice") == []


async def test_results_follow_from_the_values_as_at_kite(simulation: Simulation):
    for row in await rows_of(simulation, "DEMO01"):
        worth = row["quantity"] * row["last_price"]
        day_value = row["sell_m2m"] - row["buy_m2m"]
        assert row["pnl"] == pytest.approx(row["value"] + worth, abs=0.02)
        assert row["m2m"] == pytest.approx(day_value + worth, abs=0.02)
        assert row["day_buy_quantity"] == row["day_sell_quantity"] == 0


async def test_a_restart_gives_the_same_positions():
    first = await rows_of(make_simulation(), "DEMO01")
    again = await rows_of(make_simulation(), "DEMO01")
    assert first == again


async def test_the_day_trades_on_what_stood_overnight(simulation: Simulation):
    future = (await rows_of(simulation, "DEMO01"))[0]
    simulation.broker.place(
        "DEMO01",
        {
            "exchange": future["exchange"],
            "tradingsymbol": future["tradingsymbol"],
            "transaction_type": "SELL",
            "order_type": "MARKET",
            "product": "NRML",
            "quantity": future["quantity"],
        },
    )
    row = (await rows_of(simulation, "DEMO01"))[0]
    assert (row["quantity"], row["overnight_quantity"]) == (0, future["quantity"])
    assert row["day_sell_quantity"] == future["quantity"]
    assert row["day_buy_quantity"] == 0
    assert row["m2m"] == pytest.approx(row["sell_m2m"] - row["buy_m2m"], abs=0.02)
