"""What accounts are worth: prices, totals, what is missing, snapshots and the curve."""

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import hours, portfolio, tasks, valuing
from accounts.models import (
    AccountSnapshot,
    AccountSync,
    Balance,
    Holding,
    Position,
    TradingAccount,
)
from marketdata import quotes
from marketdata.bars import Bar
from marketdata.calendars import calendars
from marketdata.models import Exchange, Instrument
from tests.accounts.builders import make_account
from tests.accounts.portfolios import TEN, balance, holding, later, position
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_exchange,
    make_holiday,
    make_hours,
    make_instrument,
    save_bars,
)

AT = later(60)


def give(account: TradingAccount, at: datetime.datetime = TEN, **parts: Any) -> None:
    """Let the account have what a complete report at ``at`` says."""
    Position.objects.apply(
        account, parts.get("positions", ()), as_of=at, is_complete=True, source="test"
    )
    Holding.objects.apply(account, parts.get("holdings", ()), as_of=at)
    Balance.objects.apply(account, parts.get("balances", [balance()]), as_of=at)
    AccountSync.objects.filter(account=account).update(last_sync_at=at, status="ok")


def traded(instrument: Instrument, at: datetime.datetime, price: float) -> None:
    save_bars([make_bar(instrument, at, price)])


def test_results_are_exact_sums(account: TradingAccount):
    give(
        account,
        positions=[
            position("A", 3, value=Decimal("-300.10"), last_price=Decimal("100.1")),
            position("B", -7, value=Decimal("700.70"), last_price=Decimal("99.9")),
            position("C", 0, value=Decimal("0.05"), day_value=Decimal("0.05")),
        ],
        holdings=[holding("D", 10, average_price=Decimal("33.333333"))],
    )

    worth = valuing.valuation_of(account, AT)

    assert [one.pnl for one in worth.positions] == [
        Decimal("0.2"),
        Decimal("1.4"),
        Decimal("0.05"),
    ]
    assert worth.holdings[0].pnl == Decimal(1000) - Decimal("333.3333")
    assert worth.pnl == Decimal("1.65") + Decimal("666.6667")
    # The days' values differ from the values: -300, 700 and 0.05.
    assert worth.net_worth == Decimal(2000) + Decimal("1.05")


def test_a_short_position_wins_when_the_price_falls(account: TradingAccount):
    give(account, positions=[position("A", -10, last_price=Decimal(90))])
    assert valuing.valuation_of(account, AT).positions[0].pnl == 100


def test_the_newer_of_two_prices_counts(account: TradingAccount):
    acme, bolt = make_instrument("ACME"), make_instrument("BOLT")
    traded(acme, TEN + datetime.timedelta(minutes=1), 105.05)
    traded(bolt, TEN - datetime.timedelta(minutes=1), 1.0)
    give(account, positions=[position("ACME", 2), position("BOLT", 2)])

    first, second = valuing.valuation_of(account, later(90)).positions

    assert first.price == valuing.Price(Decimal("105.05"), later(60), "market")
    assert second.price == valuing.Price(Decimal(100), TEN, "broker")
    assert first.price.age_s(later(90)) == 30
    assert first.pnl == Decimal("10.1")


def test_a_live_price_comes_from_the_shared_cache(account: TradingAccount):
    acme = make_instrument("ACME")
    now = timezone.now()
    bar = Bar(
        instrument_id=acme.pk,
        opened_at=int(now.timestamp()),
        open=101.5, high=101.5, low=101.5, close=101.5,
        first_at=now.timestamp(), last_at=now.timestamp(),
        first_volume=0, last_volume=0,
    )  # fmt: skip
    quotes.remember([bar])
    give(account, positions=[position("ACME", 2)], at=TEN)

    (one,) = valuing.valuation_of(account, now).positions

    assert one.price is not None
    assert (one.price.value, one.price.origin) == (Decimal("101.5"), "market")
    assert one.price.freshness(now) == "valid"


def test_a_missing_price_makes_totals_absent_and_is_named(account: TradingAccount):
    give(
        account,
        positions=[position("KNOWN", 1), position("LOST", 5, last_price=None)],
        holdings=[holding("ITC", 1)],
    )

    worth = valuing.valuation_of(account, AT)

    assert worth.missing == ["NSE:LOST"]
    assert (worth.pnl, worth.day_pnl, worth.net_worth) == (None, None, None)
    assert worth.holdings_value == 100


def test_a_flat_position_needs_no_price(account: TradingAccount):
    flat = position("DONE", 0, value=Decimal(7), day_value=Decimal(7), last_price=None)
    give(account, positions=[flat])
    worth = valuing.valuation_of(account, AT)
    assert (worth.missing, worth.pnl, worth.net_worth) == (
        [],
        Decimal(7),
        Decimal(1007),
    )


def test_a_holding_without_a_close_has_a_worth_but_no_day(account: TradingAccount):
    give(account, holdings=[holding("NEW", 2, close_price=None)])
    worth = valuing.valuation_of(account, AT)
    assert (worth.net_worth, worth.pnl, worth.day_pnl) == (
        Decimal(1200),
        Decimal(20),
        None,
    )


