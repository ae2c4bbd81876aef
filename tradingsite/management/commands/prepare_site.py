"""Prepare the site to serve: ``up`` runs this as the role that owns the tables."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tradingsite.management.preparation import prepare


class Command(BaseCommand):
    """Migrate, collect static files and load what ``--demo`` names."""

    help = "Migrate, collect static files when they changed, load the demo."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="append", default=[], metavar="COMMAND")
        parser.add_argument("--await", action="append", default=[], metavar="URL")

    def handle(self, *args: Any, **options: Any) -> None:
        prepare(self.stdout.write, demo=options["demo"], awaited=options["await"])
