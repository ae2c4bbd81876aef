"""What an account is worth now: its rows, each with a price, and exact totals.

A price is the newer of two: the last one of the market data, and the one the broker
reported; it carries its age and where it is from. A row that needs a price and has
none has no result, its symbol is named, and every total it belongs to is absent:
never zero, never a sum of what happened to be known.

    result = value + quantity x price          of the day: day_value + quantity x price
    net worth = cash + holdings + positions
    positions = result of the day + what options from yesterday were worth at the close

Futures and shares from yesterday are in the cash or in the holdings already.
"""

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from accounts.models import AccountSync, Balance, Holding, Position, TradingAccount
from accounts.reported import MONEY_STEP, PRICE_STEP, ZERO
from marketdata import quotes
from marketdata.models import Instrument
from marketdata.quotes import Freshness, Quote, freshness


@dataclass(frozen=True, slots=True)
class Price:
    """A price, when it was seen, and who said it: ``market`` or ``broker``."""

    value: Decimal
    at: datetime.datetime
    origin: str

    def age_s(self, now: datetime.datetime) -> float:
        return max((now - self.at).total_seconds(), 0.0)

    def freshness(self, now: datetime.datetime) -> Freshness:
        return freshness(self.at.timestamp(), now)


@dataclass(frozen=True, slots=True)
class MarkedPosition:
    """A position at a price; a flat one needs none."""

    row: Position
    price: Price | None

    @property
    def is_missing(self) -> bool:
        return self.price is None and self.row.quantity != 0

    @property
    def market_value(self) -> Decimal | None:
        if self.is_missing:
            return None
        price = self.price.value if self.price else ZERO
        return (self.row.quantity * price).quantize(MONEY_STEP)

    @property
    def pnl(self) -> Decimal | None:
        value = self.market_value
        return None if value is None else value + self.row.value

    @property
    def day_pnl(self) -> Decimal | None:
        value = self.market_value
        return None if value is None else value + self.row.day_value

    @property
    def worth(self) -> Decimal | None:
        """What it adds to the net worth, beside what cash and holdings have."""
        day_pnl = self.day_pnl
        if day_pnl is None or not (self.row.overnight_quantity and self.is_option):
            return day_pnl
        if self.row.close_price is None:
            return None
        overnight = self.row.overnight_quantity * self.row.close_price
        return day_pnl + overnight.quantize(MONEY_STEP)

    @property
    def is_option(self) -> bool:
        if self.row.instrument is not None:
            return self.row.instrument.kind == Instrument.Kind.OPTION
        return self.row.symbol.endswith(("CE", "PE"))


@dataclass(frozen=True, slots=True)
class MarkedHolding:
    """A holding at a price."""

    row: Holding
    price: Price | None

    @property
    def is_missing(self) -> bool:
        return self.price is None and self.row.owned != 0

    @property
    def market_value(self) -> Decimal | None:
        if self.is_missing:
            return None
        price = self.price.value if self.price else ZERO
        return (self.row.owned * price).quantize(MONEY_STEP)

    @property
    def invested(self) -> Decimal:
        return (self.row.owned * self.row.average_price).quantize(MONEY_STEP)

    @property
    def pnl(self) -> Decimal | None:
        value = self.market_value
        return None if value is None else value - self.invested

    @property
    def day_pnl(self) -> Decimal | None:
        value, close = self.market_value, self.row.close_price
        if value is None or close is None:
            return None
        return value - (self.row.owned * close).quantize(MONEY_STEP)


