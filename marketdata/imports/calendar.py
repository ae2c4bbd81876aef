"""The calendars we know: Indian exchanges with their dated rows, and the demo's.

The rows themselves stand in ``seeds/calendar.toml`` and the exchanges' own lists
beside it; they are only where the tables begin.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import transaction

from marketdata.imports import circulars
from marketdata.imports.foretelling import foretell
from marketdata.imports.seeding import plant
from marketdata.models import (
    Exchange,
    ExpiryRule,
    FreezeQuantity,
    Holiday,
    LotSize,
    SessionHours,
    SessionPhase,
    SettlementHoliday,
)

DEMO = "DEMO"
SEEDS = Path(__file__).parent / "seeds"
WEEKDAYS = range(5)
SHIPPED_LOTS = "lot_sizes_2026-04_to_2026-06.csv"
SHIPPED_FREEZE = "freeze_quantities_2025-11.csv"

Seed = dict[str, Any]
DATED = ["exchange_id", "underlying", "valid_from"]


@transaction.atomic
def load() -> int:
    """Add the rows that are missing; rows that somebody changed stay as they are."""
    seed = tomllib.loads((SEEDS / "calendar.toml").read_text(encoding="utf-8"))
    written = plant(Exchange, ["code"], _exchanges(seed))
    written += plant(
        SessionHours, ["exchange_id", "segment", "weekday", "valid_from"], _hours(seed)
    )
    written += plant(
        SessionPhase,
        ["exchange_id", "segment", "phase", "opens_at", "valid_from"],
        _phases(seed),
    )
    day = ["exchange_id", "day"]
    written += plant(Holiday, day, [*_holidays(seed), *_specials(seed)])
    written += plant(SettlementHoliday, day, _settlement_holidays(seed))
    written += plant(
        ExpiryRule, ["exchange_id", "underlying", "cycle", "valid_from"], _rules(seed)
    )
    written += plant(LotSize, DATED, [*_shipped_lots(), *_lots(seed)])
    written += plant(FreezeQuantity, DATED, [*_shipped_freeze(), *_freeze(seed)])
    return written + foretell()


def _exchanges(seed: Seed) -> Iterator[Exchange]:
    for code, name in seed["exchanges"].items():
        yield Exchange(code=code, name=name)


def _hours(seed: Seed) -> Iterator[SessionHours]:
    for row, code in _per_exchange(seed["hours"]):
        for weekday in row.get("weekdays", WEEKDAYS):
            yield SessionHours(
                exchange_id=code,
                segment=row.get("segment", ""),
                weekday=weekday,
                valid_from=row["from"],
                valid_to=row.get("to"),
                opens_at=row["opens"],
                closes_at=row["closes"],
                expiring_closes_at=row.get("expiring_closes"),
            )


def _phases(seed: Seed) -> Iterator[SessionPhase]:
    for row, code in _per_exchange(seed["phases"]):
        for step, opens_at, closes_at in row["steps"]:
            yield SessionPhase(
                exchange_id=code,
                segment=row.get("segment", ""),
                phase=row["phase"],
                step=step,
                valid_from=row["from"],
                valid_to=row.get("to"),
                opens_at=opens_at,
                closes_at=closes_at,
            )


def _holidays(seed: Seed) -> Iterator[Holiday]:
    for row, code in _per_exchange(seed["holidays"]):
        for day, name in row["days"].items():
            yield Holiday(exchange_id=code, day=day, name=name, source=row["source"])


def _specials(seed: Seed) -> Iterator[Holiday]:
    for row, code in _per_exchange(seed["specials"]):
        for day, name in row["days"].items():
            yield Holiday(
                exchange_id=code,
                day=day,
                name=name,
                opens_at=row["opens"],
                closes_at=row["closes"],
                is_holiday=row.get("is_holiday", True),
                is_provisional=row.get("is_provisional", False),
                source=row["source"],
            )


def _settlement_holidays(seed: Seed) -> Iterator[SettlementHoliday]:
    for row, code in _per_exchange(seed["settlement_holidays"]):
        for day, name in row["days"].items():
            yield SettlementHoliday(
                exchange_id=code, day=day, name=name, source=row["source"]
            )


def _rules(seed: Seed) -> Iterator[ExpiryRule]:
    for row in seed["expiry_rules"]:
        for underlying in row["underlyings"]:
            for cycle in row["cycles"]:
                yield ExpiryRule(
                    exchange_id=row["exchange"],
                    underlying=underlying,
                    cycle=cycle,
                    weekday=row["weekday"],
                    valid_from=row["from"],
                    valid_to=row.get("to"),
                    source=row.get("source", ""),
                )


def _lots(seed: Seed) -> Iterator[LotSize]:
    for row in seed["lot_sizes"]:
        for underlying, lot_size in row["lots"].items():
            yield LotSize(
                exchange_id=row["exchange"],
                underlying=underlying,
                valid_from=row["from"],
                valid_to=row.get("to"),
                lot_size=lot_size,
                source=row["source"],
            )


def _freeze(seed: Seed) -> Iterator[FreezeQuantity]:
    for row in seed["freeze_quantities"]:
        for underlying, quantity in row["quantities"].items():
            yield FreezeQuantity(
                exchange_id=row["exchange"],
                underlying=underlying,
                valid_from=row["from"],
                valid_to=row.get("to"),
                quantity=quantity,
                source=row["source"],
            )


def _shipped_lots() -> list[LotSize]:
    text = (SEEDS / SHIPPED_LOTS).read_text(encoding="utf-8")
    return circulars.lot_sizes(text, source="NSE list of lot sizes, April to June 2026")


def _shipped_freeze() -> list[FreezeQuantity]:
    """Return the stocks' quantities; those of the indices are dated in the seed."""
    text = (SEEDS / SHIPPED_FREEZE).read_text(encoding="utf-8")
    source = "NSE list of quantity freeze, undated: of winter 2025/26 by its contents"
    rows = circulars.freeze_quantities(
        text, valid_from=circulars.WINTER_2025, source=source
    )
    return [row for row in rows if row.underlying not in circulars.INDICES]


def _per_exchange(rows: list[Seed]) -> Iterator[tuple[Seed, str]]:
    for row in rows:
        for code in row["exchanges"]:
            yield row, code
