"""Make larger bars of the minutes that changed: ``manage.py roll_up_bars``."""

import datetime
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.management.stopping import stop_when_told
from marketdata.models import Instrument
from marketdata.rollups import again, roll_up
from marketdata.rollups.rolling import BATCH


class Command(BaseCommand):
    """Roll up once, or again and again beside the scheduled task; both do no harm."""

    help = "Makes bars of 2 minutes to a month from the minutes that changed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--every", type=float, default=0, metavar="SECONDS", help="go on for ever"
        )
        parser.add_argument("--batch", type=int, default=BATCH, help="minutes at once")
        parser.add_argument(
            "--again",
            metavar="EXCHANGE",
            help="roll all its days up anew, after its calendar was corrected",
        )
        parser.add_argument(
            "--since", type=datetime.date.fromisoformat, help="with --again: from day"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch"] < 1:
            raise CommandError("--batch must be at least 1.")
        if options["again"]:
            self._again(options["again"].upper(), options["since"])
        stopping = threading.Event()
        if options["every"]:
            stop_when_told(stopping.set)
        self._roll_up(options["batch"])
        while options["every"] and not stopping.wait(options["every"]):
            self._roll_up(options["batch"])

    def _roll_up(self, batch: int) -> None:
        rolled = roll_up(batch=batch)
        if rolled.minutes:
            self.stdout.write(
                f"{rolled.minutes} minutes rolled up, {rolled.written} bars changed."
            )

    def _again(self, exchange: str, since: datetime.date | None) -> None:
        instruments = Instrument.objects.filter(exchange_id=exchange).order_by("id")
        if not instruments:
            raise CommandError(f"There is no instrument on {exchange}.")
        for instrument in instruments.select_related("exchange"):
            again(instrument, since or datetime.date(1990, 1, 1))
