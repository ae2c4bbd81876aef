"""The one writer of positions: what it changes, notes, leaves alone and refuses."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext

from accounts.models import AccountSync, Position, PositionChange, TradingAccount
from accounts.models.positions import PositionQuerySet
from accounts.models.sync import AccountSyncQuerySet
from accounts.reported import Change, ReportedPosition, change_of
from tests.accounts.builders import make_account
from tests.accounts.portfolios import TEN, later, position
from tests.marketdata.builders import make_instrument

THREADS = 32


def apply(
    account: TradingAccount,
    *reported: ReportedPosition,
    at: datetime = TEN,
    is_complete: bool = True,
):
    return Position.objects.apply(
        account, reported, as_of=at, is_complete=is_complete, source="test"
    )


def quantities(account: TradingAccount):
    rows = Position.objects.of(account)
    return dict(rows.values_list("symbol", "quantity"))


def kinds(account: TradingAccount):
    rows = PositionChange.objects.filter(account=account).order_by("pk")
    return list(rows.values_list("symbol", "kind"))


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (0, 5, Change.OPENED),
        (0, -5, Change.OPENED),
        (5, 9, Change.INCREASED),
        (-5, -9, Change.INCREASED),
        (9, 5, Change.REDUCED),
        (-9, -5, Change.REDUCED),
        (5, 0, Change.CLOSED),
        (-5, 0, Change.CLOSED),
        (5, -5, Change.REVERSED),
        (-1, 9, Change.REVERSED),
        (5, 5, None),
        (0, 0, None),
    ],
)
def test_a_step_is_named_by_size_not_by_sign(before: int, after: int, kind: Any):
    assert change_of(before, after) == kind


def test_each_step_of_a_position_leaves_one_change(account: TradingAccount):
    for second, quantity in enumerate([50, 75, 25, -25, -50, 0]):
        apply(account, position("ACME", quantity), at=later(second))

    assert [kind for _symbol, kind in kinds(account)] == [
        *("opened", "increased", "reduced", "reversed", "increased", "closed")
    ]
    steps = PositionChange.objects.order_by("pk")
    assert all(a.quantity_after == b.quantity_before for a, b in pairwise(steps))
    assert [step.quantity_delta for step in steps] == [50, 25, -50, -50, -25, 50]


def test_a_change_tells_prices_and_times_of_both_sides(account: TradingAccount):
    acme = make_instrument("ACME")
    apply(account, position("ACME", 50, average_price=Decimal("101.25")))
    apply(account, position("ACME", 75, average_price=Decimal("102.5")), at=later(3))

    step = PositionChange.objects.latest("pk")
    assert (step.average_price_before, step.average_price_after) == (
        Decimal("101.25"),
        Decimal("102.5"),
    )
    assert (step.reported_at, step.source, step.instrument_id) == (
        later(3),
        "test",
        acme.pk,
    )


def test_a_change_is_never_changed(account: TradingAccount):
    apply(account, position("ACME", 50))
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        PositionChange.objects.update(quantity_after=1)
    with pytest.raises(ProtectedError):
        account.delete()


def test_a_partial_report_leaves_alone_what_it_does_not_name(account: TradingAccount):
    apply(account, position("ACME", 50), position("BOLT", -20))

    apply(account, position("ACME", 60), at=later(1), is_complete=False)

    assert quantities(account) == {"ACME": 60, "BOLT": -20}


def test_a_complete_report_closes_what_it_no_longer_has(account: TradingAccount):
    apply(account, position("ACME", 50), position("BOLT", -20))

    done = apply(account, position("ACME", 50), at=later(1))

    assert quantities(account) == {"ACME": 50}
    assert [(c.symbol, c.kind, c.quantity_after) for c in done.changes] == [
        ("BOLT", "closed", 0)
    ]


def test_a_flat_position_that_is_no_longer_told_of_goes_without_a_change(
    account: TradingAccount,
):
    apply(account, position("ACME", 0, value=Decimal(120), day_value=Decimal(120)))
    assert quantities(account) == {"ACME": 0}

    apply(account, at=later(1))

    assert quantities(account) == {}
    assert kinds(account) == []


def test_a_position_that_comes_back_is_the_same_row(account: TradingAccount):
    apply(account, position("ACME", 50))
    row = Position.objects.get()
    apply(account, at=later(1))
    apply(account, position("ACME", -5), at=later(2))

    assert Position.objects.get().pk == row.pk
    assert [kind for _symbol, kind in kinds(account)] == ["opened", "closed", "opened"]


@pytest.mark.parametrize("is_complete", [True, False])
def test_the_same_report_again_writes_nothing(
    account: TradingAccount, is_complete: bool
):
    # More digits than are kept must not look like a difference.
    thirds = Decimal(100) / 3
    reported = [position("ACME", 50, average_price=thirds), position("GONE", 1)]
    apply(account, *reported, is_complete=is_complete)

    with CaptureQueriesContext(connection) as queries:
        done = apply(account, *reported, is_complete=is_complete)

    # The row of the account is made where it is missing: that one inserts nothing.
    written = [
        query["sql"]
        for query in queries
        if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))
        and 'INTO "accounts_accountsync"' not in query["sql"]
    ]
    assert (done.written, list(done.changes), written) == (0, [], [])


def test_many_positions_take_as_many_queries_as_one(account: TradingAccount):
    apply(account, position("FIRST", 1))
    with CaptureQueriesContext(connection) as one:
        apply(account, position("FIRST", 2), position("ONE", 1), at=later(1))
    with CaptureQueriesContext(connection) as many:
        apply(account, *(position(f"S{n}", 1) for n in range(100)), at=later(2))
    assert len(many) == len(one) == 11


def test_an_older_complete_report_is_not_taken(account: TradingAccount):
    apply(account, position("ACME", 50), at=later(10))

    done = apply(account, position("ACME", 20), position("BOLT", 1), at=later(9))

    assert (done.written, done.ignored) == (0, 2)
    assert quantities(account) == {"ACME": 50}


def test_an_older_partial_report_is_not_taken(account: TradingAccount):
    apply(account, position("ACME", 50), at=later(10))
    apply(account, position("ACME", 60), at=later(12), is_complete=False)

    for second in (9, 11):
        late = position("ACME", 20)
        done = apply(account, late, at=later(second), is_complete=False)
        assert done.ignored == 1

    assert quantities(account) == {"ACME": 60}


def test_a_complete_report_closes_nothing_that_was_told_of_later(
    account: TradingAccount,
):
    apply(account, position("OLD", 1), at=later(1))
    apply(account, position("ACME", 60), at=later(12), is_complete=False)

    done = apply(account, at=later(11))

    assert done.ignored == 1
    assert quantities(account) == {"ACME": 60}


def test_an_unchanged_partial_report_still_moves_its_time_on(account: TradingAccount):
    apply(account, position("ACME", 50), at=later(1), is_complete=False)
    apply(account, position("ACME", 50), at=later(9), is_complete=False)

    apply(account, position("ACME", 20), at=later(5), is_complete=False)

    assert quantities(account) == {"ACME": 50}


def test_a_symbol_we_do_not_know_is_kept_and_found_later(account: TradingAccount):
    apply(account, position("NEWLY", 7))
    assert Position.objects.get().instrument_id is None

    newly = make_instrument("NEWLY")
    apply(account, position("NEWLY", 7), at=later(1))

    row = Position.objects.get()
    assert (row.quantity, row.instrument_id) == (7, newly.pk)
    assert len(kinds(account)) == 1


def test_the_same_symbol_elsewhere_is_another_instrument(account: TradingAccount):
    make_instrument("ACME", "NSE")
    other = make_instrument("ACME", "BSE")
    apply(account, position("ACME", 7, exchange="BSE"))
    assert Position.objects.get().instrument_id == other.pk


def test_products_of_one_contract_are_apart(account: TradingAccount):
    apply(account, position("ACME", 5), position("ACME", -3, product="MIS"))
    rows = Position.objects.of(account).values_list("product", "quantity")
    assert set(rows) == {("NRML", 5), ("MIS", -3)}


def test_a_report_that_contradicts_itself_changes_nothing(account: TradingAccount):
    apply(account, position("ACME", 5))
    with pytest.raises(ValueError, match="twice"):
        apply(account, position("ACME", 6), position("ACME", 7), at=later(1))
    assert quantities(account) == {"ACME": 5}


def test_accounts_do_not_touch_one_another(account: TradingAccount):
    other = make_account("north-2")
    apply(other, position("ACME", 5))
    apply(account, position("ACME", 9))
    apply(account, at=later(1))
    assert quantities(other) == {"ACME": 5}


def in_threads(function: Callable[[int], None]) -> None:
    together = threading.Barrier(THREADS)

    def call(number: int) -> None:
        together.wait(20)
        try:
            function(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(call, range(THREADS)))


def applied_at_once(account: TradingAccount):
    """Apply a report per thread, each with a time and a quantity of its own."""
    order = random.Random(7).sample(range(THREADS), THREADS)

    def one(number: int) -> None:
        place = order[number]
        reported = [position("SHARED", place - 10), position(f"OWN{number}", number)]
        apply(account, *reported, at=later(place), is_complete=False)

    in_threads(one)


def is_exact(account: TradingAccount) -> bool:
    """Tell whether each position is the sum of its changes, step by step."""
    held = dict(Position.objects.values_list("symbol", "quantity"))
    for symbol, quantity in held.items():
        steps = PositionChange.objects.filter(symbol=symbol).order_by("pk")
        stood = 0
        for step in steps:
            if step.quantity_before != stood:
                return False
            stood = step.quantity_after
        if stood != quantity:
            return False
    newest = THREADS - 1 - 10
    return held.get("SHARED") == newest and len(held) == THREADS + 1


@pytest.mark.django_db(transaction=True)
def test_32_appliers_at_once_leave_exact_sums():
    account = make_account()

    applied_at_once(account)

    assert is_exact(account)
    owned = Position.objects.exclude(symbol="SHARED").values_list("quantity", flat=True)
    assert sum(owned) == sum(range(THREADS))


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_sums_are_wrong(monkeypatch: pytest.MonkeyPatch):
    """The control: all read before any writes, and the chain of changes breaks."""
    account = make_account()
    AccountSync.objects.create(account=account)
    apply(account, position("SHARED", 1), at=later(-1), is_complete=False)
    monkeypatch.setattr(
        AccountSyncQuerySet,
        "locked",
        lambda self, account_id: self.get(account_id=account_id),
    )
    all_have_read = threading.Barrier(THREADS)

    def read_together(self: Any, account: TradingAccount, named: Any) -> Any:
        rows = {row.key: row for row in self.of(account)}
        all_have_read.wait(20)
        return rows

    monkeypatch.setattr(PositionQuerySet, "_standing", read_together)

    applied_at_once(account)

    assert not is_exact(account)
