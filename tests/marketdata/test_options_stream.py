"""What ``/ws/options`` computes: the chain that REST answers, and closed intervals."""

import datetime
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from redis.exceptions import RedisError

from marketdata import quotes
from marketdata.consumers.options import chain_family, find_chains
from marketdata.models import Instrument, ShardPosition
from tests import asyncapi
from tests.marketdata.builders import ist
from tests.marketdata.chains import (
    Line,
    Quote,
    kite_chain,
    make_options,
    make_underlying,
    needs_recordings,
    save_chain,
)
from tests.marketdata.test_quotes_stream import tell
from tradingsite import redis as ground
from tradingsite.streaming.families import Family
from tradingsite.streaming.frames import MOST_BYTES_OUT, encode

NOW = ist("2026-11-20 12:00")  # a Friday
EXPIRY, LATER = "2026-11-23", "2026-12-29"
LINES = [
    Line(23_900, Quote(180.0, 1000, 500), Quote(70.0, 4000, 900)),
    Line(24_000, Quote(115.0, 3000, 800), Quote(105.0, 2500, 700)),
    Line(24_100, Quote(65.0, 5000, 900), Quote(155.0, 1500, 400)),
]
Options = dict[tuple[float, str], Instrument]


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    ground.client().delete(quotes.keys().prices)


@pytest.fixture
def nifty(db: None) -> Instrument:
    return make_underlying()


@pytest.fixture
def options(nifty: Instrument) -> Options:
    strikes = [line.strike for line in LINES]
    make_options(nifty, LATER, strikes)
    return make_options(nifty, EXPIRY, strikes)


@pytest.fixture
def chain(nifty: Instrument, options: Options) -> None:
    save_chain(nifty, options, LINES, "2026-11-20 11:59", spot=24_000)


def computed(word: str, before: Family | None = None) -> Family:
    [(key, _)] = find_chains([word]).values()
    return chain_family(key, before)


def told(family: Family) -> dict[str, Any]:
    """Return the parts as a client reads them."""
    parts: dict[str, Any] = json.loads(encode(family.parts))
    asyncapi.check(
        {"type": "update", "stream": "options", "key": "NSE:NIFTY", "data": parts}
    )
    return parts


def rest(client: Client, **query: Any) -> dict[str, Any]:
    response = client.get("/api/v1/options/chain", {"symbol": "NIFTY", **query})
    body: dict[str, Any] = response.json()
    return body


# --- what is meant -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("NIFTY", f"NSE:NIFTY@{EXPIRY}"),
        ("NSE:NIFTY@nearest", f"NSE:NIFTY@{EXPIRY}"),
        ("NSE:NIFTY@Nearest", f"NSE:NIFTY@{EXPIRY}"),
        ("nifty@NWeek+0", f"NSE:NIFTY@{EXPIRY}"),
        ("NIFTY@Nm", f"NSE:NIFTY@{LATER}"),
        (f"NIFTY@{LATER}", f"NSE:NIFTY@{LATER}"),
        (f"NIFTY@{LATER}@5min", f"NSE:NIFTY@{LATER}@5min"),
        ("NIFTY@@1min", f"NSE:NIFTY@{EXPIRY}@1min"),
    ],
)
def test_a_chain_is_found_by_day_and_by_label(options: Options, word: str, name: str):
    assert find_chains([word])[word][1] == name


@pytest.mark.parametrize(
    "word",
    ["", "@", "NIFTY@2026-11-24", "NIFTY@soon", "NIFTY@@2min", "NOBODY@nearest", "\0@"],
)
def test_what_means_no_listed_expiry_is_unknown(options: Options, word: str):
    assert find_chains([word]) == {}


# --- the chain as it stands -----------------------------------------------------------


def test_the_stream_has_the_numbers_of_the_rest_chain(asha: Client, chain: None):
    parts, answer = told(computed("NIFTY")), rest(asha)
    summary = parts.pop("summary")

    assert list(parts) == ["23900", "24000", "24100"]
    for row in answer["strikes"]:
        strike = parts[f"{row['strike']:g}"]
        for side in ("call", "put"):
            assert strike[side].pop("spread_percent") is None
        assert strike | {"moneyness_bucket": None} == row | {"moneyness_bucket": None}
    assert {name: summary[name] for name in answer["metrics"]} == answer["metrics"]
    assert summary["observed_at"] == answer["observed_at"]
    assert (summary["expiry_relative_label"], summary["relative_rank"]) == (
        answer["relative_label"],
        0,
    )


