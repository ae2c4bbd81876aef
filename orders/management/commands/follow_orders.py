"""Follow the orders of all accounts at their brokers: ``manage.py follow_orders``."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from marketdata.management.stopping import stop_when_told
from orders.following import Follower
from tradingsite.models import Process


class Command(BaseCommand):
    """Reads brokers' books until SIGTERM or Ctrl-C; run as many as you like."""

    help = "Follows the orders of all accounts, and tells what becomes of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--max-seconds", type=float, default=0, help="stop after this long"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = os.environ.get("TRADINGSITE_PROCESS_NAME", "")
        follower = Follower(
            lambda followed: Process.objects.seen(name, accounts=followed)
        )
        stop_when_told(follower.stop, options["max_seconds"])
        follower.run()
