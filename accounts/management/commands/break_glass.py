"""``manage.py break_glass``: a way in when nobody else has one, for an hour."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import break_glass


class Command(BaseCommand):
    """Open the sealed account with a reason, or seal it again."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        choice = parser.add_mutually_exclusive_group(required=True)
        choice.add_argument("--reason", help="why it is opened; the audit keeps it")
        choice.add_argument("--seal", action="store_true", help="seal it now")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["seal"]:
            was_open = break_glass.seal(now=now)
            self.stdout.write("Sealed." if was_open else "It was not open.")
            return
        try:
            opened = break_glass.unseal(reason=options["reason"], now=now)
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{opened.username} / {opened.password} / TOTP {opened.totp_secret}"
            f" until {opened.until:%d %b %H:%M} UTC"
        )
