"""Load calendars and the instruments of the demo: ``manage.py load_demo_market``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketdata import demo
from marketdata.imports import calendar, instruments
from marketdata.ticker import TickerError, ticker


class Command(BaseCommand):
    """Give the market its rows and its last hours; again, it changes nothing."""

    help = (
        "Loads session hours, the instruments that the ticker service lists, and the"
        " last hours of those that the desk shows."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        calendar.load()
        try:
            listed = instruments.parse(ticker().instruments())
            loaded = instruments.load(listed)
        except (TickerError, instruments.ImportRefused) as error:
            raise CommandError(f"The instruments were not loaded: {error}") from error
        self.stdout.write(
            f"{loaded.listed} instruments listed, {loaded.written} new or changed."
        )
        self._fill_charts({one.exchange for one in listed})

    def _fill_charts(self, exchanges: set[str]) -> None:
        """Fill the charts; the site is as useful without it, only emptier at first."""
        try:
            filled = demo.fill(ticker(), exchanges, timezone.now())
        except TickerError as error:
            self.stderr.write(f"The charts begin now, history failed: {error}")
            return
        if filled.left:
            self.stderr.write(f"No time for the history of {filled.left} instruments.")
        self.stdout.write(f"{filled.bars} bars of the last hours came from history.")
