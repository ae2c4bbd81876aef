"""Run the market simulator: the ticker service, played over real HTTP and Redis."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketdata.simulator.options import Options
from marketdata.simulator.server import run


class Command(BaseCommand):
    """The only door to the simulator."""

    help = "Play a live market, or recorded files, as the ticker service does."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        _add_door_arguments(parser)
        _add_market_arguments(parser)
        _add_stream_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        names = Options.__dataclass_fields__
        chosen = {name: value for name, value in options.items() if name in names}
        chosen["replay"] = tuple(chosen["replay"])
        if not chosen["redis_url"]:
            raise CommandError("No Redis: set REDIS_URL or give --redis.")
        try:
            run(Options(**chosen), self._say)
        except (OSError, ValueError) as error:
            raise CommandError(f"The simulator cannot run: {error}") from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _add_door_arguments(parser: CommandParser) -> None:
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--redis", dest="redis_url", default=settings.REDIS_URL)
    parser.add_argument("--stays", action="store_true", help="serve on after the end")
    parser.add_argument("--state", type=Path, help="keep orders and positions here")


def _add_market_arguments(parser: CommandParser) -> None:
    parser.add_argument("--exchange", default="DEMO")
    parser.add_argument("--seed", type=int, default=1, help="repeats a run")
    parser.add_argument("--start", type=float, help="epoch seconds of the first tick")
    parser.add_argument("--rate", type=float, default=400.0, help="ticks a second")
    parser.add_argument(
        "--speed", type=float, default=1.0, help="of the stream's time; 0: unpaced"
    )
    parser.add_argument("--max-ticks", type=int, help="stop after so many")
    parser.add_argument("--replay", nargs="+", type=Path, default=[], metavar="FILE")
    parser.add_argument(
        "--trader", default="", metavar="ACCOUNT", help="place a few orders of it"
    )
    parser.add_argument("--no-depth", dest="with_depth", action="store_false")


def _add_stream_arguments(parser: CommandParser) -> None:
    parser.add_argument("--stream", default=settings.TICK_STREAM)
    parser.add_argument("--shards", type=int, default=settings.TICK_SHARDS)
    parser.add_argument("--maxlen", type=int, default=1_000_000, help="entries kept")
    parser.add_argument("--keep-mb", type=int, default=256, help="all shards together")
    parser.add_argument("--batch", type=int, default=100, help="ticks per entry, most")
    parser.add_argument("--truth", type=Path, help="record of accepted ticks")
    parser.add_argument(
        "--pubsub",
        dest="is_publishing",
        action="store_true",
        help="publish on the old channels too",
    )
    parser.add_argument(
        "--no-streams", dest="is_streaming", action="store_false", help="old only"
    )
