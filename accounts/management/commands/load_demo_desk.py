"""``manage.py load_demo_desk``: somebody to log in as, and an account to try."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from accounts import demo


class Command(BaseCommand):
    """Make the demo desk, or what is missing of it, and keep how to get in."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--output",
            type=Path,
            default=settings.DATA_DIR / "demo.json",
            help="where the log-in and the key are kept (mode 600)",
        )
        parser.add_argument("--url", default=settings.SITE_URL)

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["output"]
        with transaction.atomic():
            access = demo.load(
                kept=demo.read(path), url=options["url"], now=timezone.now()
            )
        demo.write(path, access)
        self.stdout.write(f"The demo log-in is {access['username']}; see {path}.")
