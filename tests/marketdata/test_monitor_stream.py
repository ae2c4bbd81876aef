"""What ``/ws/monitor`` computes: what the monitor page shows, row by row."""

import json
from typing import Any

import pytest
from django.utils import timezone

from marketdata import monitor, quotes
from marketdata.consumers.monitor import find_sights, sight_family
from marketdata.models import Instrument, ShardPosition
from tests import asyncapi
from tests.marketdata.builders import ist, make_bar, make_instrument, save_bars
from tests.marketdata.chains import (
    Line,
    Quote,
    make_options,
    make_underlying,
    save_chain,
)
from tradingsite import redis as ground
from tradingsite.streaming.families import Family
from tradingsite.streaming.frames import encode

NOW = ist("2026-11-20 12:00")
WEEK, MONTH = "2026-11-23", "2026-12-29"
LINES = [
    Line(23_900, Quote(180.0, 1000, 500), Quote(70.0, 4000, 900)),
    Line(24_000, Quote(115.0, 3000, 800), Quote(105.0, 2500, 700)),
]


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    ground.client().delete(quotes.keys().prices)


@pytest.fixture
def nifty(db: None) -> Instrument:
    underlying = make_underlying()
    for day in (WEEK, MONTH):
        options = make_options(underlying, day, [23_900.0, 24_000.0])
        save_chain(underlying, options, LINES, "2026-11-20 11:59", spot=23_990.0)
    future = make_instrument(
        "NIFTY26NOVFUT",
        "NFO",
        kind="future",
        underlying=underlying,
        expires_on=WEEK,
        lot_size=65,
    )
    bar = make_bar(future, ist("2026-11-20 11:59"), 24_010.0, open_interest=900)
    save_bars([bar])
    seen_at = ist("2026-11-20 11:59:58")
    ShardPosition.objects.create(stream="ticks:0", epoch="e", last_tick_at=seen_at)
    return underlying


def computed(word: str) -> Family:
    [(key, _)] = find_sights([word]).values()
    return sight_family(key, None)


def told(word: str) -> dict[str, Any]:
    parts: dict[str, Any] = json.loads(encode(computed(word).parts))
    asyncapi.check({"type": "update", "stream": "monitor", "key": word, "data": parts})
    return parts


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("nifty", "NSE:NIFTY"),
        (f"NIFTY@{MONTH}", f"NSE:NIFTY@{MONTH}"),
        ("NIFTY@Nm+0", f"NSE:NIFTY@{MONTH}"),
        ("NIFTY@nearest", f"NSE:NIFTY@{WEEK}"),
    ],
)
def test_an_underlying_is_found_with_and_without_an_expiry(
    nifty: Instrument, word: str, name: str
):
    assert find_sights([word])[word][1] == name


@pytest.mark.parametrize("word", ["NOBODY", "NIFTY@soon", f"NIFTY@{WEEK}@1min"])
def test_what_cannot_be_watched_is_unknown(nifty: Instrument, word: str):
    assert find_sights([word]) == {}


def test_every_row_of_the_page_is_a_part(nifty: Instrument):
    parts = told("NIFTY")
    seen = monitor.look(nifty, now=NOW)

    assert set(parts) == {
        "feed",
        "day",
        "closes",
        "rollover",
        "future:NFO:NIFTY26NOVFUT",
        "summary",
        "strike:23900",
        "strike:24000",
    }
    assert parts["day"]["price"] == seen.day.price == 23_990
    assert parts["feed"]["state"] == "live"
    assert parts["rollover"][0]["share_percent"] == 100
    future = parts["future:NFO:NIFTY26NOVFUT"]
    assert (future["price"], future["basis"]) == (24_010, 20)
    assert seen.around is not None
    assert parts["strike:24000"]["call"]["iv"] == pytest.approx(
        seen.around.strikes[1].call.iv,  # type: ignore[union-attr] # it has one
        abs=1e-6,
    )
    assert parts["summary"]["most_oi"] == 4000
    assert parts["summary"]["expiry"] == WEEK


def test_the_expiry_that_was_chosen_is_shown(nifty: Instrument):
    assert told(f"NIFTY@{MONTH}")["summary"]["expiry"] == MONTH


def test_it_is_as_new_as_the_newest_that_was_heard(nifty: Instrument):
    assert computed("NIFTY").as_of == ist("2026-11-20 11:59:59").timestamp()


def test_an_instrument_without_contracts_has_a_day_alone(nifty: Instrument):
    make_instrument("ACME")
    parts = told("ACME")

    assert set(parts) == {"feed", "day", "closes", "rollover"}
    assert parts["day"]["price"] is None
