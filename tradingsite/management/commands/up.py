"""Run the whole site with one command."""

import signal
import sys
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradingsite import environment
from tradingsite.embedded import EmbeddedError
from tradingsite.management.site import Site
from tradingsite.supervisor import Console

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Command(BaseCommand):
    """Start servers and processes, watch over them, stop them all when told."""

    help = "Run the whole site: servers, market, web and workers. Ctrl-C stops it."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-demo", action="store_false", dest="demo", help="load no demo desk"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for number in ENDINGS:
            signal.signal(number, interrupt)
        site = Site(
            Console(sys.stdout),
            settings.DATA_DIR,
            host=environment.text("HOST", "127.0.0.1"),
            port=settings.PORT,
            demo=options["demo"],
        )
        try:
            run(site)
        except EmbeddedError as error:
            raise CommandError(str(error)) from error


def run(site: Site) -> None:
    """Run the site until it is told to end; leave nothing behind."""
    try:
        site.start()
        site.welcome()
        site.run()
    except KeyboardInterrupt:
        site.say("told to end")
    finally:
        # The end is under way and has limits of its own: no second telling.
        for number in ENDINGS:
            signal.signal(number, signal.SIG_IGN)
        site.stop()


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
