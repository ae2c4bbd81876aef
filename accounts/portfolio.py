"""What an account had at an instant: live, or as a snapshot remembers it.

Both are the same documents, decimals as text, so that a page, a program and a
snapshot can not differ. Totals are made of the documents' own figures: what is shown
adds up exactly.
"""

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from accounts import hours, valuing
from accounts.hours import Due
from accounts.models import AccountSnapshot, AccountSync, Balance, TradingAccount
from accounts.models.balances import FACTS as BALANCE_FACTS
from accounts.valuing import Marked, MarkedHolding, MarkedPosition, Valuation

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """The documents of an account at ``as_of``; ``synced_at`` is the broker's word.

    ``missing`` names what had no price; totals that need it are then absent.
    """

    account: TradingAccount
    as_of: datetime.datetime
    is_live: bool
    synced_at: datetime.datetime | None
    positions: Sequence[Document]
    holdings: Sequence[Document]
    balances: Sequence[Document]
    cash: Decimal
    net_worth: Decimal | None
    pnl: Decimal | None
    day_pnl: Decimal | None
    missing: Sequence[str]


def live(account: TradingAccount, at: datetime.datetime) -> Portfolio:
    return of_valuation(valuing.valuation_of(account, at))


def as_of(account: TradingAccount, at: datetime.datetime) -> Portfolio | None:
    """Return what the newest snapshot until ``at`` remembers; None before the first."""
    row = AccountSnapshot.objects.as_of(account, at)
    if row is None:
        return None
    return Portfolio(
        account=account,
        as_of=row.taken_at,
        is_live=False,
        synced_at=row.synced_at,
        positions=row.positions,
        holdings=row.holdings,
        balances=row.balances,
        cash=row.cash,
        net_worth=row.net_worth,
        pnl=row.pnl,
        day_pnl=row.day_pnl,
        missing=row.missing,
    )


def of_valuation(worth: Valuation) -> Portfolio:
    return Portfolio(
        account=worth.account,
        as_of=worth.at,
        is_live=True,
        synced_at=worth.sync.last_sync_at,
        positions=[position_document(one, worth.at) for one in worth.positions],
        holdings=[holding_document(one, worth.at) for one in worth.holdings],
        balances=[balance_document(one) for one in worth.balances],
        cash=worth.cash,
        net_worth=worth.net_worth,
        pnl=worth.pnl,
        day_pnl=worth.day_pnl,
        missing=worth.unworthy,
    )


def position_document(one: MarkedPosition, at: datetime.datetime) -> Document:
    row = one.row
    return {
        "exchange": row.exchange,
        "symbol": row.symbol,
        "instrument": str(row.instrument) if row.instrument else None,
        "product": row.product,
        "quantity": row.quantity,
        "overnight_quantity": row.overnight_quantity,
        "multiplier": row.multiplier,
        "average_price": str(row.average_price),
        **_price_fields(one, at),
        "market_value": _text(one.market_value),
        "pnl": _text(one.pnl),
        "day_pnl": _text(one.day_pnl),
        "reported_at": row.reported_at.isoformat(),
    }


def holding_document(one: MarkedHolding, at: datetime.datetime) -> Document:
    row = one.row
    return {
        "exchange": row.exchange,
        "symbol": row.symbol,
        "instrument": str(row.instrument) if row.instrument else None,
        "isin": row.isin,
        "quantity": row.owned,
        "t1_quantity": row.t1_quantity,
        "collateral_quantity": row.collateral_quantity,
        "average_price": str(row.average_price),
        **_price_fields(one, at),
        "invested": str(one.invested),
        "market_value": _text(one.market_value),
        "pnl": _text(one.pnl),
        "day_pnl": _text(one.day_pnl),
    }


def balance_document(row: Balance) -> Document:
    facts = {name: getattr(row, name) for name in BALANCE_FACTS}
    return {"segment": row.segment} | {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in facts.items()
    }


