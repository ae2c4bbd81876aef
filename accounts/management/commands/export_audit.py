"""Write the audit of an account, or of the house, into a file."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils.dateparse import parse_datetime

from accounts import audit
from accounts.audit.exporting import lines
from accounts.models import AuditEntry, TradingAccount
from accounts.models.audit import HOUSE, chain_of


class Command(BaseCommand):
    """Export a chain as JSON lines or CSV; that it was exported is told, too."""

    help = "Export the audit: .jsonl or .csv, by the name of the file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--account", help="the account's slug; else the house")
        parser.add_argument("--since", help="a time such as 2026-04-01T00:00:00Z")
        parser.add_argument("--until", help="the time after the last one")

    def handle(self, *args: Any, **options: Any) -> None:
        place: Path = options["file"]
        if place.suffix not in (".jsonl", ".csv"):
            raise CommandError("The file must be named .jsonl or .csv.")
        account = _account(options["account"])
        chain = chain_of(account) if account else HOUSE
        found = AuditEntry.objects.filter(chain=chain)
        for name, lookup in (("since", "at__gte"), ("until", "at__lt")):
            if options[name]:
                found = found.filter(**{lookup: _moment(options[name])})
        with transaction.atomic():
            with place.open("wb") as file:
                file.writelines(
                    lines(found, "csv" if place.suffix == ".csv" else "jsonl")
                )
            told = audit.Change(after={"rows": found.count(), "format": place.suffix})
            audit.record("audit.exported", account=account, target=chain, change=told)
        self.stdout.write(f"{chain} is in {place}.")


def _account(slug: str | None) -> TradingAccount | None:
    if not slug:
        return None
    account = TradingAccount.objects.filter(slug=slug).first()
    if account is None:
        raise CommandError(f"There is no account {slug}.")
    return account


def _moment(text: str) -> Any:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError(f"{text!r} is no time such as 2026-04-01T00:00:00Z.")
    return found
