"""The contest of the history endpoints: the same questions, the same core, in turn."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench import children, report
from bench.ground import Ground
from bench.history import data, growth, load, servers, wrk
from bench.history.load import Measured
from bench.history.servers import Server
from bench.machine import Machine, cpu_seconds
from bench.report import Figure, ratios
from tradingsite.embedded.ports import LOOPBACK

CONNECTIONS = 16
SECONDS = 3
COMPARED_SYMBOLS = 5
# More questions than one process keeps answers to, asked in a circle.
VARIATIONS = 200
LIMIT = "constant bytes"
ORIGINAL, ORIGINAL_WHOLE = "original", "original + 4 middlewares"
ORIGINAL_CACHED = "original, cached bytes"
CACHED, FRAGMENTS, VIEW = "product, cached", "product, fragments", "product, the view"
FROM_REDIS, FROM_POSTGRES = "product, from Redis", "product, from PostgreSQL"
NAMES = (
    LIMIT, ORIGINAL, ORIGINAL_WHOLE, ORIGINAL_CACHED, CACHED, FRAGMENTS, FROM_REDIS,
    FROM_POSTGRES, VIEW,
)  # fmt: skip
# What is compared, and the least that is asked of it for 375 and for 5,000 bars.
COMPARED: tuple[tuple[str, str, Mapping[int, float]], ...] = (
    (CACHED, LIMIT, {375: 0.85, 5000: 0.85}),
    (CACHED, ORIGINAL_CACHED, {375: 3, 5000: 3}),
    (FRAGMENTS, ORIGINAL, {375: 5, 5000: 15}),
    (FRAGMENTS, ORIGINAL_WHOLE, {}),
    (FROM_REDIS, ORIGINAL, {}),
    (FROM_POSTGRES, ORIGINAL, {}),
    (VIEW, ORIGINAL, {}),
)

Results = dict[tuple[str, int], list["Result"]]
Servers = Mapping[str, Server]


@dataclass(frozen=True, slots=True)
class Result:
    """What one server did in one round."""

    per_second: float
    cpu_s: float
    p99_s: float


def run(ground: Ground, machine: Machine, rounds: int) -> list[Figure]:
    """Start the servers, see that they agree, load them in turn, report."""
    market = children.run(
        children.module("bench.market", "history"), servers.web(ground)
    )
    api_key = json.loads(market)["api_key"]
    with ground.connect() as connection:
        data.fill(connection)
    results: Results = {}
    for bars in data.RANGES:
        with contextlib.ExitStack() as stack:
            started = _started(stack, ground, machine, api_key, bars)
            agree(started, bars)
            _rounds(started, bars, rounds, results)
    return figures(results) + growth.figures(ground, machine, api_key, rounds)


def _started(
    stack: contextlib.ExitStack,
    ground: Ground,
    machine: Machine,
    api_key: str,
    bars: int,
) -> dict[str, Server]:
    kinds = {
        LIMIT: servers.LIMIT,
        ORIGINAL: servers.ORIGINAL,
        ORIGINAL_WHOLE: servers.ORIGINAL_WHOLE,
        ORIGINAL_CACHED: servers.ORIGINAL_CACHED,
        CACHED: servers.CACHED,
        FRAGMENTS: servers.FRAGMENTS,
        FROM_REDIS: servers.from_redis(bars),
        FROM_POSTGRES: servers.from_postgres(bars),
        VIEW: servers.VIEW,
    }
    return {
        name: stack.enter_context(servers.running(kind, ground, machine, api_key))
        for name, kind in kinds.items()
    }


def agree(started: Servers, bars: int) -> None:
    """Refuse to compare servers that do not answer the same bars."""
    for place in range(COMPARED_SYMBOLS):
        answers = {
            name: _bars(server.asked(server.paths(bars)[place]))
            for name, server in started.items()
            if name != LIMIT
        }
        first = answers[ORIGINAL]
        if len(first["t"]) != bars or any(a != first for a in answers.values()):
            raise AssertionError(f"The servers answer {bars} bars differently.")
    limit = started[LIMIT]
    prepared = limit.paths(bars)[0].replace("/history", "/prepare", 1)
    if _bars(limit.asked(prepared)) != _bars(
        started[ORIGINAL].asked(started[ORIGINAL].paths(bars)[0])
    ):
        raise AssertionError("The constant bytes are not those bars.")


def figures(results: Results) -> list[Figure]:
    """Return requests a second and CPU, and the product's as ratios to its peers."""
    found: list[Figure] = []
    for bars in data.RANGES:
        for name in NAMES:
            found += _own(name, bars, results[name, bars])
        for product, peer, targets in COMPARED:
            found += _compared(
                f"history {bars} bars, {product} / {peer}",
                results[product, bars],
                results[peer, bars],
                targets.get(bars),
            )
    return found


def _own(name: str, bars: int, results: list[Result]) -> list[Figure]:
    what = f"history {bars} bars, {name}"
    return [
        Figure(
            f"{what}: requests",
            tuple(one.per_second for one in results),
            "req/s",
            f"{CONNECTIONS} connections, uvicorn on one core",
        ),
        Figure(
            f"{what}: server CPU",
            tuple(one.cpu_s * 1000 for one in results),
            "ms/req",
            "/proc of the server process",
        ),
        Figure(
            f"{what}: p99",
            tuple(one.p99_s * 1000 for one in results),
            "ms",
            "at saturation",
        ),
    ]


def _compared(
    what: str, product: list[Result], peer: list[Result], target: float | None
) -> list[Figure]:
    how = "per round"
    return [
        Figure(
            f"{what}: requests",
            ratios([p.per_second for p in product], [o.per_second for o in peer]),
            "x",
            how,
            target,
        ),
        Figure(
            f"{what}: CPU saved",
            ratios([o.cpu_s for o in peer], [p.cpu_s for p in product]),
            "x",
            how,
        ),
    ]


def _rounds(started: Servers, bars: int, rounds: int, results: Results) -> None:
    for server in started.values():
        _loaded(server, bars, 1)
    for _ in range(rounds):
        for name, server in started.items():
            result = measured(server, bars, SECONDS)
            results.setdefault((name, bars), []).append(result)
            report.progress(
                f"{name}, {bars} bars: {result.per_second:,.0f} requests/s, "
                f"{result.cpu_s * 1e6:,.0f} us CPU"
            )


def measured(server: Server, bars: int, seconds: int) -> Result:
    """Put it under load for ``seconds``."""
    before = cpu_seconds(server.child.pid)
    found = _loaded(server, bars, seconds)
    used_s = cpu_seconds(server.child.pid) - before
    return Result(found.per_second, used_s / found.requests, found.p99_s)


def _loaded(server: Server, bars: int, seconds: int) -> Measured:
    paths = server.paths(bars, VARIATIONS if server.kind.is_varied else 1)
    if wrk.is_installed():
        return wrk.run(
            server.port, paths, server.headers, connections=CONNECTIONS, seconds=seconds
        )
    headers = {"Host": f"{LOOPBACK}:{server.port}", **server.headers}
    requests = [load.request(path, headers) for path in paths]
    return load.run(server.port, requests, connections=CONNECTIONS, seconds=seconds)


def _bars(body: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(body)
    return {name: answer.get(name) for name in "stohlcv"}