def movable(worth: Valuation) -> Document:
    """Return what a page needs to move the figures of ``worth`` by itself.

    The rows without what the stream of positions tells, each with its price and where
    that is from, and the cash. Decimals are text, times epoch seconds.
    """
    return {
        "at": worth.at.timestamp(),
        "cash": str(worth.cash),
        "positions": [
            {
                "exchange": one.row.exchange,
                "symbol": one.row.symbol,
                "product": one.row.product,
                "is_option": one.is_option,
                "price": _movable_price(one),
            }
            for one in worth.positions
        ],
        "holdings": [
            {
                "exchange": one.row.exchange,
                "symbol": one.row.symbol,
                "instrument": str(one.row.instrument) if one.row.instrument else None,
                "quantity": one.row.owned,
                "invested": str(one.invested),
                "close_price": _text(one.row.close_price),
                "price": _movable_price(one),
            }
            for one in worth.holdings
        ],
    }


def _movable_price(one: Marked) -> Document | None:
    price = one.price
    if price is None:
        return None
    text, at = str(price.value), price.at.timestamp()
    return {"value": text, "at": at, "origin": price.origin}


def _price_fields(one: Marked, at: datetime.datetime) -> Document:
    price = one.price
    return {
        "last_price": str(price.value) if price else None,
        "price_at": price.at.isoformat() if price else None,
        "price_age_s": round(price.age_s(at), 3) if price else None,
        "price_origin": price.origin if price else None,
        "freshness": str(price.freshness(at)) if price else "no_data",
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def summed(rows: Iterable[Document], name: str) -> Decimal | None:
    """Return the exact total of a figure of ``rows``; None when one is not known."""
    return valuing.total(
        None if row[name] is None else Decimal(row[name]) for row in rows
    )


def without_price(rows: Iterable[Document]) -> list[str]:
    """Return the symbols of ``rows`` that have no value for want of a price."""
    return sorted(
        {f"{row['exchange']}:{row['symbol']}" for row in rows if row["pnl"] is None}
    )


def take_snapshots(accounts: Collection[TradingAccount], at: datetime.datetime) -> int:
    """Take what is due at ``at`` of ``accounts``; return how many were new.

    An account that was never synced has nothing to remember. An instant that has its
    snapshot keeps it, whoever tries again.
    """
    synced = AccountSync.objects.filter(
        account__in=accounts, last_sync_at__isnull=False
    )
    known = set(synced.values_list("account_id", flat=True))
    accounts = [account for account in accounts if account.pk in known]
    places = hours.calendars_of(accounts)
    dues = {one.pk: hours.snapshots_due(places[one.pk], at) for one in accounts}
    wanted = _without_snapshot(accounts, dues)
    worths = valuing.valuations([account for account, _due in wanted], at)
    rows = [snapshot(worths[account.pk], due) for account, due in wanted]
    return AccountSnapshot.objects.keep(rows) if rows else 0


def _without_snapshot(
    accounts: Collection[TradingAccount], dues: Mapping[int, Sequence[Due]]
) -> list[tuple[TradingAccount, Due]]:
    instants = {due.taken_at for some in dues.values() for due in some}
    rows = AccountSnapshot.objects.filter(account__in=dues, taken_at__in=instants)
    taken = set(rows.values_list("account_id", "taken_at"))
    wanted = []
    for account in accounts:
        for due in dues[account.pk]:
            if (account.pk, due.taken_at) not in taken:
                taken.add((account.pk, due.taken_at))
                wanted.append((account, due))
    return wanted


def snapshot(worth: Valuation, due: Due) -> AccountSnapshot:
    """Return the row that remembers ``worth``, not yet saved."""
    seen = of_valuation(worth)
    return AccountSnapshot(
        account=worth.account,
        taken_at=due.taken_at,
        day=due.day,
        kind=due.kind,
        synced_at=seen.synced_at,
        net_worth=seen.net_worth,
        cash=seen.cash,
        holdings_value=worth.holdings_value,
        positions_value=worth.positions_value,
        pnl=seen.pnl,
        day_pnl=seen.day_pnl,
        missing=list(seen.missing),
        positions=list(seen.positions),
        holdings=list(seen.holdings),
        balances=list(seen.balances),
    )


def matching(rows: Iterable[Document], **wanted: str) -> list[Document]:
    """Return the rows whose fields are as ``wanted``; an empty wish is none."""
    wishes = {name: value for name, value in wanted.items() if value}
    return [row for row in rows if wishes.items() <= row.items()]
