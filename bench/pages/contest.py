"""A full chain of 220 strikes: how long the server takes for a page of it."""

from bench import children, report
from bench.children import Child
from bench.ground import Ground
from bench.machine import Machine
from bench.report import Figure

WITHIN_MS = 50.0


def run(ground: Ground, machine: Machine, rounds: int) -> list[Figure]:
    """Ask for every page in every round; a round is a median of its own."""
    environment = ground.environment(DATABASE_URL=ground.owner_url)
    children.run(
        children.module("manage", "collectstatic", "--noinput", "--verbosity=0"),
        environment,
    )
    found: list[dict[str, dict[str, float]]] = []
    command = children.module("bench.pages.product", str(rounds))
    with Child(command, environment, machine) as child:
        child.report()
        for _ in range(rounds):
            child.go()
            found.append(child.report())
            slowest = max(page["wall_ms"] for page in found[-1].values())
            report.progress(f"pages: the slowest takes {slowest:.0f} ms")
    return [figure for what in found[0] for figure in figures(what, found)]


def figures(what: str, rounds: list[dict[str, dict[str, float]]]) -> list[Figure]:
    return [
        Figure(
            f"full {what}: wall",
            tuple(one[what]["wall_ms"] for one in rounds),
            "ms",
            "server and database on one core, and whoever else held it",
        ),
        Figure(
            f"full {what}: server time",
            tuple(one[what]["cpu_ms"] for one in rounds),
            "ms",
            "CPU of the server and of its database backend",
            # The monitor shows more than a chain, and has no target of its own.
            WITHIN_MS if what.startswith("chain") else None,
            is_ceiling=True,
        ),
    ]
