"""Writing what a list changes: all of it in one transaction, and a report of it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone

from marketdata.imports import foretelling
from marketdata.imports.instruments import dated
from marketdata.imports.instruments.doubts import Doubt, Known, sorted_out
from marketdata.imports.instruments.listed import Key, Listed
from marketdata.imports.instruments.quarantine import quarantine
from marketdata.imports.instruments.writing import Written, instrument_ids, write
from marketdata.imports.refusal import ImportRefused
from marketdata.models import Exchange, Instrument, InstrumentList

INDIA = ZoneInfo("Asia/Kolkata")
# A complete list that lacks more than this of what lives is taken for a broken one.
MOST_MISSING = 0.2
FEW_MISSING = 50
REPORTED = 500
HAS_DERIVATIVES = """
UPDATE marketdata_instrument known
   SET has_derivatives = NOT has_derivatives, updated_at = %(now)s
 WHERE kind IN ('index', 'stock')
   AND has_derivatives IS DISTINCT FROM EXISTS (
       SELECT FROM marketdata_instrument derived
        WHERE derived.underlying_id = known.id AND derived.is_active)
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of a list."""

    listed: int
    added: int = 0
    changed: int = 0
    expired: int = 0
    delisted: int = 0
    quarantined: int = 0
    changes: Sequence[str] = field(default_factory=list)

    @property
    def written(self) -> int:
        return self.added + self.changed


@transaction.atomic
def load(
    listed: Iterable[Listed],
    *,
    day: date | None = None,
    source: str = "a list",
    is_complete: bool = False,
    may_shrink: bool = False,
) -> Loaded:
    """Write what is new or different on ``day``, and quarantine what is ambiguous.

    Contracts that have expired by then become inactive; of a list that is complete,
    so does everything on its exchanges that it no longer has.
    """
    rows = list(listed)
    day = day or timezone.now().astimezone(INDIA).date()
    exchanges = sorted({row.exchange for row in rows})
    _wait_for_turn()
    _refuse_older(day, exchanges)
    _load_exchanges(exchanges)
    known = _known(rows, exchanges)
    clear, doubts = sorted_out(rows, known, day)
    gone = _gone(rows, known, day) if is_complete else []
    if not may_shrink:
        _refuse_shrunk(gone, known, day)
    ended = _end(known, gone, day)
    written = write(clear, known.instruments, day)
    living = [row for row in clear if not row.is_over(day)]
    dated.follow(living, instrument_ids(living), day)
    foretelling.learn(_expiries(clear))
    _mark_underlyings()
    loaded = _summary(rows, written, ended, gone, doubts)
    _report(loaded, rows, doubts, day, source, is_complete=is_complete)
    return loaded


def _wait_for_turn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('instrument_list'))")


def _refuse_older(day: date, exchanges: list[str]) -> None:
    """Refuse to write over what a later list said."""
    for later in InstrumentList.objects.filter(day__gt=day):
        if set(later.exchanges) & set(exchanges):
            raise ImportRefused(f"A list of {later.day} has been loaded already.")


def _load_exchanges(codes: list[str]) -> None:
    Exchange.objects.bulk_create(
        [Exchange(code=code, name=code) for code in codes], ignore_conflicts=True
    )


def _known(rows: list[Listed], exchanges: list[str]) -> Known:
    """Return what is active, and what is not but has a symbol that is listed."""
    of_exchanges = Instrument.objects.filter(exchange__in=exchanges)
    found = {_key(one): one for one in of_exchanges.filter(is_active=True)}
    holders = {
        (one.exchange_id, one.broker_token): one
        for one in found.values()
        if one.broker_token is not None
    }
    unknown = [row.symbol for row in rows if row.key not in found]
    for start in range(0, len(unknown), 5_000):
        part = unknown[start : start + 5_000]
        for one in of_exchanges.filter(symbol__in=part, is_active=False):
            found[_key(one)] = one
    return Known(found, holders)


def _key(one: Instrument) -> Key:
    return one.exchange_id, one.symbol


def _gone(rows: list[Listed], known: Known, day: date) -> list[Instrument]:
    """Return what should live on ``day`` and is not in a list that has everything."""
    keys = {row.key for row in rows}
    # Its number is in doubt, not its life: a person decides.
    numbers = {row.token_key for row in rows if row.key not in known.instruments}
    return [
        one
        for key, one in known.instruments.items()
        if one.is_active
        and key not in keys
        and not _is_over(one, day)
        and (one.exchange_id, one.broker_token) not in numbers
    ]


def _is_over(one: Instrument, day: date) -> bool:
    return one.expires_on is not None and one.expires_on < day


def _refuse_shrunk(gone: list[Instrument], known: Known, day: date) -> None:
    living = sum(
        one.is_active and not _is_over(one, day) for one in known.instruments.values()
    )
    if len(gone) > max(FEW_MISSING, MOST_MISSING * living):
        raise ImportRefused(
            f"{len(gone):,} of {living:,} living instruments are not in the list;"
            " it seems to be cut off."
        )


def _end(known: Known, gone: list[Instrument], day: date) -> list[Instrument]:
    """Make inactive what has expired or gone; return what has expired."""
    expired = [
        one
        for one in known.instruments.values()
        if one.is_active and _is_over(one, day)
    ]
    ids = [one.id for one in (*expired, *gone)]
    Instrument.objects.filter(id__in=ids).update(
        is_active=False, updated_at=timezone.now()
    )
    dated.end(expired, gone, day)
    for one in (*expired, *gone):
        one.is_active = False
    return expired


def _expiries(clear: list[Listed]) -> dict[tuple[str, str], set[date]]:
    found: dict[tuple[str, str], set[date]] = {}
    for row in clear:
        if row.expires_on:
            found.setdefault((row.exchange, row.name[:32]), set()).add(row.expires_on)
    return found


def _mark_underlyings() -> None:
    with connection.cursor() as cursor:
        cursor.execute(HAS_DERIVATIVES, {"now": timezone.now()})


def _summary(
    rows: list[Listed],
    written: Written,
    expired: list[Instrument],
    gone: list[Instrument],
    doubts: list[Doubt],
) -> Loaded:
    changes = [
        *written.changes,
        *(f"{one} expired" for one in expired),
        *(f"{one} is no longer listed" for one in gone),
        *(f"{'/'.join(one.listed.key)} {one.reason}: {one.detail}" for one in doubts),
    ]
    return Loaded(
        listed=len(rows),
        added=written.added,
        changed=written.changed,
        expired=len(expired),
        delisted=len(gone),
        quarantined=len(doubts),
        changes=changes,
    )


def _report(
    loaded: Loaded,
    rows: list[Listed],
    doubts: list[Doubt],
    day: date,
    source: str,
    *,
    is_complete: bool,
) -> None:
    """Keep what the list did; a list that comes again with nothing new adds none."""
    said = hashlib.sha256(repr(sorted(rows, key=repr)).encode()).hexdigest()
    same = InstrumentList.objects.filter(day=day, fingerprint=said)
    if same.exists() and not (loaded.written or loaded.expired or loaded.delisted):
        quarantine(same[0], doubts, day)
        return
    report, _ = InstrumentList.objects.update_or_create(
        day=day,
        fingerprint=said,
        defaults={
            "source": source[:128],
            "exchanges": sorted({row.exchange for row in rows}),
            "is_complete": is_complete,
            "listed": loaded.listed,
            "added": loaded.added,
            "changed": loaded.changed,
            "expired": loaded.expired,
            "delisted": loaded.delisted,
            "quarantined": loaded.quarantined,
            "changes": loaded.changes[:REPORTED],
        },
    )
    quarantine(report, doubts, day)
