"""The contest of the hubs: the same messages to the same crowd, in turn."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench import children, report
from bench.children import Child
from bench.ground import Ground
from bench.machine import Machine, cpu_seconds
from bench.report import Figure, ratios
from bench.streams import lazy, serving, wire
from bench.streams.crowd import Crowd
from bench.streams.serving import Kind
from tradingsite.embedded.ports import LOOPBACK
from tradingsite.management import processes

SIZES = (500, 2000)
SECONDS = 3.0
WINDOW = 8
RATE = 10
RATE_SECONDS = 3.0
BATCH_MS = 10
# The crowd only listens; it would be given up for not answering.
NO_PINGS = ("--ws-ping-interval", "0")


@dataclass(frozen=True, slots=True)
class Result:
    """What one hub did in one round, for one size of the crowd."""

    cpu_us: float
    per_second: float
    p50_ms: float
    p99_ms: float
    delivered: float
    kib: float

    def __str__(self) -> str:
        return (
            f"{self.cpu_us:.1f} us, {self.per_second:,.0f}/s, p50 {self.p50_ms:.0f} ms,"
            f" p99 {self.p99_ms:.0f} ms, {self.delivered:.0%}, {self.kib:.0f} KiB"
        )


def _uvicorn(application: str) -> Callable[[int], list[str]]:
    def command(port: int) -> list[str]:
        return [
            *children.module("uvicorn", application),
            *("--host", LOOPBACK, "--port", str(port), "--no-access-log"),
            *("--loop", "uvloop", "--http", "httptools", "--log-level", "warning"),
            *("--ws-per-message-deflate", "false", *NO_PINGS),
        ]

    return command


def _product(port: int) -> list[str]:
    return [*_product_as_it_runs(port), *NO_PINGS]


def _product_as_it_runs(port: int) -> list[str]:
    """Return the command of the web process, with the bench's one stream in it."""
    command = processes.web(processes.Addresses(LOOPBACK, port, simulator_port=0))
    return [
        "bench.streams.product:application" if word.endswith(":application") else word
        for word in command
    ]


def _limit(port: int) -> list[str]:
    return children.module("bench.streams.limit", str(port))


def _hello(batch: str = "") -> bytes:
    keys = ",".join(f'"{key}"' for key in wire.KEYS)
    return f'{{"type":"subscribe","keys":[{keys}]{batch}}}'.encode()


SNAPSHOT = b'"type":"snapshot"'
LAYERS = _uvicorn("bench.streams.layers:application")
CORE = (("LAYER", "channels_redis.core.RedisChannelLayer"),)
LIMIT, ORIGINAL, PRODUCT, BATCHED = "limit", "original", "product", "product, batched"
PUBSUB_LAYER, CORE_LAYER = "Channels pub/sub layer", "Channels core layer"
KINDS: Mapping[str, Kind] = {
    LIMIT: Kind(_limit),
    ORIGINAL: Kind(_uvicorn("bench.streams.original:app")),
    PRODUCT: Kind(_product, _hello(), SNAPSHOT),
    BATCHED: Kind(_product, _hello(f',"batch_ms":{BATCH_MS}'), SNAPSHOT),
    PUBSUB_LAYER: Kind(LAYERS),
    CORE_LAYER: Kind(LAYERS, environment=CORE),
}
AS_IT_RUNS = Kind(_product_as_it_runs, _hello(), SNAPSHOT)
# What is compared by CPU, and the least that is asked of it.
COMPARED: tuple[tuple[str, str, Mapping[int, float]], ...] = (
    (PRODUCT, ORIGINAL, {500: 1.5, 2000: 1.5}),
    (PRODUCT, LIMIT, {500: 1 / 1.9, 2000: 1 / 1.9}),
    (PRODUCT, PUBSUB_LAYER, {500: 10, 2000: 10}),
    (PRODUCT, CORE_LAYER, {500: 10, 2000: 10}),
    (BATCHED, ORIGINAL, {500: 3}),
)
Results = dict[tuple[str, int], list[Result]]


def run(ground: Ground, machine: Machine, rounds: int) -> list[Figure]:
    """Let every hub tell every crowd the same, in turn."""
    results: Results = {}
    shared: dict[int, list[float]] = {}
    for size in SIZES:
        for _ in range(rounds):
            for name, kind in KINDS.items():
                result = measured(kind, ground, machine, size)
                results.setdefault((name, size), []).append(result)
                report.progress(f"{name}, {size}: {result}")
            cpu_us = in_two_processes(ground, machine, size)
            shared.setdefault(size, []).append(cpu_us)
            report.progress(f"two processes, {size}: {cpu_us:.1f} us")
    return figures(results) + figures_of_two(results, shared)


def beside_lazy(ground: Ground, machine: Machine, rounds: int) -> list[Figure]:
    """Tell one client that reads what it waits beside a thousand that do not."""
    return lazy.figures(ground, machine, rounds, AS_IT_RUNS)


def measured(kind: Kind, ground: Ground, machine: Machine, size: int) -> Result:
    """Gather the crowd, saturate the hub, then tell it ten messages a second."""
    with serving.started(kind, ground, machine) as (child, port):
        before = serving.resident_kib(child.pid)
        with gathered(kind, [port], size) as crowd:
            kib = (serving.resident_kib(child.pid) - before) / size
            cpu_us, per_second = _saturated([child], ground, crowd, size)
            waits_ms, delivered = _at_a_rate(ground, crowd, size)
    # Who is told nothing in time waits for ever.
    cuts = statistics.quantiles(waits_ms, n=100) if waits_ms else [float("inf")] * 99
    return Result(cpu_us, per_second, cuts[49], cuts[98], delivered, kib)


