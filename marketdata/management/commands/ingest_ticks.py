"""Read tick streams and keep the bars: ``manage.py ingest_ticks``."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.backfill.gaps import Repairer
from marketdata.ingest.ingestor import Ingestor, Pace
from marketdata.ingest.reporting import Reporter
from marketdata.management.stopping import stop_when_told


class Command(BaseCommand):
    """Own stream shards, count their ticks into bars, write them with the position."""

    help = "Turns the ticks of the stream shards into bars."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--shards", default="", help="for instance 0,1 (default: all of them)"
        )
        parser.add_argument(
            "--once", action="store_true", help="stop when everything is read"
        )
        parser.add_argument(
            "--max-seconds", type=float, default=0, help="stop after this long"
        )

        parser.add_argument(
            "--lease-seconds",
            type=float,
            default=Pace.lease_s,
            help="how long a dead process keeps its shards",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        lease_s = options["lease_seconds"]
        pace = Pace(lease_s=lease_s, renew_s=lease_s / 3)
        ingestor = Ingestor(stream_keys(options["shards"]), pace=pace)
        stop_when_told(ingestor.stopping.set, options["max_seconds"])
        with Reporter(ingestor, self.stdout.write), Repairer(ingestor.owner):
            ingestor.run(until_caught_up=options["once"])


def stream_keys(shards: str) -> dict[str, int]:
    """Return the stream key of each shard that was asked for."""
    every = range(settings.TICK_SHARDS)
    try:
        wanted = [int(part) for part in shards.split(",")] if shards else list(every)
    except ValueError as error:
        raise CommandError("--shards wants numbers, for instance 0,1.") from error
    if not set(wanted) <= set(every):
        raise CommandError(f"There are {settings.TICK_SHARDS} shards, from 0 on.")
    return {f"{settings.TICK_STREAM}:{number}": number for number in wanted}
