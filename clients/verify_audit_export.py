#!/usr/bin/env python3
"""Verify an exported audit (.jsonl or .csv) with nothing but Python's own library.

    python3 verify_audit_export.py EXPORT [--whole] [--anchors ANCHORS]

Every row carries ``previous``, the hash before it, and ``hash``, which is SHA-256 of
``previous`` and of the row's other fields as canonical JSON (keys sorted, no spaces,
UTF-8). A row that was changed does not fit its hash; one that was put in or exchanged
does not fit its neighbour. ``--whole`` says that nothing may be missing: the rows count
from 1 without a gap. ``--anchors`` compares with a copy of ``audit_anchors.jsonl``,
whose heads were noted while the chain grew. The exit code is 1 when something is wrong.
"""

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]

NUMBERS, OBJECTS = ("account_id", "position", "user_id"), ("before", "after")


def rows_of(path: Path) -> Iterator[Row]:
    """Yield the rows of a file as dictionaries of their real values."""
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix != ".csv":
            yield from (json.loads(line) for line in file)
            return
        for cells in csv.DictReader(file):
            yield {name: value_of(name, cell) for name, cell in cells.items()}


def value_of(name: str, cell: str) -> Any:
    """Return what a CSV cell stands for; a leading apostrophe only disarms it."""
    if name in OBJECTS:
        return json.loads(cell)
    if name in NUMBERS:
        return int(cell) if cell else None
    return cell.removeprefix("'")


def hash_of(row: Row) -> str:
    fields = {name: row[name] for name in row if name not in ("hash", "previous")}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(bytes.fromhex(row["previous"]) + text.encode()).hexdigest()


def row_faults(row: Row, last: Row | None, *, whole: bool) -> Iterator[str]:
    """Yield what is wrong with a row and its place after the last one."""
    number, end = (last["position"], last["hash"]) if last else (0, "0" * 64)
    follows = row["position"] == number + 1
    if hash_of(row) != row["hash"]:
        yield "the row is not what its hash says"
    if row["position"] <= number:
        yield "the row stands in the wrong place"
    if follows and row["previous"] != end:
        yield "the row does not follow the one before it"
    if whole and not follows:
        yield "rows are missing before it"


def faults(path: Path, *, whole: bool, anchors: list[Row]) -> Iterator[str]:
    """Yield what is wrong, first things first."""
    last, hashes = None, {}
    for row in rows_of(path):
        for fault in row_faults(row, last, whole=whole):
            yield f"{row['chain']} {row['position']}: {fault}"
        last, hashes[row["position"]] = row, row["hash"]
    for anchor in anchors:
        if last and anchor["chain"] == last["chain"]:
            known = hashes.get(anchor["position"])
            if known != anchor["hash"] and (known or whole):
                what = "as another row" if known else "and is not here"
                yield f"{anchor['chain']} {anchor['position']}: was anchored {what}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--anchors", type=Path)
    asked = parser.parse_args()
    lines = asked.anchors.read_text().splitlines() if asked.anchors else []
    anchors = [json.loads(line) for line in lines]
    try:
        found = list(faults(asked.export, whole=asked.whole, anchors=anchors))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        found = [f"this is no export of an audit: {error}"]
    print("\n".join(found) or "Everything fits.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