def test_buckets_count_strikes_from_the_money(chain: None):
    parts = told(computed("NIFTY"))

    found = {name: part.get("moneyness_bucket") for name, part in parts.items()}
    assert found == {
        "summary": None,
        "23900": "ITM1",
        "24000": "ATM",
        "24100": "OTM1",
    }


def test_a_spread_is_told_where_both_prices_are_known(
    nifty: Instrument, options: Options
):
    feed = {(24_000.0, "CE"): {"bid": 99.0, "ask": 101.0}}
    save_chain(nifty, options, LINES, "2026-11-20 11:59", spot=24_000, feed=feed)

    strike = told(computed("NIFTY"))["24000"]
    assert strike["call"]["spread_percent"] == 2.0
    assert strike["put"]["spread_percent"] is None


def test_when_it_was_observed_tells_how_new_it_is(chain: None):
    family = computed("NIFTY")

    assert family.as_of == ist("2026-11-20 11:59").timestamp() + 59
    assert told(family)["summary"]["is_open"] is True


def test_where_nothing_has_changed_nothing_is_computed(
    chain: None,
    options: Options,
    django_assert_max_num_queries: DjangoAssertNumQueries,
):
    first = computed("NIFTY")
    with django_assert_max_num_queries(16):
        assert computed("NIFTY", first) is first
    tell(options[24_000.0, "CE"], 120.0)
    moved = computed("NIFTY", first)

    assert moved is not first


def test_without_redis_the_bars_are_told(
    chain: None, options: Options, monkeypatch: pytest.MonkeyPatch
):
    def away() -> None:
        raise RedisError

    tell(options[24_000.0, "CE"], 120.0)
    monkeypatch.setattr(ground, "client", away)

    assert told(computed("NIFTY"))["24000"]["call"]["price"] == 115.0


def test_an_expiry_that_has_ended_keeps_what_was_known(
    chain: None, monkeypatch: pytest.MonkeyPatch
):
    first = computed("NIFTY")
    [(key, _)] = find_chains(["NIFTY"]).values()
    monkeypatch.setattr(timezone, "now", lambda: ist("2026-11-24 10:00"))

    assert chain_family(key, first) is first
    assert told(chain_family(key, None)) == {}


@needs_recordings
def test_a_real_chain_fits_into_frames(asha: Client, nifty: Instrument):
    spot, lines = kite_chain("10-23")
    options = make_options(nifty, EXPIRY, [line.strike for line in lines])
    save_chain(nifty, options, lines, "2026-11-20 11:59", spot=spot)
    parts = told(computed("NIFTY"))

    assert len(parts) == len(lines) + 1
    assert max(len(encode(part)) for part in parts.values()) < MOST_BYTES_OUT // 20
    assert parts["summary"]["pcr"] == rest(asha)["metrics"]["pcr"]


# --- closed intervals -----------------------------------------------------------------


def at_clock(text: str, stream: str = "ticks:0") -> None:
    ShardPosition.objects.update_or_create(
        stream=stream, defaults={"epoch": "e", "clock_at": ist(text)}
    )


@pytest.fixture
def minutes(nifty: Instrument, options: Options) -> None:
    """Two minutes of which the second is not over yet."""
    save_chain(nifty, options, LINES, "2026-11-20 11:58", spot=24_000)
    save_chain(nifty, options, LINES[:2], "2026-11-20 11:59", spot=24_000)
    at_clock("2026-11-20 11:59:30")


def test_a_bucket_has_what_the_original_says_of_it(minutes: None):
    [message] = told(computed("NIFTY@@1min")).values()

    assert set(message) == {
        "type",
        "timeframe",
        "symbol",
        "expiry",
        "bucket_time",
        "strikes",
        "metrics",
        "expiry_relative_label",
        "relative_rank",
        "page",
        "pages",
    }
    assert message["type"] == "fo_bucket"
    assert (message["timeframe"], message["symbol"]) == ("1min", "NSE:NIFTY")
    assert message["bucket_time"] == "2026-11-20T06:28:00Z"
    assert (message["expiry_relative_label"], message["relative_rank"]) == (
        "NWeek+0",
        0,
    )
    assert message["metrics"] == {
        "total_call_oi": 9000,
        "total_put_oi": 8000,
        "total_call_volume": 3,
        "total_put_volume": 3,
        "pcr": pytest.approx(8 / 9),
        "max_pain_strike": 24_000,
    }
    money = message["strikes"][1]
    assert (money["strike"], money["underlying"]) == (24_000, 24_000)
    assert money["moneyness_bucket"] == "ATM"
    assert set(money["call"]) == {
        "price",
        "oi",
        "volume",
        "iv",
        "delta",
        "gamma",
        "theta",
        "vega",
    }
    assert (money["call"]["price"], money["put"]["oi"]) == (115, 2500)


