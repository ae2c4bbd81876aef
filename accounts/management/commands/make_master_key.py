"""Make the master key that seals secrets, once; ``prepare_site`` runs this."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts import vault


class Command(BaseCommand):
    """Make the first master key of this site, unless there is one."""

    help = "Make the master key of the data folder, unless there is one."

    def handle(self, *args: Any, **options: Any) -> None:
        is_new = vault.make_master_key()
        if options["verbosity"]:
            self.stdout.write("Made." if is_new else "There is one already.")
