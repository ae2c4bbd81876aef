"""Load minute bars from a file: ``manage.py import_bars FILE --exchange NSE``."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.imports import bars
from marketdata.imports.instruments import ImportRefused
from marketdata.models import Exchange, Instrument


class Command(BaseCommand):
    """Load history; a bad line is named and nothing of its file is loaded."""

    help = "Loads 1-minute bars from a CSV file, plain or gzipped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--symbol", default="", help="where the file names none")
        parser.add_argument("--exchange", default="NSE")
        parser.add_argument(
            "--create",
            choices=[Instrument.Kind.INDEX.value, Instrument.Kind.STOCK.value],
            help="make the instrument, as this kind, when it is missing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rows = bars.read(options["file"])
            loaded = bars.load(rows, instruments_for(rows, options))
        except ImportRefused as error:
            raise CommandError(f"Nothing was loaded. {error}") from error
        self.stdout.write(f"{loaded.rows} bars read, {loaded.written} new or changed.")


def instruments_for(rows: list[bars.Row], options: Any) -> dict[str, Instrument]:
    """Return the instrument of each symbol that the rows name."""
    exchange, found = options["exchange"].upper(), {}
    for name in sorted({row.symbol for row in rows}):
        symbol = options["symbol"].upper() or name
        if not symbol:
            raise ImportRefused("The file names no symbol: give one with --symbol.")
        if options["create"]:
            Exchange.objects.get_or_create(code=exchange, defaults={"name": exchange})
            Instrument.objects.get_or_create(
                exchange_id=exchange,
                symbol=symbol,
                defaults={"kind": options["create"]},
            )
        try:
            found[name] = Instrument.objects.get(exchange_id=exchange, symbol=symbol)
        except Instrument.DoesNotExist as error:
            raise ImportRefused(
                f"There is no instrument {exchange}:{symbol}; --create makes it."
            ) from error
    return found
