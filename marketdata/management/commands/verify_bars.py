"""Compare derived bars with a plain rebuild: ``manage.py verify_bars``."""

import datetime
import sys
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.models import Instrument
from marketdata.rollups import aggregate, verifying
from marketdata.rollups.verifying import AFTER_ON, FIRST_ON, Compared, Span

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
        parser.add_argument(
            "--quick",
            action="store_true",
            help="TimescaleDB: all quarter hours, beside the continuous aggregate",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        compared = different = 0
        for found in quickly() if options["quick"] else rebuilding(options):
            compared += found.bars
            for difference in found.differences:
                different += 1
                if different <= MOST_NAMED:
                    self.stderr.write(str(difference))
        self.stdout.write(f"{compared} bars compared, {different} differ.")
        if different:
            sys.exit(1)


def quickly() -> Iterable[Compared]:
    if not aggregate.exists():
        raise CommandError("--quick needs TimescaleDB (DATABASE_ENGINE=timescale).")
    aggregate.refresh()
    return [verifying.settled(aggregate.compare)]


def rebuilding(options: dict[str, Any]) -> Iterable[Compared]:
    span = Span(options["since"], options["until"])
    return verifying.verify_all(instruments(options), span)


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
