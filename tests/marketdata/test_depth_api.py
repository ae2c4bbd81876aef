"""``/api/v1/depth/``: the book of an instrument over REST, whoever tells it."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest
from django.conf import settings
from django.test import Client
from pytest_django import Settings

from marketdata import bars, quotes
from marketdata.models import Instrument, StrikeBar
from marketdata.ticks import Tick
from tests.marketdata.builders import make_instrument
from tests.marketdata.ingesting import TEN, Feed, ingest, make_tick
from tradingsite import redis as ground

# The five prices a side of NIFTY 6 Jun 2024, as Kite sent them: facts.
KITE = {
    "buy": [
        {"quantity": 450, "price": 167.35, "orders": 1},
        {"quantity": 1800, "price": 167.25, "orders": 3},
        {"quantity": 575, "price": 167.2, "orders": 4},
        {"quantity": 150, "price": 167.15, "orders": 2},
        {"quantity": 1375, "price": 167.1, "orders": 7},
    ],
    "sell": [
        {"quantity": 75, "price": 167.95, "orders": 1},
        {"quantity": 800, "price": 168.0, "orders": 3},
        {"quantity": 450, "price": 168.05, "orders": 3},
        {"quantity": 1025, "price": 168.1, "orders": 4},
        {"quantity": 450, "price": 168.15, "orders": 3},
    ],
}
NOTHING: dict[str, Any] = {"buy": [], "sell": []}


@pytest.fixture(autouse=True)
def no_memory(settings: Settings):
    """No ticker service, and no quote of an earlier test."""
    settings.TICKER_URLS = []
    ground.client().delete(quotes.keys().prices, quotes.keys().books)


def seen(instrument: Instrument, depth: Any, *, age_s: float = 0.0) -> None:
    """Let a tick with a book be the last that was ingested."""
    body = make_tick(instrument.symbol, time.time() - age_s, 100.0, depth=depth)
    tick = msgspec.json.decode(json.dumps(body), type=Tick)
    bar = bars.begin(instrument.pk, tick)
    bar.depth_tick = tick
    quotes.remember([bar])


def get(client: Client, path: str, **query: Any) -> dict[str, Any]:
    response = client.get(f"/api/v1/depth/{path}", query)
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


def test_the_book_of_the_last_tick_is_measured(asha: Client, acme: Instrument):
    seen(acme, KITE)

    found = get(asha, "NSE:ACME")

    assert (found["symbol"], found["state"], found["origin"]) == (
        "NSE:ACME",
        "valid",
        "ticks",
    )
    assert (found["buy"], found["sell"]) == (KITE["buy"], KITE["sell"])
    assert found["spread"] == {
        "best_bid": 167.35,
        "best_ask": 167.95,
        "abs": 0.6,
        "pct": 0.3579,
        "mid": 167.65,
        "weighted_mid": 167.8643,
    }
    assert found["bids"]["quantity"] == 4350
    assert found["imbalance"]["pct"] == 21.68
    assert found["imbalance"]["book_pressure"] == 0.2168
    assert (found["liquidity"]["score"], found["liquidity"]["tier"]) == (53.23, "LOW")
    assert found["concentration"]["top_1_pct"] == 7.34
    assert found["microprice"] == 167.86
    assert found["market_impact_cost_100"] == 0.3125
    assert found["effective_spread_100_pct"] == 0.3728


def test_a_book_that_nobody_confirmed_is_stale(asha: Client, acme: Instrument):
    seen(acme, KITE, age_s=11)

    assert get(asha, "ACME")["state"] == "stale"


def test_a_book_of_yesterday_is_none(asha: Client, acme: Instrument):
    seen(acme, KITE, age_s=quotes.KEPT_S + 60)

    assert get(asha, "ACME")["state"] == "no_data"


def test_without_a_book_everything_is_zero_or_absent(asha: Client, acme: Instrument):
    found = get(asha, "ACME")

    assert (found["state"], found["origin"], found["as_of"]) == ("no_data", "", None)
    assert (found["buy"], found["sell"]) == ([], [])
    assert found["spread"]["mid"] is None
    assert found["liquidity"] == {
        "score": 0.0,
        "tier": "ILLIQUID",
        "wide_spread": True,
        "thin_depth": True,
        "few_orders": True,
        "imbalanced_book": False,
        "low_best_depth": True,
    }


def test_the_cost_of_a_trade(asha: Client, acme: Instrument):
    seen(acme, KITE)

    found = get(asha, "NSE%3AACME/cost", quantity=3000, side="BUY")

    assert found.pop("as_of")
    assert found == {
        "status": "ok",
        "symbol": "NSE:ACME",
        "state": "valid",
        "side": "BUY",
        "quantity": 3000,
        "fillable": 2800,
        "unfilled": 200,
        "can_fill": False,
        "levels_consumed": 5,
        "mid": 167.65,
        "average_price": 168.0729,
        "slippage": 0.4229,
        "slippage_bps": 25,
        "cost": 1268.75,
        "impact": "MODERATE",
    }


def test_a_seller_walks_the_bids(asha: Client, acme: Instrument):
    seen(acme, KITE)

    found = get(asha, "ACME/cost", quantity=500, side="SELL")

    assert (found["average_price"], found["levels_consumed"]) == (167.34, 2)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "quantity"),
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "10000001"}, "quantity"),
        ({"quantity": "1.5"}, "quantity"),
        ({"quantity": "1", "side": "buy"}, "side"),
    ],
)
def test_a_bad_question_names_its_field(
    asha: Client, acme: Instrument, query: dict[str, str], field: str
):
    response = asha.get("/api/v1/depth/ACME/cost", query)

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["NOBODY", "NOBODY/cost?quantity=1", "%00", "A" * 300])
def test_an_unknown_instrument_is_not_found(asha: Client, acme: Instrument, path: str):
    response = asha.get(f"/api/v1/depth/{path}")

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["ACME", "ACME/cost?quantity=1"])
def test_a_stranger_is_told_nothing(client: Client, acme: Instrument, path: str):
    assert client.get(f"/api/v1/depth/{path}").status_code == 401


# --- who tells the book ---------------------------------------------------------


class Played(BaseHTTPRequestHandler):
    """A ticker service that quotes one instrument."""

    def do_GET(self) -> None:
        quote = {"last_price": 167.2, "timestamp": "2026-11-20 15:29:59", "depth": KITE}
        body = json.dumps({"data": {"NSE:ACME": quote}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Played)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_ticker_is_asked_when_no_tick_had_a_book(
    asha: Client, acme: Instrument, service: str, settings: Settings
):
    settings.TICKER_URLS = [service]

    found = get(asha, "ACME")

    assert (found["origin"], found["state"]) == ("ticker", "stale")
    assert found["as_of"] == "2026-11-20T09:59:59Z"
    assert found["spread"]["mid"] == 167.65


def test_the_ticker_is_not_asked_when_a_tick_had_one(
    asha: Client, acme: Instrument, service: str, settings: Settings
):
    settings.TICKER_URLS = [service]
    seen(acme, NOTHING | {"buy": [{"quantity": 1, "price": 5.0, "orders": 1}]})

    found = get(asha, "ACME")

    assert found["origin"] == "ticks"
    assert found["spread"]["best_bid"] == 5.0


def test_the_ticker_is_not_asked_for_the_book_of_an_index(
    asha: Client, service: str, settings: Settings
):
    settings.TICKER_URLS = [service]
    make_instrument("NIFTY", kind="index")

    assert get(asha, "NIFTY")["origin"] == ""


def test_a_ticker_that_is_away_leaves_the_book_empty(
    asha: Client, acme: Instrument, settings: Settings
):
    settings.TICKER_URLS = ["http://127.0.0.1:1"]

    assert get(asha, "ACME")["state"] == "no_data"


# --- what the ingestor keeps ----------------------------------------------------


@pytest.fixture
def feed(db: None) -> Iterator[Feed]:
    feed = Feed(ground.client(), f"{settings.TICK_STREAM}:0")
    feed.wipe()
    feed.beat(TEN)
    yield feed
    feed.wipe()


def kept(instrument: Instrument) -> Any:
    text: Any = ground.client().hget(quotes.keys().books, str(instrument.pk))
    return json.loads(text) if text else None


def test_the_ingestor_keeps_the_last_book(feed: Feed, acme: Instrument):
    feed.send_array(
        make_tick("ACME", TEN, 100.0, 1, depth=NOTHING),
        make_tick("ACME", TEN + 1, 101.0, 2, depth=KITE),
        make_tick("ACME", TEN + 2, 102.0, 3),
    )
    ingest(feed)

    assert kept(acme) == {"at": TEN + 1, "depth": KITE}


def test_a_late_tick_does_not_bring_back_an_old_book(feed: Feed, acme: Instrument):
    feed.beat(TEN + 30)
    feed.send(make_tick("ACME", TEN + 30, 100.0, 2, depth=KITE))
    feed.send(make_tick("ACME", TEN + 10, 99.0, 1, depth=NOTHING))
    ingest(feed)

    assert kept(acme) == {"at": TEN + 30, "depth": KITE}


def test_a_monstrous_book_is_not_kept(feed: Feed, acme: Instrument):
    monstrous = {"buy": KITE["buy"] * 100, "sell": []}
    feed.send(make_tick("ACME", TEN, 100.0, 1, depth=monstrous))
    ingest(feed)

    assert kept(acme) is None


def test_an_option_keeps_best_prices_and_quantities_in_its_strike(
    feed: Feed, acme: Instrument
):
    call = make_instrument(
        "ACME26NOV100CE",
        kind="option",
        underlying=acme,
        expires_on="2026-11-24",
        strike="100",
        option_type="CE",
    )
    feed.send(make_tick("ACME26NOV100CE", TEN, 167.2, 1, depth=KITE))
    ingest(feed)

    strike = StrikeBar.objects.get(underlying=acme)
    assert (strike.call_bid, strike.call_ask) == (167.35, 167.95)
    assert (strike.call_bid_quantity, strike.call_ask_quantity) == (4350, 2800)
    assert kept(call)["depth"] == KITE
