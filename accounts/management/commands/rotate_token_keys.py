"""``manage.py rotate_token_keys``: a new key for access tokens, with an overlap."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import signing_keys


class Command(BaseCommand):
    """Sign with a new key from now; the ones before it verify while they must."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--at-once",
            action="store_true",
            help="retire every key before it: one has leaked, all tokens end",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key, retired = signing_keys.rotate(
            now=timezone.now(), at_once=options["at_once"]
        )
        self.stdout.write(f"Key {key.kid} signs now; {retired} retired.")
