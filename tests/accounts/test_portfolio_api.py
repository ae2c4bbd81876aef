"""``/api/v1/accounts/…``: who may ask what, what it says, and what it refuses."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import audit, portfolio, syncing
from accounts.models import AccountSync, Membership, TradingAccount, User
from accounts.principals import Scope
from tests.accounts.broker_server import BrokerServer
from tests.accounts.builders import join, make_account, make_desk, make_key
from tests.accounts.portfolios import (
    TEN,
    balance,
    holding,
    paper_broker,
    position,
    wire_position,
)
from tests.accounts.test_portfolio import give
from tests.marketdata.builders import ist, make_exchange, make_hours, make_instrument
from tradingsite import claims

READS = [
    *("account", "account-positions", "account-holdings", "account-funds"),
    *("account-snapshots", "account-equity", "account-position-changes"),
]


class Caller:
    """A key of alice's on the API."""

    def __init__(self, client: Client, user: User, **key: Any) -> None:
        self._client = client
        text = make_key(user, **({"all_accounts": True} | key)).text
        self.headers = {"Authorization": f"Bearer {text}"}

    def get(self, name: str, slug: str = "north-1", **query: str) -> Any:
        place = reverse(f"accounts:{name}", args=[slug] if slug else [])
        return self._client.get(place, query, headers=self.headers)

    def sync(self, slug: str = "north-1", key: str = "k1", body: str = "") -> Any:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return self._client.post(
            reverse("accounts:account-sync", args=[slug]),
            body,
            content_type="application/json",
            headers=headers,
        )


@pytest.fixture
def trader(client: Client, alice: User, account: TradingAccount) -> Caller:
    join(alice, account.desk, Membership.Role.TRADER)
    return Caller(client, alice)


@pytest.mark.parametrize("name", READS)
def test_strangers_others_and_other_keys_find_nothing(
    client: Client, alice: User, account: TradingAccount, name: str
):
    make_account("elsewhere", make_desk("south"))
    join(alice, account.desk)
    place = reverse(f"accounts:{name}", args=["elsewhere"])
    assert client.get(place).status_code == 401
    caller = Caller(client, alice)
    assert caller.get(name, "elsewhere").status_code == 404
    assert caller.get(name, "no-such").json()["code"] == "not_found"
    assert caller.get(name).status_code == 200
    market = Caller(client, alice, scopes=[Scope.READ_MARKET])
    assert market.get(name).status_code == 403
    narrow = Caller(client, alice, all_accounts=False)
    assert narrow.get(name).status_code == 404


def test_an_account_says_what_it_is_worth(trader: Caller, account: TradingAccount):
    give(
        account,
        positions=[position("ACME", 2, last_price=Decimal("100.05"))],
        balances=[balance(cash="1000.10")],
    )
    body = trader.get("account").json()
    assert body["total_pnl"] == "0.1000"
    assert (body["total_positions"], body["complete"]) == (1, True)
    assert body["net_worth"] == "1000.2000"
    assert body["sync"]["status"] == "ok"


def test_a_new_account_is_whole_and_empty(trader: Caller):
    body = trader.get("account").json()
    assert (body["sync"]["status"], body["sync"]["last_sync_at"]) == ("never", None)
    assert (body["net_worth"], body["total_positions"]) == ("0.0000", 0)
    assert trader.get("account-positions").json()["positions"] == []
    assert trader.get("account-equity").json()["points"] == []