@contextlib.contextmanager
def gathered(kind: Kind, ports: Sequence[int], size: int) -> Iterator[Crowd]:
    """Gather a crowd of ``size`` and let it go with the block."""
    crowd = Crowd(ports)
    try:
        crowd.gather(size, kind.hello, kind.awaited)
        yield crowd
    finally:
        crowd.leave()


def in_two_processes(ground: Ground, machine: Machine, size: int) -> float:
    """Share the crowd out to two web processes; return the CPU us a message of both."""
    kind = KINDS[PRODUCT]
    with (
        serving.started(kind, ground, machine) as (first, port),
        serving.started(kind, ground, machine) as (second, other_port),
        gathered(kind, [port, other_port], size) as crowd,
    ):
        return _saturated([first, second], ground, crowd, size)[0]


def _saturated(
    servers: Sequence[Child], ground: Ground, crowd: Crowd, size: int
) -> tuple[float, float]:
    """Keep a few messages under way to all of them; return CPU us and rate."""
    with ground.redis() as client:
        channel = f"{ground.prefix}:stream:{wire.TOPIC}"

        def tell(seconds: float) -> None:
            start, first = time.monotonic(), crowd.delivered
            for count in range(1 << 30):
                client.publish(channel, wire.payload(next(crowd.numbers)))
                wanted = first + (count + 1 - WINDOW) * size
                crowd.hear(lambda wanted=wanted: crowd.delivered >= wanted)  # type: ignore[misc] # a default
                if time.monotonic() - start > seconds:
                    break
            crowd.hear(lambda: False, silence_s=0.5)

        tell(0.5)
        used, begun, told = _used(servers), time.monotonic(), crowd.delivered
        tell(SECONDS)
        used = _used(servers) - used
    count = max(1, crowd.delivered - told)
    return used / count * 1e6, count / (time.monotonic() - begun - 0.5)


def _used(servers: Sequence[Child]) -> float:
    return sum(cpu_seconds(server.pid) for server in servers)


def _at_a_rate(ground: Ground, crowd: Crowd, size: int) -> tuple[list[float], float]:
    """Tell ``RATE`` messages a second; return the waits in ms and the share heard."""
    messages = int(RATE * RATE_SECONDS)
    told = crowd.delivered
    with ground.redis() as client:
        begun = time.perf_counter()
        for place, number in zip(range(messages), crowd.numbers, strict=False):
            due = begun + place / RATE
            while time.perf_counter() < due:
                crowd.read(max(0.0, due - time.perf_counter()))
            crowd.sent_at[number] = time.time()
            client.publish(f"{ground.prefix}:stream:{wire.TOPIC}", wire.payload(number))
        crowd.hear(lambda: crowd.delivered - told >= messages * size, silence_s=1.0)
    waits_ms = [wait * 1000 for wait in crowd.waits_s]
    return waits_ms, (crowd.delivered - told) / (messages * size)


def figures(results: Results) -> list[Figure]:
    """Return cost, latency and memory of each, and the product's ratios."""
    found: list[Figure] = []
    for size in SIZES:
        for name in KINDS:
            found += _own(name, size, results[name, size])
        for product, peer, targets in COMPARED:
            found.append(
                Figure(
                    f"streams {size}, CPU {peer} / {product}",
                    ratios(
                        [one.cpu_us for one in results[peer, size]],
                        [one.cpu_us for one in results[product, size]],
                    ),
                    "x",
                    "per round",
                    targets.get(size),
                )
            )
    found.append(
        Figure(
            "streams 2000, p99 original / product",
            ratios(
                [one.p99_ms for one in results[ORIGINAL, 2000]],
                [one.p99_ms for one in results[PRODUCT, 2000]],
            ),
            "x",
            f"{RATE} messages/s to all",
            2.5,
        )
    )
    return found


def figures_of_two(results: Results, shared: Mapping[int, list[float]]) -> list[Figure]:
    """Return what a message costs in two processes, by what it costs in one."""
    return [
        Figure(
            f"streams {size}, CPU one process / two processes",
            ratios([one.cpu_us for one in results[PRODUCT, size]], of_both),
            "x",
            "the same crowd, shared out",
            1 / 1.1,
        )
        for size, of_both in shared.items()
    ]


def _own(name: str, size: int, results: list[Result]) -> list[Figure]:
    what = f"streams {size}, {name}"
    return [
        Figure(
            f"{what}: CPU",
            tuple(one.cpu_us for one in results),
            "us/message",
            "delivered; /proc of the server",
        ),
        Figure(
            f"{what}: p99",
            tuple(one.p99_ms for one in results),
            "ms",
            f"{RATE} messages/s to all",
        ),
        Figure(
            f"{what}: delivered",
            tuple(100 * one.delivered for one in results),
            "%",
            f"{RATE} messages/s to all",
        ),
        Figure(
            f"{what}: memory",
            tuple(one.kib for one in results),
            "KiB",
            "resident, per idle socket",
        ),
    ]
