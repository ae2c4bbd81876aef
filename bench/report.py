"""What a bench found: figures beside their targets, as a table or as JSON."""

import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

HEAD = ("what", "target", "median", "spread", "met", "how")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: a value per round, and what is asked of their median."""

    what: str
    values: tuple[float, ...]
    unit: str
    how: str
    target: float | None = None
    # Whether the target is the most that is allowed, not the least.
    is_ceiling: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_met(self) -> bool:
        if self.target is None:
            return True
        within = self.median <= self.target
        return within if self.is_ceiling else self.median >= self.target

    def row(self) -> tuple[str, ...]:
        """Return the cells of the table's line."""
        sign = "<=" if self.is_ceiling else ">="
        target = (
            "" if self.target is None else f"{sign} {written(self.target, self.unit)}"
        )
        low, high = min(self.values), max(self.values)
        spread = f"{written(low, self.unit)} .. {written(high, self.unit)}"
        met = "" if self.target is None else ("yes" if self.is_met else "NO")
        return (
            self.what,
            target,
            written(self.median, self.unit),
            spread,
            met,
            self.how,
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"median": self.median, "is_met": self.is_met}


def at_most(
    what: str, values: tuple[float, ...], unit: str, how: str, target: float
) -> Figure:
    """Return a figure of which little is asked for."""
    return Figure(what, values, unit, how, target, is_ceiling=True)


def progress(words: str) -> None:
    """Tell who waits for the table what has just been measured."""
    print(words, file=sys.stderr, flush=True)


def ratios(above: Sequence[float], below: Sequence[float]) -> tuple[float, ...]:
    """Return the ratio of each round: only what ran side by side is compared."""
    return tuple(a / b for a, b in zip(above, below, strict=True))


def written(value: float, unit: str) -> str:
    """Return ``value`` in as many digits as are worth reading."""
    digits = 0 if abs(value) >= 1000 else 2
    return f"{value:,.{digits}f}{'' if unit == 'x' else ' '}{unit}"


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table, its columns aligned."""
    rows = [HEAD, *(figure.row() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def as_json(machine: str, figures: Sequence[Figure]) -> str:
    return json.dumps(
        {"machine": machine, "figures": [figure.as_json() for figure in figures]},
        indent=2,
    )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    return f"| {' | '.join(cells)} |"
