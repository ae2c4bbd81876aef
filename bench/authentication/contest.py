"""Hold the contest of authentication: how long one core takes to know who asks."""

from bench import children, report
from bench.children import Child
from bench.ground import Ground
from bench.machine import Machine
from bench.report import Figure

TIMES = 5_000
WITHIN_MS = 0.1
DOORS = ("session", "key", "token")


def run(ground: Ground, machine: Machine, rounds: int) -> list[Figure]:
    """Ask at every door in every round, in a process of its own each time."""
    turns = [_turn(ground, machine) for _ in range(rounds)]
    return [figure for door in DOORS for figure in _figures(door, turns)]


def _turn(ground: Ground, machine: Machine) -> dict[str, dict[str, float]]:
    command = children.module("bench.authentication.product", str(TIMES))
    with Child(command, ground.environment(), machine) as child:
        told = [child.report() for _ in DOORS]
    report.progress(" ".join(f"{one['door']} {one['warm_us']:.0f} µs" for one in told))
    return {one["door"]: one for one in told}


def _figures(door: str, turns: list[dict[str, dict[str, float]]]) -> list[Figure]:
    def of(name: str) -> tuple[float, ...]:
        return tuple(turn[door][name] for turn in turns)

    return [
        Figure(
            f"authentication by {door}, warm",
            tuple(1e6 / value for value in of("warm_us")),
            "/s",
            f"1 / median of {TIMES:,} new requests, looks included",
            1000 / WITHIN_MS,
        ),
        Figure(f"authentication by {door}, median", of("warm_us"), "µs", "warm"),
        Figure(f"authentication by {door}, p99", of("p99_us"), "µs", "warm"),
        Figure(f"authentication by {door}, cold", of("cold_us"), "µs", "median of 200"),
    ]
