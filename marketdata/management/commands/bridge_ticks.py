"""Copy the old tick channels into the stream shards: ``manage.py bridge_ticks``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from marketdata.ingest.bridge import bridge
from marketdata.management.stopping import stop_when_told


class Command(BaseCommand):
    """Listen where the old ticker service publishes; note when nobody listened."""

    help = "Copies ticks from Pub/Sub channels into the stream shards."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--max-seconds", type=float, default=0, help="stop after this long"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        running = bridge()
        stop_when_told(running.stopping.set, options["max_seconds"])
        running.run()
        self.stdout.write(f"{running.forwarded} ticks forwarded.")
