import asyncio
import contextlib
from typing import Any

import orjson
import pytest

from marketdata.simulator.simulation import Simulation
from tests.simulator.builders import advance, make_simulation

BUY = {
    "exchange": "DEMO",
    "tradingsymbol": "NIFTY26NOVFUT",
    "transaction_type": "BUY",
    "product": "NRML",
    "quantity": 65,
}


class Caller:
    """One socket, seen from the caller's end."""

    def __init__(self, simulation: Simulation, account_id: str) -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[Any] = asyncio.Queue()
        self._feed = simulation.order_feed
        self._path = f"/advanced/ws/orders/{account_id}"

    @contextlib.asynccontextmanager
    async def connected(self):
        scope = {"type": "websocket", "path": self._path}
        await self._incoming.put({"type": "websocket.connect"})
        serving = asyncio.create_task(
            self._feed.serve(scope, self._incoming.get, self._outgoing.put)
        )
        try:
            yield self
        finally:
            await self._incoming.put({"type": "websocket.disconnect"})
            await asyncio.wait_for(serving, 5)

    async def say(self, text: str) -> None:
        await self._incoming.put({"type": "websocket.receive", "text": text})

    async def hear(self) -> Any:
        message = await asyncio.wait_for(self._outgoing.get(), 5)
        if message["type"] != "websocket.send":
            return message.get("code", message["type"])
        text = message["text"]
        return orjson.loads(text) if text.startswith("{") else text


@pytest.fixture
def simulation():
    made = make_simulation()
    advance(made, 100)
    return made


async def greeted(caller: Caller) -> list[str]:
    await caller.hear()
    await caller.say('{"type": "auth", "api_key": "key-of-alice"}')
    return [(await caller.hear())["type"] for _ in range(2)]


async def test_orders_are_told_to_their_account_only(simulation: Simulation):
    alice, bob = Caller(simulation, "alice"), Caller(simulation, "bob")
    async with alice.connected(), bob.connected():
        assert await greeted(alice) == ["authenticated", "connected"]
        await greeted(bob)
        simulation.broker.place("alice", BUY)
        statuses = [(await alice.hear())["data"]["status"] for _ in range(2)]
        await bob.say("ping")
        assert await bob.hear() == "pong"
    assert statuses == ["OPEN", "COMPLETE"]


@pytest.mark.parametrize(
    "first", ['{"type": "auth"}', "{", "[]", '{"type": "hello", "api_key": "x"}']
)
async def test_who_does_not_authenticate_is_sent_away(
    simulation: Simulation, first: str
):
    caller = Caller(simulation, "alice")
    async with caller.connected():
        assert await caller.hear() == "websocket.accept"
        await caller.say(first)
        assert (await caller.hear())["type"] == "error"
        assert await caller.hear() == 4401


async def test_a_listener_that_leaves_is_forgotten(simulation: Simulation):
    caller = Caller(simulation, "alice")
    async with caller.connected():
        await greeted(caller)
    simulation.broker.place("alice", BUY)
    assert caller._outgoing.empty()
