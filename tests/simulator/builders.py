"""Simulations without servers: a market, its feed, and the books behind its doors."""

import os
from pathlib import Path
from typing import Any

from marketdata.simulator.live import LiveFeed
from marketdata.simulator.market import Market
from marketdata.simulator.options import Options
from marketdata.simulator.server import built
from marketdata.simulator.simulation import Simulation
from marketdata.simulator.ticks import Feed, Tick
from marketdata.simulator.truth import TruthFile

# Monday 23 Nov 2026, 10:00 IST: the day before an expiry.
MONDAY = 1_795_408_200.0
NOBODY = "redis://127.0.0.1:1/0"


def live_feed(seed: int = 7, *, step_s: float = 0.01) -> LiveFeed:
    market = Market(seed, "DEMO")
    return LiveFeed(market, opened_at=MONDAY, step_s=step_s, with_depth=True)


def taken(feed: Feed, count: int) -> list[Tick]:
    return feed.take(MONDAY + 1e9, count)


def make_simulation(**choices: Any) -> Simulation:
    defaults: dict[str, Any] = {
        "redis_url": NOBODY,
        "start": MONDAY,
        "seed": 7,
        "rate": 1000.0,
    }
    return built(Options(**(defaults | choices)), TruthFile(None))


def advance(simulation: Simulation, ticks: int) -> None:
    """Show the next ticks to the books, as the publisher would."""
    for tick in taken(simulation.prices.feed, ticks):
        simulation.publisher.progress.stream_at = tick.at
        simulation.prices.candles.add(tick)
        simulation.broker.on_tick(tick)


def shared_data() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("TRADINGSITE_SHARED_DATA") or beside)