Marked = MarkedPosition | MarkedHolding


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """An account with its rows marked at ``at``."""

    account: TradingAccount
    at: datetime.datetime
    sync: AccountSync
    positions: Sequence[MarkedPosition] = ()
    holdings: Sequence[MarkedHolding] = ()
    balances: Sequence[Balance] = field(default_factory=tuple)

    @property
    def rows(self) -> list[Marked]:
        return [*self.positions, *self.holdings]

    @property
    def missing(self) -> list[str]:
        """The symbols without a price, for which totals are absent."""
        return sorted({name_of(one) for one in self.rows if one.is_missing})

    @property
    def unworthy(self) -> list[str]:
        """The symbols without which there is no net worth."""
        told = {name_of(one) for one in self.positions if one.worth is None}
        return sorted(told.union(self.missing))

    @property
    def cash(self) -> Decimal:
        return sum((one.cash - one.payout for one in self.balances), ZERO)

    @property
    def holdings_value(self) -> Decimal | None:
        return total(one.market_value for one in self.holdings)

    @property
    def positions_value(self) -> Decimal | None:
        return total(one.worth for one in self.positions)

    @property
    def net_worth(self) -> Decimal | None:
        return total([self.cash, self.holdings_value, self.positions_value])

    @property
    def pnl(self) -> Decimal | None:
        return total(one.pnl for one in self.rows)

    @property
    def day_pnl(self) -> Decimal | None:
        return total(one.day_pnl for one in self.rows)

    @property
    def available_margin(self) -> Decimal:
        return sum((one.net for one in self.balances if one.is_enabled), ZERO)

    @property
    def open_positions(self) -> int:
        return sum(one.row.quantity != 0 for one in self.positions)


def name_of(one: Marked) -> str:
    return f"{one.row.exchange}:{one.row.symbol}"


def total(parts: Iterable[Decimal | None]) -> Decimal | None:
    """Return the exact sum, or nothing when a part is not known."""
    summed = ZERO
    for part in parts:
        if part is None:
            return None
        summed += part
    return summed


def valuation_of(account: TradingAccount, at: datetime.datetime) -> Valuation:
    return valuations([account], at)[account.pk]


def valuations(
    accounts: Collection[TradingAccount], at: datetime.datetime
) -> dict[int, Valuation]:
    """Return what each account is worth, by its pk; as many queries as for one."""
    pks = [account.pk for account in accounts]
    syncs = {one.account_id: one for one in AccountSync.objects.filter(pk__in=pks)}
    of = {"account__in": pks}
    positions = Position.objects.filter(is_reported=True, **of)
    held = list(positions.select_related("instrument"))
    shares = list(Holding.objects.filter(**of).select_related("instrument"))
    rows: list[Position | Holding] = [*held, *shares]
    seen = last_prices(one.instrument_id for one in rows)
    balances = list(Balance.objects.filter(**of))
    made = {}
    for account in accounts:
        sync = syncs.get(account.pk) or AccountSync(account_id=account.pk)
        made[account.pk] = Valuation(
            account=account,
            at=at,
            sync=sync,
            positions=[
                MarkedPosition(one, price_of(one, seen, _told_at(one, sync)))
                for one in held
                if one.account_id == account.pk
            ],
            holdings=[
                MarkedHolding(one, price_of(one, seen, sync.holdings_at))
                for one in shares
                if one.account_id == account.pk
            ],
            balances=[one for one in balances if one.account_id == account.pk],
        )
    return made


def _told_at(row: Position, sync: AccountSync) -> datetime.datetime:
    """Return when the broker last said this: a complete report confirms every row."""
    return max(row.reported_at, sync.positions_at or row.reported_at)


def last_prices(instrument_ids: Iterable[int | None]) -> Mapping[int, Quote]:
    """Return the market's last price of each; nobody outside is asked for it."""
    wanted = {number for number in instrument_ids if number is not None}
    return quotes.last_quotes(wanted, ask_ticker=False) if wanted else {}


def price_of(
    row: Position | Holding,
    seen: Mapping[int, Quote],
    told_at: datetime.datetime | None,
) -> Price | None:
    """Return the newer of the market's price and the one told at ``told_at``."""
    found: list[Price] = []
    quote = seen.get(row.instrument_id or 0)
    if quote is not None:
        at = datetime.datetime.fromtimestamp(quote.at, datetime.UTC)
        found.append(Price(exact(quote.price), at, "market"))
    if row.last_price is not None:
        found.append(Price(row.last_price, told_at or row.updated_at, "broker"))
    return max(found, key=lambda price: price.at, default=None)


def exact(price: float) -> Decimal:
    """Return a market price as the decimal that was meant."""
    return Decimal(repr(price)).quantize(PRICE_STEP)
