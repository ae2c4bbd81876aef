"""Load a list of instruments: ``manage.py import_instruments FILE``."""

import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.imports import instruments
from marketdata.ticker import TickerError, ticker


class Command(BaseCommand):
    """Load a list in Kite's columns or the exchange's, from a file or the ticker."""

    help = "Loads instruments; what did not change is not written."

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("file", nargs="?", type=Path, help="plain or gzipped CSV")
        source.add_argument("--from-ticker", action="store_true")
        parser.add_argument(
            "--day", type=datetime.date.fromisoformat, help="of the list; else today"
        )
        parser.add_argument(
            "--complete",
            action="store_true",
            help="what the list does not have is no longer traded",
        )
        parser.add_argument(
            "--may-shrink",
            action="store_true",
            help="believe a complete list that lacks a fifth of what is known",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text, source = _text(options["file"])
            loaded = instruments.load(
                instruments.parse(text),
                day=options["day"] or instruments.stated_day(text),
                source=source,
                is_complete=options["complete"],
                may_shrink=options["may_shrink"],
            )
        except (TickerError, instruments.ImportRefused) as error:
            raise CommandError(f"Nothing was loaded: {error}") from error
        self.stdout.write(
            f"{loaded.listed} instruments listed: {loaded.added} new,"
            f" {loaded.changed} changed, {loaded.expired} expired,"
            f" {loaded.delisted} delisted, {loaded.quarantined} in quarantine."
        )


def _text(path: Path | None) -> tuple[str, str]:
    if path is None:
        return ticker().instruments(), "ticker service"
    return instruments.read(path), path.name
