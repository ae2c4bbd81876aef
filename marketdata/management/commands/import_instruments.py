"""Load a list of instruments: ``manage.py import_instruments FILE``."""

import gzip
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.imports import instruments
from marketdata.ticker import TickerError, ticker


class Command(BaseCommand):
    """Upsert instruments from a file in Kite's columns, or from the ticker service."""

    help = "Loads instruments; what did not change is not written."

    def add_arguments(self, parser: CommandParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("file", nargs="?", type=Path)
        source.add_argument("--from-ticker", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = ticker().instruments() if options["from_ticker"] else None
            listed = instruments.parse(text or read(options["file"]))
        except (TickerError, instruments.ImportRefused, OSError, ValueError) as error:
            raise CommandError(f"Nothing was loaded: {error}") from error
        loaded = instruments.load(listed)
        self.stdout.write(
            f"{loaded.listed} instruments listed, {loaded.written} new or changed."
        )


def read(path: Path) -> str:
    """Return the text of a file, plain or gzipped."""
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return content.decode("utf-8-sig")
