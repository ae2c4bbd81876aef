"""Load an exchange's list of lots or of freeze quantities."""

import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.imports import circulars
from marketdata.imports.instruments import ImportRefused, read
from marketdata.models import Exchange


class Command(BaseCommand):
    """Load ``LotSize*.csv``, or ``qtyfreeze.csv`` with the day it holds from."""

    help = "Loads lot sizes by month of expiry, or freeze quantities from a day on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--from",
            dest="valid_from",
            type=datetime.date.fromisoformat,
            help="the first day of a list of freeze quantities, which tells none",
        )
        parser.add_argument("--exchange", default=circulars.NFO)

    def handle(self, *args: Any, **options: Any) -> None:
        if not Exchange.objects.filter(code=options["exchange"]).exists():
            raise CommandError(f"There is no exchange {options['exchange']}.")
        try:
            written = _load(**{name: options[name] for name in _NAMES})
        except ImportRefused as error:
            raise CommandError(f"Nothing was loaded: {error}") from error
        self.stdout.write(f"{written} rows new or changed.")


_NAMES = ("file", "valid_from", "exchange")


def _load(*, file: Path, valid_from: datetime.date | None, exchange: str) -> int:
    text, source = read(file), file.name
    if valid_from is None:
        rows = circulars.lot_sizes(text, source=source, exchange=exchange)
        return circulars.load_lot_sizes(rows)
    quantities = circulars.freeze_quantities(
        text, valid_from=valid_from, source=source, exchange=exchange
    )
    return circulars.load_freeze_quantities(quantities)
