"""What the tests of the simulator are given."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from redis import Redis

from marketdata.simulator.simulation import Simulation
from tests.simulator.builders import advance, make_simulation


@pytest.fixture
def stream(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the name of a stream of two shards that nobody else uses."""
    name = f"{settings.TICK_STREAM}:{request.node.name}"
    with Redis.from_url(settings.REDIS_URL) as redis:
        yield name
        redis.delete(f"{name}:0", f"{name}:1")


@pytest.fixture
def simulation() -> Simulation:
    """Give a market that has traded for 200 ticks."""
    made = make_simulation(rate=100.0)
    advance(made, 200)
    return made
