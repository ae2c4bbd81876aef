"""The instruments of a list as rows: what is new or different, and nothing else."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from django.utils import timezone

from marketdata.aliases import INDEX_SYMBOLS
from marketdata.calendars import CASH_OF
from marketdata.imports.instruments.listed import USUAL_TICK, Key, Listed
from marketdata.models import Instrument

FIELDS = (
    "name", "broker_token", "segment", "kind", "underlying_id", "expires_on", "strike",
    "option_type", "lot_size", "tick_size", "is_active",
)  # fmt: skip
BATCH = 2_000


@dataclass(slots=True)
class Written:
    """How many rows were new or different, and what differed, in words."""

    added: int = 0
    changed: int = 0
    changes: list[str] = field(default_factory=list)


def write(
    listed: Iterable[Listed], known: Mapping[Key, Instrument], day: date
) -> Written:
    """Write underlyings before what is derived from them."""
    rows = list(listed)
    written = Written()
    _write([row for row in rows if not row.is_derivative], known, {}, day, written)
    derived = [row for row in rows if row.is_derivative]
    _write(derived, known, _underlyings(derived), day, written)
    return written


def instrument_ids(listed: Iterable[Listed]) -> dict[Key, int]:
    """Return our own id of each row that was written."""
    exchanges = {row.exchange for row in listed}
    rows = Instrument.objects.filter(exchange__in=exchanges, is_active=True)
    found = rows.order_by().values_list("exchange_id", "symbol", "id")
    return {(exchange, symbol): id_ for exchange, symbol, id_ in found}


def _underlyings(derived: list[Listed]) -> dict[Key, int]:
    if not derived:
        return {}
    rows = Instrument.objects.filter(kind__in=["index", "stock"]).order_by()
    found = rows.values_list("exchange_id", "symbol", "id")
    return {(exchange, symbol): id_ for exchange, symbol, id_ in found}


def _write(
    rows: Iterable[Listed],
    known: Mapping[Key, Instrument],
    underlyings: Mapping[Key, int],
    day: date,
    written: Written,
) -> None:
    changed = []
    now = timezone.now()
    for row in rows:
        old = known.get(row.key)
        new = _instrument(row, underlyings, old, day)
        new.updated_at = now
        if old is None:
            written.added += 1
            written.changes.append(f"{row.exchange}:{row.symbol} is new")
        elif differences := list(_differences(old, new)):
            written.changed += 1
            written.changes.append(f"{old} {', '.join(differences)}")
        else:
            continue
        changed.append(new)
    Instrument.objects.bulk_create(
        changed,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["exchange", "symbol"],
        update_fields=[*FIELDS, "updated_at"],
    )


def _differences(old: Instrument, new: Instrument) -> Iterator[str]:
    for name in FIELDS:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"{name} {before} → {after}"


def _instrument(
    row: Listed,
    underlyings: Mapping[Key, int],
    old: Instrument | None,
    day: date,
) -> Instrument:
    usual = old.tick_size if old else USUAL_TICK
    return Instrument(
        exchange_id=row.exchange,
        symbol=row.symbol,
        name=row.name,
        broker_token=row.broker_token,
        segment=row.segment,
        kind=row.kind,
        underlying_id=_underlying(row, underlyings),
        expires_on=row.expires_on,
        strike=row.strike,
        option_type=row.option_type,
        lot_size=row.lot_size,
        tick_size=row.tick_size or usual,
        is_active=not row.is_over(day),
    )


def _underlying(row: Listed, underlyings: Mapping[Key, int]) -> int | None:
    if not row.is_derivative:
        return None
    exchange = CASH_OF.get(row.exchange, row.exchange)
    for symbol in (INDEX_SYMBOLS.get(row.name, ""), row.name):
        if (exchange, symbol) in underlyings:
            return underlyings[exchange, symbol]
    return None
