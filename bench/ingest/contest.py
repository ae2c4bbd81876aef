"""The contest of the ingestors: the same ticks, the same core, in turn, both exact."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench import children, report, ticks
from bench.children import Child
from bench.ground import Ground
from bench.ingest import stored, wire
from bench.machine import Machine
from bench.report import Figure, ratios
from bench.ticks import Bars, Load

PER_ENTRY = (1, 100)
ORIGINAL, PRODUCT = "original shape", "product, crash-safe"
TICKS_A_SECOND = 300_000
# Against the original shape, which sends one tick per message.
TIMES_ORIGINAL = {1: 5.0, 100: 8.0}
NAMES = {"plain": "74-byte tick", "option": "option tick"}

Results = dict[tuple[str, str, int], list["Result"]]


@dataclass(frozen=True, slots=True)
class Result:
    """What one consumer took for all its ticks."""

    ticks: int
    wall_s: float
    cpu_s: float
    waited_s: float

    @property
    def per_second(self) -> float:
        return self.ticks / self.wall_s


@dataclass(frozen=True)
class Arena:
    """Where the consumers run: servers, cores, and the ticks with their bars."""

    ground: Ground
    machine: Machine
    load: Load
    wanted: Bars

    def stream(self, per_entry: int) -> str:
        return f"{self.ground.prefix}:{self.load.name}-{per_entry}"

    def prepare(self) -> None:
        """Write the instruments and fill the streams, once for all rounds."""
        command = children.module("bench.market", self.load.name)
        children.run(command, self.ground.environment())
        with self.ground.redis() as client:
            for per_entry in PER_ENTRY:
                entries = self.load.entries(per_entry)
                wire.append(client, self.stream(per_entry), entries)

    def original(self, per_entry: int) -> Result:
        """Let the original shape consume what was published to it."""
        channel = f"{self.stream(per_entry)}:channel"
        total = str(len(self.load.ticks))
        command = children.module(
            "bench.ingest.original", channel, self.load.name, total
        )
        with self.ground.connect() as connection, self.ground.redis() as client:
            stored.forget(connection)
            with (
                wire.patient(client),
                Child(command, self.ground.environment(), self.machine) as child,
            ):
                child.report()
                payloads = self.load.payloads(per_entry)
                wire.publish(self.ground.redis_url, channel, payloads)
                child.go()
                result = Result(**child.report())
            stored.require_original(connection, self.load, self.wanted)
        return result

    def product(self, per_entry: int) -> Result:
        """Let the product's ingestor read the stream from its beginning to its end."""
        stream, live = self.stream(per_entry), f"{self.stream(per_entry)}:live"
        environment = self.ground.environment(TRADINGSITE_PROCESS="ingestor")
        with self.ground.connect() as connection, self.ground.redis() as client:
            stored.forget(connection)
            client.delete(live, f"{live}:epoch")
            entries = str(client.xlen(stream))
            command = children.module("bench.ingest.product", live, entries)
            with Child(command, environment, self.machine) as child:
                child.report()
                # The ticks come when the shard is taken, and all at once.
                client.rename(stream, live)
                child.go()
                result = Result(**child.report())
            client.rename(live, stream)
            stored.require_product(connection, self.load, self.wanted)
        return result


def run(
    ground: Ground,
    machine: Machine,
    rounds: int,
    loads: Sequence[Load] | None = None,
) -> list[Figure]:
    """Hold every round of every load and report."""
    with ground.connect() as connection:
        stored.make_tables(connection)
    found: list[Figure] = []
    for load in loads or (ticks.plain(), ticks.options()):
        arena = Arena(ground, machine, load, ticks.rebuilt(load))
        arena.prepare()
        found += figures(load, _rounds(arena, rounds))
    return found


def figures(load: Load, results: Results) -> list[Figure]:
    """Return the ticks a second, and the product's as ratios to the original."""
    found: list[Figure] = []
    for per_entry in PER_ENTRY:
        for name in (ORIGINAL, PRODUCT):
            found += _own(load, results, name, per_entry)
    for per_entry in PER_ENTRY:
        found += _compared(load, results, per_entry, against=1)
    found += _compared(load, results, 100, against=100)
    return [*found, _disturbed(load, results)]


def _rounds(arena: Arena, rounds: int) -> Results:
    results: Results = {}
    for _ in range(rounds):
        for per_entry in PER_ENTRY:
            for name, contestant in (
                (ORIGINAL, arena.original),
                (PRODUCT, arena.product),
            ):
                key = (arena.load.name, name, per_entry)
                result = contestant(per_entry)
                results.setdefault(key, []).append(result)
                report.progress(f"{key}: {result.per_second:,.0f} ticks/s")
    return results


def _own(load: Load, results: Results, name: str, per_entry: int) -> list[Figure]:
    each = results[load.name, name, per_entry]
    is_asked = load.name == "plain" and name == PRODUCT
    what = f"ingest {NAMES[load.name]}, {name}, {per_entry} a message"
    return [
        Figure(
            f"{what}: wall",
            tuple(one.per_second for one in each),
            "ticks/s",
            f"{len(load.ticks):,} ticks of {load.tick_bytes:.0f} bytes, one core",
            TICKS_A_SECOND if is_asked else None,
        ),
        Figure(
            f"{what}: CPU",
            tuple(one.cpu_s / one.ticks * 1e6 for one in each),
            "us/tick",
            "process time of the consumer",
        ),
    ]


def _compared(
    load: Load, results: Results, per_entry: int, *, against: int
) -> list[Figure]:
    product = results[load.name, PRODUCT, per_entry]
    original = results[load.name, ORIGINAL, against]
    is_asked = load.name == "plain" and against == 1
    what = f"ingest {NAMES[load.name]}, product {per_entry} / original {against}"
    how = "per round; a message of the one, of the other"
    return [
        Figure(
            f"{what}: ticks/s",
            ratios([p.per_second for p in product], [o.per_second for o in original]),
            "x",
            how,
            TIMES_ORIGINAL[per_entry] if is_asked else None,
        ),
        Figure(
            f"{what}: CPU saved",
            ratios([o.cpu_s for o in original], [p.cpu_s for p in product]),
            "x",
            how,
        ),
    ]


def _disturbed(load: Load, results: Results) -> Figure:
    """Return how much of their time the consumers waited while others had the core."""
    every = zip(*results.values(), strict=True)
    return Figure(
        f"ingest {NAMES[load.name]}, core held by others",
        tuple(
            100 * sum(one.waited_s for one in each) / sum(one.wall_s for one in each)
            for each in every
        ),
        "%",
        "schedstat; where this is not near 0, believe CPU, not wall",
    )