def test_an_option_from_yesterday_is_worth_its_price(account: TradingAccount):
    """Its premium left the cash yesterday; today's part is in the day's result."""
    option = position(
        "ACME26JAN100CE",
        50,
        overnight_quantity=50,
        value=Decimal(-400),
        day_value=Decimal(-500),
        close_price=Decimal(10),
        last_price=Decimal(12),
    )
    give(account, positions=[option])
    worth = valuing.valuation_of(account, AT)
    assert worth.positions[0].day_pnl == 100
    assert worth.net_worth == 1000 + 50 * 12


def test_a_future_from_yesterday_adds_its_result_of_the_day(account: TradingAccount):
    future = position(
        "ACME26JANFUT",
        50,
        overnight_quantity=50,
        value=Decimal(-4000),
        day_value=Decimal(-5000),
        close_price=Decimal(100),
        last_price=Decimal(102),
    )
    give(account, positions=[future])
    assert valuing.valuation_of(account, AT).net_worth == 1100


def test_pledged_and_coming_shares_are_counted_as_they_should(account: TradingAccount):
    give(account, holdings=[holding("ITC", 5, t1_quantity=2, collateral_quantity=3)])
    (one,) = valuing.valuation_of(account, AT).holdings
    assert (one.row.owned, one.market_value) == (7, Decimal(700))


def test_many_accounts_are_valued_in_as_many_queries_as_one(account: TradingAccount):
    accounts = [account, *(make_account(f"more-{n}") for n in range(10))]
    make_instrument("ACME")
    for one in accounts:
        give(one, positions=[position("ACME", 2)], holdings=[holding("ITC", 2)])
    with CaptureQueriesContext(connection) as single:
        valuing.valuations(accounts[:1], AT)
    with CaptureQueriesContext(connection) as many:
        valuing.valuations(accounts, AT)
    assert len(many) == len(single) == 5


# --- snapshots ------------------------------------------------------------------


@pytest.fixture
def nse(db: None) -> Exchange:
    Exchange.objects.all().delete()
    exchange = make_exchange("NSE")
    make_hours(exchange)
    return exchange


def dues(at: str, *codes: str) -> list[tuple[str, str, str]]:
    places = list(calendars(codes or ("NSE",)).values())
    return [
        (
            f"{due.taken_at.astimezone(ist(at).tzinfo):%d %H:%M}",
            f"{due.day:%d}",
            due.kind,
        )
        for due in hours.snapshots_due(places, ist(at))
    ]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-01-05 09:10", []),
        ("2026-01-05 09:15", [("05 09:15", "05", "interval")]),
        ("2026-01-05 15:25", [("05 15:25", "05", "interval")]),
        ("2026-01-05 15:30", [("05 15:30", "05", "day_end")]),
        # Nobody took it in time: it is due until two hours later.
        ("2026-01-05 17:30", [("05 15:30", "05", "day_end")]),
        ("2026-01-05 17:35", []),
        ("2026-01-04 11:00", []),
        # A holiday, and one with a session of its own in the evening.
        ("2026-01-26 11:00", []),
        ("2026-01-27 18:15", [("27 18:15", "27", "interval")]),
        ("2026-01-27 19:10", [("27 19:07", "27", "day_end")]),
    ],
)
def test_snapshots_are_due_by_the_dated_calendar(
    nse: Exchange, at: str, expected: list[Any]
):
    make_holiday(nse, "2026-01-26")
    make_holiday(nse, "2026-01-27", "18:00", "19:07")
    assert dues(at) == expected


def test_a_market_that_never_closes_ends_its_day_at_midnight(db: None):
    make_hours(make_exchange("XDEMO"), opens="00:00", closes="00:00", weekdays=range(7))
    assert dues("2026-01-04 23:55", "XDEMO") == [("04 23:55", "04", "interval")]
    assert dues("2026-01-05 00:00", "XDEMO") == [
        ("05 00:00", "04", "day_end"),
        ("05 00:00", "05", "interval"),
    ]
    assert dues("2026-01-05 00:05", "XDEMO") == [("05 00:05", "05", "interval")]


def test_a_day_on_two_markets_ends_with_the_later_one(nse: Exchange):
    make_hours(make_exchange("MCX"), opens="09:00", closes="23:30")
    assert dues("2026-01-05 15:30", "NSE", "MCX") == [("05 15:30", "05", "interval")]
    assert dues("2026-01-05 23:30", "NSE", "MCX") == [("05 23:30", "05", "day_end")]


def taken(account: TradingAccount, at: str) -> int:
    return portfolio.take_snapshots([account], ist(at))


def test_a_snapshot_remembers_rows_and_worth(nse: Exchange, account: TradingAccount):
    give(account, positions=[position("ACME", 2)], holdings=[holding("ITC", 3)])

    assert taken(account, "2026-01-05 10:05") == 1

    row = AccountSnapshot.objects.get()
    assert (row.net_worth, row.synced_at, row.is_complete) == (Decimal(1300), TEN, True)
    assert row.positions[0]["quantity"] == 2
    assert row.holdings[0]["market_value"] == "300.0000"
    assert row.balances[0]["cash"] == "1000.0000"


