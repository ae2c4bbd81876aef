"""One line of a list, whatever list it stood in."""

from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from marketdata.models import Instrument

Key = tuple[str, str]
# Kite lists indices with a tick size of 0, and the exchange's list has none at all.
USUAL_TICK = Decimal("0.05")


@dataclass(frozen=True, slots=True)
class Listed:
    """One instrument as a list has it; no tick size where the list tells none."""

    exchange: str
    symbol: str
    name: str
    broker_token: int
    segment: str
    kind: str
    option_type: str
    expires_on: date | None
    strike: Decimal | None
    lot_size: int
    tick_size: Decimal | None

    @property
    def key(self) -> Key:
        return self.exchange, self.symbol

    @property
    def token_key(self) -> tuple[str, int]:
        return self.exchange, self.broker_token

    @property
    def is_derivative(self) -> bool:
        return self.expires_on is not None

    def is_over(self, day: date) -> bool:
        """Tell whether the contract had ended before ``day``."""
        return self.expires_on is not None and self.expires_on < day

    def is_same_contract(self, known: Instrument) -> bool:
        """Tell whether ``known`` is this contract, but for the day it expires."""
        return (self.kind, self.option_type, self.strike) == (
            known.kind,
            known.option_type,
            known.strike,
        )

    def as_row(self) -> dict[str, str | int | None]:
        return {
            name: value if value is None or isinstance(value, int) else str(value)
            for name, value in asdict(self).items()
        }