def test_positions_add_up_to_their_totals(trader: Caller, account: TradingAccount):
    make_instrument("ACME")
    give(
        account,
        positions=[
            position("ACME", 3, last_price=Decimal("100.1")),
            position("BOLT", -7, last_price=Decimal("99.9"), product="MIS"),
            position("DONE", 0, value=Decimal("0.05"), day_value=Decimal("0.05")),
        ],
    )
    body = trader.get("account-positions").json()
    rows = {row["symbol"]: row for row in body["positions"]}
    assert rows["ACME"]["instrument"] == "NSE:ACME"
    assert rows["BOLT"]["instrument"] is None
    assert rows["BOLT"]["quantity"] == -7
    assert rows["ACME"]["price_origin"] == "broker"
    assert rows["ACME"]["price_age_s"] > 0
    assert rows["ACME"]["freshness"] == "stale"
    assert Decimal(body["total_pnl"]) == sum(Decimal(r["pnl"]) for r in rows.values())
    assert (body["count"], body["complete"], body["is_live"]) == (3, True, True)


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        ({"status": "open"}, ["ACME", "BOLT"]),
        ({"product": "mis"}, ["BOLT"]),
        ({"symbol": "acme"}, ["ACME"]),
        ({"exchange": "BSE"}, []),
    ],
)
def test_positions_are_chosen(
    trader: Caller, account: TradingAccount, query: dict[str, str], symbols: list[str]
):
    rows = [position("ACME", 3), position("BOLT", -7, product="MIS"), position("DONE")]
    give(account, positions=rows)
    body = trader.get("account-positions", **query).json()
    assert [row["symbol"] for row in body["positions"]] == symbols
    assert body["count"] == len(symbols)


def test_a_missing_price_is_named_and_never_zero(
    trader: Caller, account: TradingAccount
):
    give(account, positions=[position("LOST", 5, last_price=None), position("A", 1)])
    body = trader.get("account-positions").json()
    lost = next(row for row in body["positions"] if row["symbol"] == "LOST")
    assert (lost["last_price"], lost["pnl"], lost["price_age_s"]) == (None, None, None)
    assert (body["total_pnl"], body["complete"]) == (None, False)
    assert body["missing"] == ["NSE:LOST"]
    only = trader.get("account-positions", symbol="A").json()
    assert (only["complete"], only["total_pnl"]) == (True, "0.0000")


def test_holdings_and_funds(trader: Caller, account: TradingAccount):
    money = [balance(), balance("commodity", "5")]
    give(account, holdings=[holding("ITC", 3, t1_quantity=1)], balances=money)
    body = trader.get("account-holdings").json()
    assert (body["total_value"], body["total_pnl"]) == ("400.0000", "40.0000")
    assert body["holdings"][0]["quantity"] == 4
    funds = trader.get("account-funds").json()
    assert (funds["cash"], len(funds["funds"])) == ("1005.0000", 2)
    one = trader.get("account-funds", segment="commodity").json()
    assert [row["net"] for row in one["funds"]] == ["5.0000"]


