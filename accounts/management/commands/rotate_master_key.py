"""Seal every secret of the database anew, under the master key that comes first.

The key of before stays by default: a process that read it a moment ago may still be
sealing with it. The next rotation, or ``--drop-old``, forgets it.
"""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import Model

from accounts import audit, vault


class Command(BaseCommand):
    """Make a new master key, wrap all with it, prove that all opens."""

    help = "Rotate the master key: all sealed secrets are wrapped by the new one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--drop-old", action="store_true", help="forget the key of before at once"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.MASTER_KEYS:
            vault.add_master_key()
        count, first = _rotate()
        self.stdout.write(f"{count} secrets are sealed by {first}.")
        self._drop(1 if options["drop_old"] else 2)

    def _drop(self, keep: int) -> None:
        if settings.MASTER_KEYS:
            self.stdout.write(
                "Now leave the older keys out of TRADINGSITE_MASTER_KEYS."
            )
        else:
            self.stdout.write(f"{vault.keep_first(keep)} older keys are dropped.")


@transaction.atomic
def _rotate() -> tuple[int, str]:
    """Wrap everything anew or nothing; return how much, and the id of the key."""
    unreadable = [row for place in _places() for row in _rewrap(place)]
    if unreadable:
        raise CommandError(
            "Nothing was changed: these cannot be opened with the known keys: "
            + ", ".join(unreadable)
        )
    count = sum(_verified(place) for place in _places())
    first = vault.master_keys()[0].id.hex()
    told = audit.Change(after={"sealed_by": first, "rows": count})
    audit.record("master_key.rotated", target="Vault", change=told)
    return count, first


def _places() -> list[str]:
    return settings.SEALED_COLUMNS


def _rows(place: str) -> Iterator[tuple[Model, str]]:
    """Yield the rows that have something sealed in ``app.Model.column``, locked."""
    label, _, column = place.rpartition(".")
    rows = apps.get_model(label)._default_manager.select_for_update()
    for row in rows.order_by("pk"):
        if getattr(row, column):
            yield row, column


def _rewrap(place: str) -> list[str]:
    """Wrap a column anew; return the rows that no known key opens."""
    unreadable = []
    for row, column in _rows(place):
        bound_to = row.bound_to  # type: ignore[attr-defined]  # each such model has it
        try:
            sealed = vault.rewrap(bytes(getattr(row, column)), bound_to=bound_to)
        except vault.VaultError as error:
            unreadable.append(f"{place} {row.pk} ({error})")
            continue
        setattr(row, column, sealed)
        row.save(update_fields=[column])
    return unreadable


def _verified(place: str) -> int:
    """Open everything once, from the database, with the first key alone."""
    count = 0
    first = vault.master_keys()[0].id.hex()
    for row, column in _rows(place):
        sealed = bytes(getattr(row, column))
        assert vault.key_id_of(sealed) == first
        vault.unseal(sealed, bound_to=row.bound_to)  # type: ignore[attr-defined]
        count += 1
    return count
