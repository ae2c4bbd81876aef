import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from marketdata.models import Instrument, SubscriptionSession, TickerSubscription
from marketdata.ticker import TickerRefused, TickerRow, TickerUnavailable
from marketdata.views import subscriptions
from tests.marketdata.builders import make_instrument

SESSIONS = "/api/v1/monitor/session"


class Counting:
    """A ticker service that counts, refuses or is away."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.error: Exception | None = None

    def subscribe(self, token: int, mode: str, account_id: str) -> None:
        if self.error:
            raise self.error
        self.counts[token] = self.counts.get(token, 0) + 1

    def unsubscribe(self, token: int) -> None:
        self.counts[token] -= 1

    def subscriptions(self) -> dict[int, TickerRow]:
        return {token: TickerRow(token) for token, n in self.counts.items() if n}


@pytest.fixture
def ticker(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(subscriptions, "ticker", lambda: counting)
    return counting


@pytest.fixture
def stock(acme: Instrument) -> Instrument:
    Instrument.objects.update(broker_token=256)
    acme.refresh_from_db()
    return acme


def begin(client: Client, **body: object):
    return send(client.post, SESSIONS, {"tokens": [256], **body})


def send(method: Callable[..., Any], address: str, body: object):
    return method(address, json.dumps(body), content_type="application/json")


def test_a_session_is_begun(asha: Client, stock: Instrument, ticker: Counting):
    answer = begin(asha, requested_mode="QUOTE", timeframe="5m")

    assert answer.status_code == 201
    told = answer.json()
    assert told["instruments"] == [
        {"token": 256, "symbol": "NSE:ACME", "state": "held"}
    ]
    assert (told["requested_mode"], told["timeframe"]) == ("QUOTE", "5m")
    assert ticker.counts == {256: 1}


def test_a_session_is_changed_and_renewed(
    asha: Client, stock: Instrument, ticker: Counting
):
    begun = begin(asha, lease_s=30).json()

    change = {"requested_mode": "LTP", "timeframe": "1m", "lease_s": 600}
    changed = send(asha.patch, f"{SESSIONS}/{begun['session_id']}", change).json()

    assert (changed["requested_mode"], changed["timeframe"]) == ("LTP", "1m")
    assert changed["expires_at"] > begun["expires_at"]


def test_a_session_is_released(asha: Client, stock: Instrument, ticker: Counting):
    first, second = begin(asha).json(), begin(asha).json()

    kept = asha.delete(f"{SESSIONS}/{first['session_id']}").json()
    gone = asha.delete(f"{SESSIONS}/{second['session_id']}").json()

    assert (kept["released"], gone["released"]) == ([], [256])
    assert ticker.counts == {256: 0}


def test_a_session_is_nobody_elses(
    asha: Client, stock: Instrument, ticker: Counting, client: Client
):
    address = f"{SESSIONS}/{begin(asha).json()['session_id']}"
    stranger = Client()
    stranger.force_login(User.objects.create_user("stranger"))

    assert stranger.get(address).status_code == 404
    assert send(stranger.patch, address, {}).status_code == 404
    assert stranger.delete(address).status_code == 404
    assert stranger.get(SESSIONS).json() == []
    assert asha.get(address).status_code == 200


def test_a_service_that_is_away_is_503_and_leaves_nothing(
    asha: Client, stock: Instrument, ticker: Counting
):
    ticker.error = TickerUnavailable("HTTP 503")

    answer = begin(asha)

    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer.json()["code"] == "ticker_unavailable"
    assert not SubscriptionSession.objects.exists()


def test_a_refusal_names_the_field_and_leaves_nothing(
    asha: Client, stock: Instrument, ticker: Counting
):
    ticker.error = TickerRefused("HTTP 400")

    answer = begin(asha)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "tokens"
    assert not SubscriptionSession.objects.exists()
    assert not TickerSubscription.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tokens": []}, "tokens"),
        ({"tokens": [1]}, "tokens"),
        ({"tokens": ["x"]}, "tokens.0"),
        ({"tokens": [0]}, "tokens.0"),
        ({"tokens": [2**63]}, "tokens.0"),
        ({"tokens": list(range(1, 202))}, "tokens"),
        ({"requested_mode": "ALL"}, "requested_mode"),
        ({"timeframe": "every second"}, "timeframe"),
        ({"lease_s": 29}, "lease_s"),
        ({"lease_s": 86_401}, "lease_s"),
        ({"account_id": "a b"}, "account_id"),
    ],
)
def test_bad_sessions_name_the_field(
    asha: Client,
    stock: Instrument,
    ticker: Counting,
    body: dict[str, object],
    field: str,
):
    answer = begin(asha, **body)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert ticker.counts == {}


def test_a_token_twice_is_wanted_once(
    asha: Client, stock: Instrument, ticker: Counting
):
    assert begin(asha, tokens=[256, 256]).status_code == 201
    assert ticker.counts == {256: 1}


def test_sessions_are_capped(asha: Client, stock: Instrument, ticker: Counting):
    for _ in range(subscriptions.MOST_SESSIONS):
        assert begin(asha).status_code == 201

    assert begin(asha).status_code == 400


def test_who_wants_what_is_counted(
    asha: Client,
    stock: Instrument,
    ticker: Counting,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    other = make_instrument("OTHER", broker_token=512)
    begin(asha)
    begin(asha, tokens=[256, 512])

    with django_assert_num_queries(6):
        rows = asha.get("/api/v1/subscriptions").json()["results"]

    counted = {row["symbol"]: row["wanted_by"] for row in rows}
    assert counted == {"NSE:ACME": 2, str(other): 1}
    assert rows[0]["owners"] == ["session"]


def test_a_stranger_begins_nothing(client: Client, db: None):
    assert begin(client).status_code == 401
    assert client.delete(f"{SESSIONS}/{uuid.uuid4()}").status_code == 401
