"""``python -m bench``: measure the product beside its peers and print the ratios."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import ground, report
from bench.authentication import contest as authentication
from bench.history import contest as history
from bench.ingest import contest as ingest
from bench.machine import Machine
from bench.options import contest as options_contest
from bench.pages import contest as pages
from bench.report import Figure
from bench.rollups import contest as rollups
from bench.streams import contest as streams
from bench.streams import journey
from tradingsite import open_files

CONTESTS = {
    "authentication": authentication.run,
    "options": options_contest.run,
    "ingest": ingest.run,
    "history": history.run,
    "rollups": rollups.run,
    "pages": pages.run,
    "streams": streams.run,
    "journey": journey.figures,
    "lazy": streams.beside_lazy,
}


def measure(names: Sequence[str], machine: Machine, rounds: int) -> list[Figure]:
    """Hold the named contests, each on a ground of its own."""
    machine.take_other_cores()
    open_files.allow_all()
    found: list[Figure] = []
    for name in names:
        with ground.prepared() as prepared:
            found += CONTESTS[name](prepared, machine, rounds)
    return found


def options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=[*CONTESTS, "all"],
        help="default: all",
    )
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 when a target is missed"
    )
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    asked = options(words)
    machine = Machine()
    names = list(CONTESTS) if asked.what == "all" else [asked.what]
    found = measure(names, machine, asked.rounds)
    print(f"{machine}; median of {asked.rounds} rounds, interleaved\n")
    print(report.table(found))
    if asked.json:
        asked.json.write_text(report.as_json(str(machine), found) + "\n")
    missed = [figure.what for figure in found if not figure.is_met]
    print(f"\nMissed: {', '.join(missed)}" if missed else "\nEvery target is met.")
    return 1 if missed and asked.strict else 0


if __name__ == "__main__":
    sys.exit(main())
