"""What a broker says of an account: its positions, holdings, balances and orders.

Money and prices are ``Decimal``; quantities are signed whole numbers in units, never
lots: what a broker counts in lots is multiplied before it comes here. The symbol is
the broker's own word, kept also where we know no such instrument.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

ZERO = Decimal(0)
PRICE_STEP = Decimal("0.000001")
MONEY_STEP = Decimal("0.0001")


class Change(StrEnum):
    """What became of a position."""

    OPENED = "opened"
    INCREASED = "increased"
    REDUCED = "reduced"
    CLOSED = "closed"
    REVERSED = "reversed"


def change_of(before: int, after: int) -> Change | None:
    """Name the step from one signed quantity to another; None when it is none.

    Sizes are compared, not signs: more of a short position is an increase. Through
    zero to the other side is one reversal, not a close and an opening.
    """
    if before == after:
        return None
    if before == 0 or after == 0:
        return Change.CLOSED if after == 0 else Change.OPENED
    if (before > 0) != (after > 0):
        return Change.REVERSED
    return Change.INCREASED if abs(after) > abs(before) else Change.REDUCED


def facts_of(report: object, names: Iterable[str]) -> dict[str, Any]:
    """Return the named fields of ``report``, decimals as finely as they are kept.

    Prices to a millionth, money to a hundredth of a paisa: what is read back is then
    equal to what was reported.
    """
    return {name: _kept(name, getattr(report, name)) for name in names}


def _kept(name: str, value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    return value.quantize(PRICE_STEP if name.endswith("_price") else MONEY_STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedPosition:
    """The net position in one contract and product.

    ``value`` is what its trades brought in, less what they cost, since it was opened;
    ``day_value`` is the same with what stood overnight taken at yesterday's close. So
    that ``value + quantity x price`` is its result and ``day_value + quantity x
    price`` that of the day. ``multiplier`` is how many units one of the broker's is.
    """

    exchange: str
    symbol: str
    product: str
    quantity: int
    average_price: Decimal = ZERO
    overnight_quantity: int = 0
    multiplier: int = 1
    value: Decimal = ZERO
    day_value: Decimal = ZERO
    last_price: Decimal | None = None
    close_price: Decimal | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.exchange, self.symbol, self.product


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedHolding:
    """Shares in the depository: delivered ones and those that come tomorrow."""

    exchange: str
    symbol: str
    isin: str = ""
    quantity: int
    t1_quantity: int = 0
    collateral_quantity: int = 0
    average_price: Decimal = ZERO
    last_price: Decimal | None = None
    close_price: Decimal | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.exchange, self.symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedBalance:
    """The money of one segment (equity or commodity), and what is blocked of it."""

    segment: str
    is_enabled: bool = True
    net: Decimal = ZERO
    cash: Decimal = ZERO
    opening_balance: Decimal = ZERO
    intraday_payin: Decimal = ZERO
    collateral: Decimal = ZERO
    used: Decimal = ZERO
    span: Decimal = ZERO
    exposure: Decimal = ZERO
    option_premium: Decimal = ZERO
    delivery: Decimal = ZERO
    payout: Decimal = ZERO
    realized_pnl: Decimal = ZERO
    unrealized_pnl: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedOrder:
    """An order as the broker has it; ``status`` is the broker's own word.

    A price that the order has not (the limit of a market order, the average of one
    that did not trade) is absent. ``changed_at`` is when the exchange last changed
    it, by the broker's clock and often only to the second.
    """

    order_id: str
    exchange_order_id: str = ""
    exchange: str
    symbol: str
    product: str
    side: str
    order_type: str
    validity: str = ""
    status: str
    status_message: str = ""
    quantity: int
    filled_quantity: int = 0
    canceled_quantity: int = 0
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    average_price: Decimal | None = None
    tag: str = ""
    placed_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.exchange, self.symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """All that a broker says of an account, each part with when it was asked for."""

    positions: Sequence[ReportedPosition] = ()
    positions_at: datetime
    holdings: Sequence[ReportedHolding] = ()
    holdings_at: datetime
    balances: Sequence[ReportedBalance] = field(default_factory=tuple)
    balances_at: datetime