def test_an_instant_has_one_snapshot_however_often_it_is_tried(
    nse: Exchange, account: TradingAccount
):
    give(account, positions=[position("ACME", 2)])
    assert taken(account, "2026-01-05 10:05") == 1
    give(account, positions=[position("ACME", 9)], at=later(1))
    assert taken(account, "2026-01-05 10:05") == 0
    assert AccountSnapshot.objects.get().positions[0]["quantity"] == 2


def test_two_takers_at_once_leave_one_row(nse: Exchange, account: TradingAccount):
    give(account)
    worth = valuing.valuation_of(account, AT)
    due = hours.Due(ist("2026-01-05 10:05"), datetime.date(2026, 1, 5), "interval")
    rows = [portfolio.snapshot(worth, due), portfolio.snapshot(worth, due)]
    assert [AccountSnapshot.objects.keep([row]) for row in rows] == [1, 0]


def test_a_snapshot_without_a_price_is_incomplete_and_says_why(
    nse: Exchange, account: TradingAccount
):
    give(account, positions=[position("LOST", 5, last_price=None)])
    taken(account, "2026-01-05 10:05")
    row = AccountSnapshot.objects.get()
    assert (row.net_worth, row.missing, row.is_complete) == (None, ["NSE:LOST"], False)
    assert row.cash == 1000


def test_an_account_that_was_never_synced_has_no_snapshot(
    nse: Exchange, account: TradingAccount
):
    assert taken(account, "2026-01-05 10:05") == 0


def test_as_of_is_the_newest_snapshot_until_then(
    nse: Exchange, account: TradingAccount
):
    for minute, quantity in ((5, 1), (10, 2), (15, 3)):
        at = f"2026-01-05 10:{minute:02d}"
        give(account, positions=[position("ACME", quantity)], at=ist(at))
        taken(account, at)

    def quantity_at(at: str) -> Any:
        seen = portfolio.as_of(account, ist(at))
        return seen and (seen.positions[0]["quantity"], seen.as_of == ist(at))

    assert quantity_at("2026-01-05 10:04") is None
    assert quantity_at("2026-01-05 10:05") == (1, True)
    assert quantity_at("2026-01-05 10:14") == (2, False)
    assert quantity_at("2026-02-01 00:00") == (3, False)


def test_live_and_remembered_rows_are_the_same_documents(
    nse: Exchange, account: TradingAccount
):
    give(account, positions=[position("ACME", 2)], holdings=[holding("ITC", 3)])
    at = ist("2026-01-05 10:05")
    now = portfolio.live(account, at)
    taken(account, "2026-01-05 10:05")
    then = portfolio.as_of(account, at)
    assert then
    assert (then.positions, then.holdings) == (now.positions, now.holdings)
    assert (then.balances, then.net_worth) == (now.balances, now.net_worth)


def test_snapshots_of_many_accounts_take_as_many_queries_as_of_one(
    nse: Exchange, account: TradingAccount
):
    accounts = [account, *(make_account(f"more-{n}") for n in range(10))]
    for one in accounts:
        give(one, positions=[position("ACME", 2)])
    with CaptureQueriesContext(connection) as single:
        portfolio.take_snapshots(accounts[:1], ist("2026-01-05 10:05"))
    with CaptureQueriesContext(connection) as many:
        assert portfolio.take_snapshots(accounts, ist("2026-01-05 10:10")) == 11
    assert len(many) == len(single)


def test_the_task_takes_those_of_active_accounts(
    nse: Exchange, account: TradingAccount, monkeypatch: pytest.MonkeyPatch
):
    give(account)
    closed = make_account("closed")
    give(closed)
    TradingAccount.objects.filter(pk=closed.pk).update(status="closed")
    at = ist("2026-01-05 10:05")
    monkeypatch.setattr("tradingsite.scheduling.due_at_of", lambda _task: at)
    for _ in range(2):
        tasks.take_snapshots()
    assert AccountSnapshot.objects.get().account == account


def test_each_days_last_snapshot_makes_the_curve(
    nse: Exchange, account: TradingAccount
):
    for at, cash in (
        ("2026-01-05 10:05", "1000"),
        ("2026-01-05 15:30", "1100"),
        ("2026-01-06 10:05", "1200"),
        ("2026-01-07 10:05", "1300"),
    ):
        give(account, balances=[balance(cash=cash)], at=ist(at))
        assert taken(account, at) == 1

    days = datetime.date(2026, 1, 5), datetime.date(2026, 1, 6)
    rows = AccountSnapshot.objects.last_of_days(account, *days)

    assert [(f"{row.day:%d}", row.kind, row.net_worth) for row in rows] == [
        ("05", "day_end", Decimal(1100)),
        ("06", "interval", Decimal(1200)),
    ]
