"""Which orders are asked for: a filter that programs and pages share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from orders.models.orders import OrderQuerySet
from orders.states import SETTLED, WORKING, Status

# Words for several statuses: who waits for one thing asks by one word.
GROUPS: Mapping[str, frozenset[Status]] = {"working": WORKING, "settled": SETTLED}
WORDS = [*GROUPS, *Status]


def statuses_of(words: str) -> frozenset[Status]:
    """Return what comma-separated words mean together; raise ``ValueError`` of one."""
    found: frozenset[Status] = frozenset()
    for word in filter(None, (each.strip() for each in words.lower().split(","))):
        found |= GROUPS.get(word) or {Status(word)}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is asked of orders; nothing of it asks for all.

    ``symbol`` is the broker's name as a whole, ``part`` a part of it; ``instrument``
    is EXCHANGE:SYMBOL of one that we know; ``day`` is the exchange's.
    """

    statuses: frozenset[Status] = frozenset()
    side: str = ""
    symbol: str = ""
    part: str = ""
    instrument: str = ""
    product: str = ""
    day: date | None = None
    is_in_book: bool | None = None

    def among(self, rows: OrderQuerySet) -> OrderQuerySet:
        """Return those of ``rows`` that are asked for."""
        if self.statuses:
            rows = rows.with_status(self.statuses)
        if self.day is not None:
            rows = rows.of_day(self.day)
        if self.instrument:
            exchange, _, symbol = self.instrument.upper().partition(":")
            rows = rows.filter(
                instrument__isnull=False, exchange=exchange, symbol=symbol
            )
        return rows.filter(**self._facts)

    @property
    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {
            "side": self.side,
            "symbol": self.symbol.upper(),
            "symbol__icontains": self.part,
            "product": self.product.upper(),
        }
        chosen = {name: value for name, value in facts.items() if value}
        if self.is_in_book is not None:
            chosen["is_reported"] = self.is_in_book
        return chosen
