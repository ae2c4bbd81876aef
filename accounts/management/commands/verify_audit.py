"""Prove that nothing in the audit was changed, or name the first row that was."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import anchors
from accounts.audit.verifying import Evidence, Verified, chains, verify


class Command(BaseCommand):
    """Verify chains and anchors; the exit code is 1 when something is wrong."""

    help = "Verify the audit: names the first bad row of each chain, and fails."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--chain", help="only this one, such as house or account:3")
        parser.add_argument(
            "--anchors",
            type=Path,
            help="a copy of the anchors kept elsewhere; else the data folder's own",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        evidence = _evidence(options["anchors"])
        names = [options["chain"]] if options["chain"] else chains()
        found = [self._verify(name, evidence) for name in names]
        rows = sum(each.rows for each in found)
        took_s = max(time.monotonic() - began, 1e-6)
        self.stdout.write(f"{rows:,} rows in {took_s:.1f} s, {rows / took_s:,.0f}/s")
        faults = [str(each.fault) for each in found if each.fault]
        if faults:
            raise CommandError("\n".join(["The audit was tampered with:", *faults]))

    def _verify(self, name: str, evidence: Evidence) -> Verified:
        found = verify(name, evidence)
        state = f"BAD at {found.fault}" if found.fault else "whole"
        self.stdout.write(
            f"{name}: {found.rows:,} rows, {state}, anchored to {found.anchored:,}"
        )
        return found


def _evidence(copy: Path | None) -> Evidence:
    place = copy or anchors.path()
    if copy and not copy.exists():
        raise CommandError(f"There is no {copy}.")
    try:
        outside = anchors.in_file(place) if place.exists() else []
    except ValueError as error:
        raise CommandError(str(error)) from None
    return Evidence([*anchors.in_database(), *outside], anchors.known_keys())
