"""Find and fill what is missing of the sessions: ``manage.py fill_gaps``."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from marketdata.gaps.rounds import Every, Rounds
from marketdata.management.stopping import stop_when_told
from marketdata.models import SessionGap
from marketdata.subscriptions.hints import Listener
from marketdata.subscriptions.reconciling import reconcile
from marketdata.ticker import Ticker
from tradingsite.models import Process

RECONCILE_S = 10.0
REPORT_S = 5.0


class Command(BaseCommand):
    """Keep the gap map, ask the ticker's history, and keep the subscriptions."""

    help = "Finds missing minutes, fills them from history, keeps subscriptions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--max-seconds", type=float, default=0, help="stop after this long"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        rounds = Rounds()

        def report(_: Ticker) -> None:
            name = os.environ.get("TRADINGSITE_PROCESS_NAME", "")
            lacking = SessionGap.objects.filter(status="open").count()
            Process.objects.seen(name, attempts=rounds.attempts, sessions_open=lacking)

        rounds.chores += [(Every(REPORT_S), report), (Every(RECONCILE_S), reconcile)]
        stop_when_told(rounds.stopping.set, options["max_seconds"])
        with Listener():
            rounds.run()
        self.stdout.write(f"{rounds.attempts} sessions were asked for.")