def test_reads_take_few_queries_whatever_is_held(
    trader: Caller, account: TradingAccount
):
    give(account, positions=[position("ACME", 1)])
    trader.get("account-positions")
    counts = []
    for size in (1, 50):
        rows = [position(f"S{n}", 1) for n in range(size)]
        give(account, positions=rows, at=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            trader.get("account-positions")
        counts.append(len(queries))
    assert counts == [7, 7]


def remember(account: TradingAccount, at: str, quantity: int) -> None:
    give(account, positions=[position("ACME", quantity)], at=ist(at))
    assert portfolio.take_snapshots([account], ist(at)) == 1


@pytest.fixture
def history(account: TradingAccount) -> None:
    make_hours(make_exchange("NSE"))
    remember(account, "2026-01-05 10:05", 1)
    remember(account, "2026-01-05 15:30", 2)
    remember(account, "2026-01-06 10:05", 3)


@pytest.mark.usefixtures("history")
def test_as_of_an_instant(trader: Caller):
    body = trader.get("account-positions", as_of="2026-01-05T15:29:59+05:30").json()
    assert (body["is_live"], body["positions"][0]["quantity"]) == (False, 1)
    assert body["as_of"] == "2026-01-05T04:35:00Z"
    for name in ("account-holdings", "account-funds"):
        assert trader.get(name, as_of="2026-01-06T00:00:00Z").status_code == 200
    early = trader.get("account-positions", as_of="2026-01-01T00:00:00Z")
    assert (early.status_code, early.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("name", "query", "field", "code"),
    [
        ("account-positions", {"as_of": "yesterday"}, "as_of", "invalid"),
        ("account-positions", {"as_of": "2999-01-01"}, "as_of", "in_the_future"),
        ("account-positions", {"status": "shut"}, "status", "invalid_choice"),
        ("account-positions", {"symbol": "\0"}, "symbol", None),
        ("account-equity", {"resolution": "week"}, "resolution", "invalid_choice"),
        ("account-equity", {"start": "2026-02-30"}, "start", "invalid"),
        (
            "account-equity",
            {"start": "2026-02-02", "end": "2026-02-01"},
            "start",
            "range",
        ),
        (
            "account-equity",
            {"resolution": "intraday", "start": "2026-01-01", "end": "2026-03-01"},
            "start",
            "range",
        ),
    ],
)
def test_odd_questions_are_refused(
    trader: Caller, name: str, query: dict[str, str], field: str, code: str | None
):
    if query.get("as_of") == "2999-01-01":
        query = {"as_of": "2999-01-01T00:00:00Z"}
    answer = trader.get(name, **query)
    assert answer.status_code == 400
    error = answer.json()["errors"][0]
    assert error["field"] == field
    assert code in {None, error["code"]}


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_the_first_and_the_last_day_are_days_too(trader: Caller, day: str):
    for resolution in ("day", "intraday"):
        query = {"end": day, "resolution": resolution}
        assert trader.get("account-equity", **query).json()["points"] == []


@pytest.mark.usefixtures("history")
def test_the_curve_by_day_and_by_snapshot(trader: Caller):
    span = {"start": "2026-01-01", "end": "2026-01-10"}
    days = trader.get("account-equity", **span).json()["points"]
    assert [(row["day"], row["kind"]) for row in days] == [
        ("2026-01-05", "day_end"),
        ("2026-01-06", "interval"),
    ]
    assert days[0]["net_worth"] == "1000.0000"
    every = trader.get("account-equity", resolution="intraday", **span).json()
    assert len(every["points"]) == 3
    with CaptureQueriesContext(connection) as queries:
        trader.get("account-equity", resolution="intraday", **span)
    assert '"positions"' not in queries[-1]["sql"]


@pytest.mark.usefixtures("history")
def test_snapshots_and_changes_are_listed_newest_first(trader: Caller):
    body = trader.get("account-snapshots", limit="2").json()
    assert body["count"] == 3
    assert [row["taken_at"] for row in body["results"]] == [
        "2026-01-06T04:35:00Z",
        "2026-01-05T10:00:00Z",
    ]
    changes = trader.get("account-position-changes").json()["results"]
    assert [(row["kind"], row["quantity_delta"]) for row in changes] == [
        ("increased", 1),
        ("increased", 1),
        ("opened", 1),
    ]


# --- sync -------------------------------------------------------------------------


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []

    def record(action: str, **more: Any) -> None:
        entries.append({"action": action} | more)

    monkeypatch.setattr(audit, "record", record)
    return entries


def test_a_sync_answers_with_counts_and_is_audited(
    trader: Caller,
    account: TradingAccount,
    paper: BrokerServer,
    recorded: list[dict[str, Any]],
):
    paper_broker(paper, "north-1", positions=[wire_position("ACME", 5)])

    answer = trader.sync()

    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["positions"], body["balances"]) == ("success", 1, 1)
    assert (body["rows_changed"], body["position_changes"]) == (2, 1)
    assert [(one["action"], one["account"]) for one in recorded] == [
        ("account.synced", account)
    ]


def test_the_same_key_is_answered_without_asking_again(
    trader: Caller, paper: BrokerServer
):
    paper_broker(paper, "north-1", positions=[wire_position("ACME", 5)])
    first = trader.sync(key="k1")
    asked = len(paper.asked)

    again = trader.sync(key="k1")

    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    assert len(paper.asked) == asked
    other = trader.sync(key="k1", body='{"force": true}')
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert trader.sync(key="k2").json()["rows_changed"] == 0


