"""The process that carries out the side effects written in the outbox."""

import signal
from typing import Any

from django.core.management.base import BaseCommand

# Handlers may send tasks, which go to the application that was made last.
from tradingsite import celery  # noqa: F401
from tradingsite.outbox.deliverer import Deliverer


class Command(BaseCommand):
    """Delivers outbox messages until SIGTERM or Ctrl-C; run as many as you like."""

    help = __doc__
    # What is written must be carried out even where a page is broken.
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        deliverer = Deliverer()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: deliverer.stop())
        deliverer.run()
