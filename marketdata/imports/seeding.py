"""Giving shipped rows to the database, each once: what staff change there stays.

A record is kept of every row that was given, with a fingerprint of its values. A row
of ours that is corrected later reaches the database only where its row still is as
we gave it; a row that staff removed does not come back.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Model

from marketdata.models import SeedRecord


def plant(model: type[Model], natural_key: Sequence[str], rows: Iterable[Model]) -> int:
    """Add and correct rows of one table; return how many were written."""
    prefix = f"{model._meta.model_name}:"
    recorded = dict(
        SeedRecord.objects.filter(key__startswith=prefix).values_list(
            "key", "fingerprint"
        )
    )
    fields = said_fields(model, natural_key)
    keyed = {prefix + _text(row, natural_key): row for row in rows}
    new = {key: row for key, row in keyed.items() if key not in recorded}
    other = {
        key: row
        for key, row in keyed.items()
        if key in recorded and recorded[key] != fingerprint(row, fields)
    }
    model._default_manager.bulk_create(new.values(), ignore_conflicts=True)
    corrected = [
        row
        for key, row in other.items()
        if _correct(row, natural_key, fields, recorded[key])
    ]
    _record(new | other, fields)
    return len(new) + len(corrected)


def fingerprint(row: Model, fields: Sequence[str]) -> str:
    return hashlib.sha256(_text(row, fields).encode()).hexdigest()


def said_fields(model: type[Model], natural_key: Sequence[str]) -> list[str]:
    """Return what a shipped row says beside its key."""
    never = {*natural_key, "id", "updated_at"}
    names = [field.attname for field in model._meta.concrete_fields]
    return [name for name in names if name not in never]


def _text(row: Model, fields: Sequence[str]) -> str:
    return "|".join(str(getattr(row, field)) for field in fields)


def _correct(
    row: Model, natural_key: Sequence[str], fields: Sequence[str], given: str
) -> bool:
    """Write ``row`` over the one we gave before, if nobody touched that one since."""
    rows = type(row)._default_manager.filter(
        **{name: getattr(row, name) for name in natural_key}
    )
    found = rows.first()
    if found is None or fingerprint(found, fields) != given:
        return False
    values: dict[str, Any] = {name: getattr(row, name) for name in fields}
    rows.update(**values)
    return True


def _record(rows: dict[str, Model], fields: Sequence[str]) -> None:
    SeedRecord.objects.bulk_create(
        [
            SeedRecord(key=key, fingerprint=fingerprint(row, fields))
            for key, row in rows.items()
        ],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["fingerprint"],
    )
