"""Positions, holdings, balances and orders in Kite's fields.

The ticker service answers in the same ones. What is counted in lots there (``quantity``
with a ``multiplier``) becomes units here. Numbers are read from their text straight
into ``Decimal``; a number that cannot be meant refuses the whole answer.
"""

import datetime
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from accounts.brokers.errors import BrokerUnreadable
from accounts.reported import (
    ReportedBalance,
    ReportedHolding,
    ReportedOrder,
    ReportedPosition,
)

IST = ZoneInfo("Asia/Kolkata")
MOST = Decimal(10) ** 13
# Beyond them lie times that the database keeps and cannot give back.
YEARS = range(2000, 2100)
# How Go writes a time that there is not.
NO_YEAR = 1
ZERO = Decimal(0)
Quantity = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
# PostgreSQL keeps no NUL.
NO_NUL = r"^[^\x00]*$"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=NO_NUL)]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=12, pattern=NO_NUL)]


class Position(msgspec.Struct, frozen=True):
    """A net position."""

    tradingsymbol: Name
    exchange: Word
    product: Word
    quantity: Quantity
    average_price: Decimal
    value: Decimal
    overnight_quantity: Quantity = 0
    multiplier: Annotated[int, msgspec.Meta(ge=1, le=10**6)] = 1
    last_price: Decimal = ZERO
    close_price: Decimal = ZERO
    buy_m2m: Decimal = ZERO
    sell_m2m: Decimal = ZERO

    def reported(self) -> ReportedPosition:
        return ReportedPosition(
            exchange=self.exchange,
            symbol=self.tradingsymbol,
            product=self.product,
            quantity=self.quantity * self.multiplier,
            overnight_quantity=self.overnight_quantity * self.multiplier,
            multiplier=self.multiplier,
            average_price=number(self.average_price),
            value=number(self.value),
            day_value=number(self.sell_m2m) - number(self.buy_m2m),
            last_price=price(self.last_price),
            close_price=price(self.close_price),
        )


class Positions(msgspec.Struct, frozen=True):
    """Net positions; those of the day alone are not asked for."""

    net: list[Position]


class Holding(msgspec.Struct, frozen=True):
    """Shares of one company."""

    tradingsymbol: Name
    exchange: Word
    quantity: Quantity
    average_price: Decimal
    isin: Annotated[str, msgspec.Meta(max_length=12)] = ""
    t1_quantity: Quantity = 0
    collateral_quantity: Quantity = 0
    last_price: Decimal = ZERO
    close_price: Decimal = ZERO

    def reported(self) -> ReportedHolding:
        return ReportedHolding(
            exchange=self.exchange,
            symbol=self.tradingsymbol,
            isin=self.isin,
            quantity=self.quantity,
            t1_quantity=self.t1_quantity,
            collateral_quantity=self.collateral_quantity,
            average_price=number(self.average_price),
            last_price=price(self.last_price),
            close_price=price(self.close_price),
        )


class Available(msgspec.Struct, frozen=True):
    """What there is in a segment."""

    cash: Decimal
    opening_balance: Decimal = ZERO
    intraday_payin: Decimal = ZERO
    collateral: Decimal = ZERO


class Utilised(msgspec.Struct, frozen=True):
    """What is blocked or spent of it."""

    debits: Decimal = ZERO
    span: Decimal = ZERO
    exposure: Decimal = ZERO
    option_premium: Decimal = ZERO
    delivery: Decimal = ZERO
    payout: Decimal = ZERO
    m2m_realised: Decimal = ZERO
    m2m_unrealised: Decimal = ZERO


class Margin(msgspec.Struct, frozen=True):
    """The money of one segment."""

    enabled: bool
    net: Decimal
    available: Available
    utilised: Utilised

    def reported(self, segment: str) -> ReportedBalance:
        has, uses = self.available, self.utilised
        return ReportedBalance(
            segment=segment,
            is_enabled=self.enabled,
            net=number(self.net),
            cash=number(has.cash),
            opening_balance=number(has.opening_balance),
            intraday_payin=number(has.intraday_payin),
            collateral=number(has.collateral),
            used=number(uses.debits),
            span=number(uses.span),
            exposure=number(uses.exposure),
            option_premium=number(uses.option_premium),
            delivery=number(uses.delivery),
            payout=number(uses.payout),
            realized_pnl=number(uses.m2m_realised),
            unrealized_pnl=number(uses.m2m_unrealised),
        )


class Order(msgspec.Struct, frozen=True):
    """An order of the day."""

    order_id: Name
    exchange: Word
    tradingsymbol: Name
    product: Word
    transaction_type: Literal["BUY", "SELL"]
    order_type: Word
    status: Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern=NO_NUL)]
    quantity: Count
    filled_quantity: Count = 0
    cancelled_quantity: Count = 0
    exchange_order_id: str | None = None
    validity: str | None = None
    status_message: str | None = None
    price: Decimal = ZERO
    trigger_price: Decimal = ZERO
    average_price: Decimal = ZERO
    tag: str | None = None
    order_timestamp: str | None = None
    exchange_update_timestamp: str | None = None

    def reported(self) -> ReportedOrder:
        return ReportedOrder(
            order_id=self.order_id,
            exchange_order_id=text(self.exchange_order_id, 64),
            exchange=self.exchange,
            symbol=self.tradingsymbol,
            product=self.product,
            side=self.transaction_type,
            order_type=self.order_type,
            validity=text(self.validity, 12),
            status=self.status,
            status_message=text(self.status_message, 500),
            quantity=self.quantity,
            filled_quantity=self.filled_quantity,
            canceled_quantity=self.cancelled_quantity,
            price=price(self.price),
            trigger_price=price(self.trigger_price),
            average_price=price(self.average_price),
            tag=text(self.tag, 64),
            placed_at=moment(self.order_timestamp),
            changed_at=moment(self.exchange_update_timestamp),
        )


Margins = dict[str, Margin]


def balances(margins: Margins) -> list[ReportedBalance]:
    return [margin.reported(segment) for segment, margin in margins.items()]


def number(value: Decimal) -> Decimal:
    """Return ``value`` if it can be meant; minus nothing is nothing."""
    if not value.is_finite() or abs(value) >= MOST:
        raise BrokerUnreadable(f"A broker's number cannot be meant: {value:.3E}.")
    return value + 0


def price(value: Decimal) -> Decimal | None:
    """Return a price; nothing where the broker has none and writes 0."""
    return number(value) if value > 0 else None


def text(value: str | None, longest: int) -> str:
    """Return what is told to people only, as long as it is kept."""
    return (value or "").replace("\0", "")[:longest]


def moment(text: str | None) -> datetime.datetime | None:
    """Return an instant that is written in IST without saying so."""
    if not text:
        return None
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise BrokerUnreadable(f"{text[:40]!r} is no time.") from error
    if at.year == NO_YEAR:
        return None
    if at.year not in YEARS:
        raise BrokerUnreadable(f"A broker's time cannot be meant: {text[:40]!r}.")
    return at if at.tzinfo else at.replace(tzinfo=IST)
