"""The journey of a tick: from the moment it is made to the frame that a client has.

The ingestor and the web process run as ``make run`` starts them; ticks are made at a
steady rate, stamped with the wall clock, and one client follows all instruments.
"""

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import Iterator

import redis.asyncio
from websockets.asyncio.client import ClientConnection, connect

from bench import children, ticks
from bench.children import Child
from bench.ground import Ground
from bench.machine import Machine
from bench.report import Figure, at_most
from tradingsite.embedded.ports import LOOPBACK, free_port
from tradingsite.management import processes

RATE = 2000
STEP_S = 0.005
SECONDS = 5.0
# What the first second teaches is about starting.
WARM_S = 2.0
READY_WITHIN_S = 60


def figures(ground: Ground, machine: Machine, rounds: int) -> list[Figure]:
    """Return the middle and the slowest hundredth of the journeys, in milliseconds."""
    made = children.run(
        children.module("bench.market", "streams"), ground.environment()
    )
    api_key = json.loads(made)["api_key"]
    cuts = []
    with _serving(ground, machine) as port:
        for _ in range(rounds):
            waits_ms = asyncio.run(_travel(ground, port, api_key))
            cuts.append(statistics.quantiles(waits_ms, n=100))
    how = f"{RATE} ticks/s, {ticks.INSTRUMENTS} instruments"
    what = "streams, tick to client"
    return [
        at_most(f"{what} p50", tuple(cut[49] for cut in cuts), "ms", how, 50),
        at_most(f"{what} p99", tuple(cut[98] for cut in cuts), "ms", how, 250),
    ]


@contextlib.contextmanager
def _serving(ground: Ground, machine: Machine) -> Iterator[int]:
    port = free_port()
    environment = ground.environment(TRADINGSITE_PROCESS="web", WEB_PROCESSES="1")
    command = processes.web(processes.Addresses(LOOPBACK, port, simulator_port=0))
    with (
        Child(processes.manage("ingest_ticks"), ground.environment()),
        Child(command, environment, machine) as web,
    ):
        deadline = time.monotonic() + READY_WITHIN_S
        while not processes.is_live(port):
            if time.monotonic() > deadline or not web.is_alive():
                raise web.failure("did not become ready")
            time.sleep(0.1)
        yield port


async def _travel(ground: Ground, port: int, api_key: str) -> list[float]:
    header = {"Authorization": f"Bearer {api_key}"}
    url = f"ws://{LOOPBACK}:{port}/ws/quotes"
    async with connect(url, additional_headers=header, compression=None) as client:
        keys = [f"DEMO:{one.symbol}" for one in ticks.plain(1).contracts]
        await client.send(json.dumps({"type": "subscribe", "keys": keys}))
        making = asyncio.create_task(_make_ticks(ground))
        try:
            return await _waits_ms(client)
        finally:
            making.cancel()


async def _waits_ms(client: ClientConnection) -> list[float]:
    """Return how old each price is when it arrives, once all is under way."""
    waits_ms: list[float] = []
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < WARM_S + SECONDS:
        async with asyncio.timeout(READY_WITHIN_S):
            said = json.loads(await client.recv())
        if said["type"] == "update" and passed > WARM_S:
            waits_ms.append(1000 * (time.time() - said["data"]["at"]))
    return waits_ms


async def _make_ticks(ground: Ground) -> None:
    """Make ticks in turn, as many in each step as the rate wants."""
    contracts = ticks.plain(1).contracts
    made, begun = 0, time.monotonic()
    async with redis.asyncio.from_url(ground.redis_url) as client:
        while True:
            pipeline = client.pipeline(transaction=False)
            due = int((time.monotonic() - begun) * RATE)
            for number in range(made, due):
                contract = contracts[number % len(contracts)]
                tick = {
                    "symbol": contract.symbol,
                    "token": contract.token,
                    "price": 100 + number % 97 / 20,
                    "volume": number,
                    "ts": time.time(),
                }
                pipeline.xadd(
                    f"{ground.prefix}:ticks:0",
                    {"d": json.dumps(tick)},
                    maxlen=50_000,
                    approximate=True,
                )
            pipeline.xadd(f"{ground.prefix}:ticks:0", {"h": f"{time.time():.3f}"})
            made = max(made, due)
            await pipeline.execute()
            await asyncio.sleep(STEP_S)
