"""Load calendars and the instruments of the demo: ``manage.py load_demo_market``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketdata.imports import calendar, instruments
from marketdata.ticker import TickerError, ticker


class Command(BaseCommand):
    """Give the market its rows; running it again changes nothing."""

    help = "Loads session hours, and the instruments that the ticker service lists."

    def handle(self, *args: Any, **options: Any) -> None:
        calendar.load()
        try:
            loaded = instruments.load(instruments.parse(ticker().instruments()))
        except (TickerError, instruments.ImportRefused) as error:
            raise CommandError(f"The instruments were not loaded: {error}") from error
        self.stdout.write(
            f"{loaded.listed} instruments listed, {loaded.written} new or changed."
        )
