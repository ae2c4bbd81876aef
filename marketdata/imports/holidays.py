"""Holidays from a CSV file: all of it or nothing, each mistake named with its line.

Columns: ``calendar,date,name`` and, if wanted, ``opens_at,closes_at,is_holiday,
is_provisional,source``. A day that is there already is replaced; the same file again
changes nothing.
"""

import csv
from datetime import UTC, date, time
from typing import Any

from django.db import transaction

from marketdata.imports.foretelling import foretell
from marketdata.imports.refusal import ImportRefused
from marketdata.models import Exchange, Holiday

NEEDED = ("calendar", "date", "name")
OPTIONAL = ("opens_at", "closes_at", "is_holiday", "is_provisional", "source")
MOST_ROWS = 5_000
FLAGS = {"": None, "true": True, "1": True, "yes": True, "false": False, "0": False,
         "no": False}  # fmt: skip
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)


def parse(text: str) -> list[Holiday]:
    """Read the file; raise ImportRefused for the first line that is wrong."""
    rows = csv.DictReader(text.splitlines(), strict=True)
    _check_headings(list(rows.fieldnames or ()))
    codes = set(Exchange.objects.values_list("code", flat=True))
    found: dict[tuple[str, date], Holiday] = {}
    try:
        for row in rows:
            holiday = _holiday(row, codes)
            _add(found, holiday)
    except (ValueError, csv.Error) as error:
        raise ImportRefused(f"Line {rows.line_num}: {error}.") from error
    return list(found.values())


@transaction.atomic
def load(holidays: list[Holiday]) -> int:
    """Write what is new or different; move the expiries that it moves."""
    known = {
        (one.exchange_id, one.day): one
        for one in Holiday.objects.filter(day__in=[one.day for one in holidays])
    }
    changed = [
        one for one in holidays if _differs(one, known.get((one.exchange_id, one.day)))
    ]
    Holiday.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["exchange", "day"],
        update_fields=["name", *OPTIONAL, "updated_at"],
    )
    foretell()
    return len(changed)


def _check_headings(headings: list[str]) -> None:
    missing = [name for name in NEEDED if name not in headings]
    if missing:
        raise ImportRefused(f"Line 1: missing columns {', '.join(missing)}.")
    unknown = [name for name in headings if name not in (*NEEDED, *OPTIONAL)]
    if unknown:
        raise ImportRefused(f"Line 1: unknown columns {', '.join(unknown)[:80]}.")


def _add(found: dict[tuple[str, date], Holiday], holiday: Holiday) -> None:
    key = holiday.exchange_id, holiday.day
    if key in found:
        raise ValueError("date: the day stands twice")
    if len(found) == MOST_ROWS:
        raise ValueError(f"more than {MOST_ROWS} rows")
    found[key] = holiday


def _holiday(row: dict[str | None, Any], codes: set[str]) -> Holiday:
    if None in row or None in row.values():
        raise ValueError("the number of columns is another")
    text = {str(name): value.strip() for name, value in row.items()}
    if text["calendar"] not in codes:
        raise ValueError(f"calendar: nobody knows {text['calendar'][:16]!r}")
    opens_at, closes_at = _time(text, "opens_at"), _time(text, "closes_at")
    if (opens_at is None) != (closes_at is None):
        raise ValueError("closes_at: give both ends of the session, or none")
    if opens_at and closes_at and closes_at <= opens_at:
        raise ValueError("closes_at: the session must close after it opens")
    is_holiday = _flag(text, "is_holiday", usual=True)
    if not (is_holiday or opens_at):
        raise ValueError("is_holiday: a day without a session is a holiday")
    return Holiday(
        exchange_id=text["calendar"],
        day=_day(text["date"]),
        name=_short(text, "name", 64),
        opens_at=opens_at,
        closes_at=closes_at,
        is_holiday=is_holiday,
        is_provisional=_flag(text, "is_provisional", usual=False),
        source=_short(text, "source", 200, may_lack=True),
    )


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"date: {text[:16]!r} is no day like 2026-11-24") from None
    if not EARLIEST <= day <= LATEST:
        raise ValueError(f"date: not from {EARLIEST} through {LATEST}")
    return day


def _time(text: dict[str, str], name: str) -> time | None:
    try:
        said = time.fromisoformat(text[name]) if text.get(name) else None
    except ValueError:
        said = time.min.replace(tzinfo=UTC)
    if said is not None and said.tzinfo:
        raise ValueError(f"{name}: {text[name][:16]!r} is no time like 18:15")
    return said


def _flag(text: dict[str, str], name: str, *, usual: bool) -> bool:
    said = text.get(name, "").lower()
    if said not in FLAGS:
        raise ValueError(f"{name}: {said[:16]!r} is neither true nor false")
    flag = FLAGS[said]
    return usual if flag is None else flag


def _short(
    text: dict[str, str], name: str, longest: int, *, may_lack: bool = False
) -> str:
    said = text.get(name, "")
    if len(said) > longest or not said.isprintable() or not (said or may_lack):
        raise ValueError(f"{name}: 1 to {longest} printable characters are needed")
    return said


def _differs(new: Holiday, old: Holiday | None) -> bool:
    names = ["name", *OPTIONAL]
    return old is None or any(getattr(new, n) != getattr(old, n) for n in names)