def test_a_bucket_has_the_numbers_of_rest(asha: Client, minutes: None):
    [message] = told(computed("NIFTY@@1min")).values()
    query: dict[str, str | int] = {
        "symbol": "NIFTY",
        "expiry": EXPIRY,
        "resolution": 1,
        "strike": 24_000,
        "from": ist("2026-11-20 11:58").isoformat(),
        "to": ist("2026-11-20 11:59").isoformat(),
    }
    candle = asha.get("/api/v1/options/strike-history", query).json()["candles"][-1]

    call = message["strikes"][1]["call"]
    for name in ("price", "oi", "volume", "iv", "delta"):
        assert call[name] == pytest.approx(candle["call"][name], rel=1e-6), name


def test_a_bucket_is_told_when_the_clock_of_the_ingest_has_passed_it(minutes: None):
    first = computed("NIFTY@@1min")
    at_clock("2026-11-20 12:00:01")
    assert computed("NIFTY@@1min", first) is first
    at_clock("2026-11-20 12:00:02")
    second = computed("NIFTY@@1min", first)

    assert told(second)["1"]["bucket_time"] == "2026-11-20T06:29:00Z"
    assert second.as_of == NOW.timestamp()


def test_the_slowest_shard_decides_and_a_forgotten_one_does_not(minutes: None):
    at_clock("2026-11-20 12:00:02")
    at_clock("2026-11-20 11:59:40", "ticks:1")
    assert told(computed("NIFTY@@1min"))["1"]["bucket_time"].endswith("06:28:00Z")
    at_clock("2026-11-19 11:59:40", "ticks:1")
    assert told(computed("NIFTY@@1min"))["1"]["bucket_time"].endswith("06:29:00Z")


@pytest.mark.parametrize(("size", "began"), [("5min", "06:25"), ("15min", "06:15")])
def test_larger_buckets_begin_where_the_rollups_do(
    minutes: None, size: str, began: str
):
    assert told(computed(f"NIFTY@@{size}")) == {}
    at_clock("2026-11-20 12:00:05")
    message = told(computed(f"NIFTY@@{size}"))["1"]

    assert message["bucket_time"] == f"2026-11-20T{began}:00Z"
    # Of both minutes: two strikes traded in both.
    assert message["metrics"]["total_call_volume"] == 5


def test_a_large_bucket_comes_in_pages(nifty: Instrument):
    lines = [
        Line(20_000 + 50 * n, Quote(100.0, 10, 1), Quote(100.0, 10, 1))
        for n in range(220)
    ]
    options = make_options(nifty, EXPIRY, [line.strike for line in lines])
    save_chain(nifty, options, lines, "2026-11-20 11:58", spot=25_500)
    pages = told(computed("NIFTY@@1min"))

    assert list(pages) == ["1", "2", "3"]
    assert {page["pages"] for page in pages.values()} == {3}
    strikes = [row["strike"] for page in pages.values() for row in page["strikes"]]
    assert strikes == [line.strike for line in lines]
    assert max(len(encode(page)) for page in pages.values()) < MOST_BYTES_OUT // 2


def test_without_bars_there_is_no_bucket(options: Options):
    family = computed("NIFTY@@1min")

    assert (told(family), family.as_of) == ({}, None)


def test_a_bucket_is_news_until_the_next_one_should_be_there(minutes: None):
    one, five = computed("NIFTY@@1min"), computed("NIFTY@@5min")

    assert (one.lasts_s, five.lasts_s) == (75.0, 10.0)
    at_clock("2026-11-20 12:00:05")
    later = computed("NIFTY@@5min", five)
    assert later.lasts_s == datetime.timedelta(minutes=5).total_seconds() + 15
