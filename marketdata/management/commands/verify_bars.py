"""Compare derived bars with a plain rebuild: ``manage.py verify_bars``."""

import datetime
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.models import Instrument
from marketdata.rollups import verifying
from marketdata.rollups.verifying import AFTER_ON, FIRST_ON, Span

MOST_NAMED = 50


class Command(BaseCommand):
    """Name what differs, and end with 1 if anything does."""

    help = "Compares the bars of 2 minutes to a month with a rebuild from the minutes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--symbol", help="EXCHANGE:SYMBOL; without it, all")
        parser.add_argument("--exchange", help="only this exchange")
        day = datetime.date.fromisoformat
        parser.add_argument("--since", type=day, default=FIRST_ON)
        parser.add_argument("--until", type=day, default=AFTER_ON)

    def handle(self, *args: Any, **options: Any) -> None:
        span = Span(options["since"], options["until"])
        compared = different = 0
        for found in verifying.verify_all(instruments(options), span):
            compared += found.bars
            for difference in found.differences:
                different += 1
                if different <= MOST_NAMED:
                    self.stderr.write(str(difference))
        self.stdout.write(f"{compared} bars compared, {different} differ.")
        if different:
            sys.exit(1)


def instruments(options: dict[str, Any]) -> list[Instrument]:
    """Return the instruments that were asked for."""
    if options["symbol"]:
        try:
            return [Instrument.objects.find(options["symbol"])]
        except Instrument.DoesNotExist as error:
            raise CommandError(f"There is no {options['symbol']}.") from error
    found = Instrument.objects.select_related("underlying").order_by("id")
    if options["exchange"]:
        found = found.filter(exchange_id=options["exchange"].upper())
    return list(found)