def test_a_sync_needs_a_key(trader: Caller, paper: BrokerServer):
    answer = trader.sync(key="")
    assert answer.json()["code"] == "idempotency_key_required"
    assert paper.asked == []


def test_a_sync_beside_another_is_refused(
    trader: Caller, account: TradingAccount, paper: BrokerServer
):
    paper_broker(paper, "north-1")
    claims.acquire(f"sync:{account.pk}", "somebody", ttl_s=30)
    answer = trader.sync()
    assert (answer.status_code, answer.json()["code"]) == (409, "sync_running")
    assert answer["Retry-After"] == "2"


def test_a_key_in_use_is_refused_while_its_first_request_is_at_work(
    trader: Caller, paper: BrokerServer
):
    paper_broker(paper, "north-1")
    seen: list[Any] = []
    paper.answers["/account/profile"].during = lambda: None
    sync = syncing.sync

    def twice(account: TradingAccount, **options: Any) -> Any:
        seen.append(trader.sync(key="k1"))
        return sync(account, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(syncing, "sync", twice)
        assert trader.sync(key="k1").status_code == 200
    assert (seen[0].status_code, seen[0].json()["code"]) == (
        409,
        "idempotency_key_in_use",
    )


@pytest.mark.parametrize(
    ("role", "status"),
    [("viewer", 403), ("trader", 200), ("risk", 200), ("back_office", 200)],
)
def test_who_may_sync(
    client: Client,
    alice: User,
    account: TradingAccount,
    paper: BrokerServer,
    role: str,
    status: int,
):
    paper_broker(paper, "north-1")
    join(alice, account, role)
    assert Caller(client, alice).sync().status_code == status


def test_a_closed_account_is_not_synced(
    trader: Caller, account: TradingAccount, paper: BrokerServer
):
    TradingAccount.objects.update(status="closed")
    answer = trader.sync()
    assert (answer.status_code, answer.json()["code"]) == (409, "account_closed")
    assert paper.asked == []


@pytest.mark.parametrize(
    ("path", "body", "status", "answer", "code"),
    [
        ("/account/profile", "", 502, 503, "broker_unavailable"),
        ("/portfolio/holdings", "", 429, 503, "broker_busy"),
        ("/portfolio/holdings", "{}", 404, 409, "broker_refused"),
        ("/portfolio/positions", "{}", 200, 409, "broker_unreadable"),
        ("/account/profile", '{"user_id": "x"}', 200, 409, "broker_other_account"),
    ],
)
def test_a_broker_that_fails_is_told_apart(
    trader: Caller,
    account: TradingAccount,
    paper: BrokerServer,
    recorded: list[dict[str, Any]],
    path: str,
    body: str,
    status: int,
    answer: int,
    code: str,
):
    paper_broker(paper, "north-1")
    give(account, positions=[position("ACME", 7)])
    paper.says(path, body, status)

    refused = trader.sync()

    assert (refused.status_code, refused.json()["code"]) == (answer, code)
    assert ("Retry-After" in refused) == (answer == 503)
    assert [one["refused"] for one in recorded] == [code]
    body_after = trader.get("account").json()
    assert body_after["sync"]["error_code"] == code
    assert body_after["sync"]["last_sync_at"] == TEN.isoformat().replace("+00:00", "Z")
    assert body_after["total_positions"] == 1
    # The key is free again: nothing was done under it.
    paper_broker(paper, "north-1")
    assert trader.sync().status_code == 200
    assert AccountSync.objects.get().status == "ok"


def test_the_answers_are_described_in_the_schema(client: Client, alice: User):
    alice.is_staff = True
    headers = Caller(client, alice).headers | {"Accept": "application/json"}
    text = client.get(reverse("schema"), headers=headers).content.decode()
    assert "/api/v1/accounts/{slug}/equity" in text
