"""A day of 2,000 instruments rolled up: how long it takes on one core."""

from bench import children, report
from bench.children import Child
from bench.ground import Ground
from bench.machine import Machine
from bench.report import Figure

INSTRUMENTS = 2_000
DAY_WITHIN_S = 10
MINUTES_A_DAY = 375


def run(
    ground: Ground, machine: Machine, rounds: int, instruments: int = INSTRUMENTS
) -> list[Figure]:
    """Roll the same day up in every round, each time from nothing."""
    results = []
    for _ in range(rounds):
        environment = ground.environment(DATABASE_URL=ground.owner_url)
        command = children.module("bench.rollups.product", str(instruments))
        with Child(command, environment, machine) as child:
            child.report()
            child.go()
            results.append(child.report())
        report.progress(f"rollup: {results[-1]['wall_s']:.1f} s")
    return figures(results, instruments)


def figures(results: list[dict[str, float]], instruments: int) -> list[Figure]:
    """Return speed, seconds and CPU; the target is that of a whole day."""
    what = f"rollup, a day of {instruments:,} instruments"
    minutes = results[0]["minutes"]
    return [
        Figure(
            f"{what}: speed",
            tuple(one["minutes"] / one["wall_s"] for one in results),
            "minutes/s",
            f"{minutes:,} dirty minutes, {results[0]['bars']:,} intraday bars, 1 core",
            INSTRUMENTS * MINUTES_A_DAY / DAY_WITHIN_S,
        ),
        Figure(
            f"{what}: wall",
            tuple(one["wall_s"] for one in results),
            "s",
            "client and its database backend on one core",
        ),
        Figure(
            f"{what}: CPU",
            tuple(one["client_cpu_s"] + one["server_cpu_s"] for one in results),
            "s",
            "process time of both",
        ),
        Figure(
            f"{what}: core held by others",
            tuple(100 * one["waited_s"] / one["wall_s"] for one in results),
            "%",
            "schedstat of both; they also wait for one another",
        ),
    ]
