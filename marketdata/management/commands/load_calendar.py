"""Load the dated calendar: ``manage.py load_calendar``."""

from typing import Any

from django.core.management.base import BaseCommand

from marketdata.imports import calendar


class Command(BaseCommand):
    """Give the database the calendar rows we ship; running it again changes nothing."""

    help = "Loads sessions, holidays, expiries, lots; rows that staff changed stay."

    def handle(self, *args: Any, **options: Any) -> None:
        written = calendar.load()
        if options["verbosity"]:
            self.stdout.write(f"{written} rows new or corrected.")
