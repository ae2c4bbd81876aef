"""``/udf/history``: a table of questions with the bodies they are answered with."""

import json

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from marketdata.models import Instrument
from tests.marketdata.builders import (
    epoch,
    ist,
    make_bar,
    make_exchange,
    make_hours,
    make_instrument,
    make_minutes,
    save_bars,
)

Query = dict[str, str | int]

# Four minutes of Monday 23 November 2026, 09:15 to 09:18 IST; the third is missing.
OPEN = 1795405500
BARS = [
    (0, 100.0, 101.5, 99.95, 101.0, 10),
    (60, 101.0, 102.0, 100.0, 100.05, 20),
    (180, 100.05, 100.05, 98.0, 98.5, 0),
    (240, 98.5, 99.0, 98.25, 98.75, 40),
]
ALL = (
    '{"s":"ok","t":[1795405500,1795405560,1795405680,1795405740],'
    '"o":[100,101,100.05,98.5],"h":[101.5,102,100.05,99],'
    '"l":[99.95,100,98,98.25],"c":[101,100.05,98.5,98.75],"v":[10,20,0,40]}'
)
LAST_TWO = (
    '{"s":"ok","t":[1795405680,1795405740],"o":[100.05,98.5],"h":[100.05,99],'
    '"l":[98,98.25],"c":[98.5,98.75],"v":[0,40]}'
)
SECOND = (
    '{"s":"ok","t":[1795405560],"o":[101],"h":[102],"l":[100],"c":[100.05],"v":[20]}'
)
FIVE_MINUTES = (
    '{"s":"ok","t":[1795405500],"o":[100],"h":[102],"l":[98],"c":[98.75],"v":[70]}'
)
DAY = FIVE_MINUTES.replace("1795405500", "1795392000")
NO_DATA = '{"s":"no_data"}'


def error(message: str) -> str:
    return json.dumps({"s": "error", "errmsg": message}, separators=(",", ":"))


WHOLE_NUMBER = "{} must be a whole number"
OUT_OF_RANGE = "{} is out of range: it is asked for in seconds"

CASES = {
    "the whole range": ("resolution=1&from=1795405500&to=1795405741", ALL),
    "to is exclusive": ("resolution=1&from=1795405560&to=1795405680", SECOND),
    "from is inclusive": ("resolution=1&from=1795405680&to=1795405999", LAST_TWO),
    "countback": ("resolution=1&to=1795405999&countback=2", LAST_TWO),
    "countback before to": ("resolution=1&to=1795405680&countback=1", SECOND),
    "countback wins over a later from": (
        "resolution=1&from=1795405740&to=1795405741&countback=2",
        LAST_TWO,
    ),
    "countback wins over an earlier from": (
        "resolution=1&from=0&to=1795405999&countback=2",
        LAST_TWO,
    ),
    "countback beyond the first bar": (
        "resolution=1&from=1795405680&to=1795405999&countback=5000",
        ALL,
    ),
    "huge countback": ("resolution=1&to=1795405999&countback=999999999999", ALL),
    "countback before the first bar": (
        "resolution=1&from=1&to=1795405500&countback=3",
        NO_DATA,
    ),
    "ten years": ("resolution=1&from=1480000000&to=1795500000", ALL),
    "from before the epoch": ("resolution=1&from=-2208988800&to=1795500000", ALL),
    "a gap names the bar before it": (
        "resolution=1&from=1795405620&to=1795405680",
        '{"s":"no_data","nextTime":1795405560}',
    ),
    "after the last bar": (
        "resolution=1&from=1795409999&to=1795499999",
        '{"s":"no_data","nextTime":1795405740}',
    ),
    "before the first bar": ("resolution=1&from=1&to=1795405500", NO_DATA),
    "an empty range": (
        "resolution=1&from=1795405740&to=1795405740",
        '{"s":"no_data","nextTime":1795405680}',
    ),
    "five minutes": ("resolution=5&from=1795405500&to=1795409999", FIVE_MINUTES),
    "nextTime is the time of a bar of that resolution": (
        "resolution=5&from=1795409999&to=1795499999",
        '{"s":"no_data","nextTime":1795405500}',
    ),
    "a day": ("resolution=1D&to=1795499999&countback=1", DAY),
    "D is 1D": ("resolution=D&to=1795499999&countback=1", DAY),
    "nextTime of a day": (
        "resolution=D&from=1795478400&to=1795499999",
        '{"s":"no_data","nextTime":1795392000}',
    ),
    "reversed range": (
        "resolution=1&from=1795405741&to=1795405500",
        error("from must not be after to"),
    ),
    "reversed range with countback": (
        "resolution=1&from=1795405741&to=1795405500&countback=2",
        error("from must not be after to"),
    ),
    "unknown resolution": (
        "resolution=7&from=1&to=2",
        error("this resolution is not supported"),
    ),
    "seconds are not read as minutes": (
        "resolution=5S&from=1&to=2",
        error("this resolution is not supported"),
    ),
    "no resolution": ("from=1&to=2", error("this resolution is not supported")),
    "resolution with NUL": (
        "resolution=1%00&from=1&to=2",
        error("this resolution is not supported"),
    ),
    "no to": ("resolution=1&from=1", error("to is missing")),
    "neither from nor countback": (
        "resolution=1&to=2",
        error("from or countback is missing"),
    ),
    "empty from": ("resolution=1&from=&to=2", error("from or countback is missing")),
    "words": ("resolution=1&from=yesterday&to=2", error(WHOLE_NUMBER.format("from"))),
    "fractions": ("resolution=1&from=1&to=2.5", error(WHOLE_NUMBER.format("to"))),
    "exponents": ("resolution=1&from=1&to=1e9", error(WHOLE_NUMBER.format("to"))),
    "infinity": ("resolution=1&from=1&to=inf", error(WHOLE_NUMBER.format("to"))),
    "underscores": ("resolution=1&from=1&to=1_0", error(WHOLE_NUMBER.format("to"))),
    "other digits": (
        "resolution=1&from=1&to=%EF%BC%92",
        error(WHOLE_NUMBER.format("to")),
    ),
    "NUL in a number": (
        "resolution=1&from=1&to=2%00",
        error(WHOLE_NUMBER.format("to")),
    ),
    "more digits than any time has": (
        "resolution=1&from=1&to=99999999999999999999",
        error(WHOLE_NUMBER.format("to")),
    ),
    "milliseconds": (
        "resolution=1&from=179540550000&to=179540950000",
        error(OUT_OF_RANGE.format("to")),
    ),
    "countback of nothing": (
        "resolution=1&from=1&to=2&countback=0",
        error("countback must be at least 1"),
    ),
    "countback below nothing": (
        "resolution=1&from=1&to=2&countback=-5",
        error("countback must be at least 1"),
    ),
}


@pytest.fixture
def four_minutes(acme: Instrument) -> Instrument:
    nine_fifteen = ist("2026-11-23 09:15")
    assert nine_fifteen.timestamp() == OPEN
    save_bars(
        [
            make_bar(
                acme,
                ist(f"2026-11-23 09:{15 + after // 60}"),
                close,
                open=opened,
                high=high,
                low=low,
                volume=volume,
            )
            for after, opened, high, low, close, volume in BARS
        ]
    )
    return acme


@pytest.mark.parametrize(("question", "body"), CASES.values(), ids=CASES.keys())
def test_a_question_has_this_answer(
    asha: Client, four_minutes: Instrument, question: str, body: str
):
    response = asha.get(f"/udf/history?symbol=NSE:ACME&{question}")

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.content.decode() == body


@pytest.mark.parametrize(
    "symbol",
    ["NSE:ACME", "ACME", "acme", "nse:acme", "NSE:ACME-EQ", "ACME.NS", "^ACME"],
)
def test_a_symbol_answers_to_its_names(
    asha: Client, four_minutes: Instrument, symbol: str
):
    query: Query = {
        "symbol": symbol,
        "resolution": "1",
        "to": OPEN + 999,
        "countback": "9",
    }

    response = asha.get("/udf/history", query)

    assert response.content.decode() == ALL


UNKNOWN = {
    "nothing": "",
    "a blank": " ",
    "a colon": ":",
    "no symbol": "NSE:",
    "no exchange": ":ACME",
    "nobody": "NSE:NOBODY",
    "another exchange": "BSE:ACME",
    "NUL within": "AC\0ME",
    "NUL": "\0",
    "far too long": "A" * 5000,
    "percent": "%",
    "a wildcard": "ACM_",
    "SQL": "'; DROP TABLE minute_bars; --",
    "two colons": "NSE:ACME:X",
    "another plane": "\N{ROCKET}",
}


@pytest.mark.parametrize("symbol", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_unknown_symbol_is_an_error_of_the_protocol(
    asha: Client, four_minutes: Instrument, symbol: str
):
    query = {"symbol": symbol, "resolution": "1", "from": "1", "to": "2"}

    response = asha.get("/udf/history", query)

    assert response.status_code == 200
    assert response.content == b'{"s":"error","errmsg":"unknown_symbol"}'


def test_a_bare_symbol_of_two_exchanges_is_not_guessed(
    asha: Client, four_minutes: Instrument
):
    make_instrument("ACME", "BSE")
    query = {"symbol": "ACME", "resolution": "1", "from": "1", "to": "2"}

    response = asha.get("/udf/history", query)

    assert response.json() == {
        "s": "error",
        "errmsg": "ask for EXCHANGE:SYMBOL, more than one has this name",
    }


def test_an_alias_means_the_index(asha: Client):
    make_hours(make_exchange("NSE"))
    nifty = make_instrument("NIFTY", kind="index")
    make_minutes(nifty, "2026-11-23 09:15", 1)
    bodies = {
        asha.get(
            "/udf/history",
            {"symbol": alias, "resolution": "1", "to": OPEN + 999, "countback": "1"},
        ).content
        for alias in (
            "NIFTY",
            "NSE:NIFTY",
            "NIFTY50",
            "NIFTY 50",
            "^NSEI",
            "NSE:NIFTY-50",
        )
    }

    assert len(bodies) == 1
    assert json.loads(bodies.pop())["c"] == [100]


def test_the_open_bar_moves_with_every_answer(asha: Client, acme: Instrument):
    opened = ist("2026-11-23 09:15")
    query: Query = {
        "symbol": "NSE:ACME",
        "resolution": "5",
        "to": OPEN + 999,
        "countback": "2",
    }
    save_bars([make_bar(acme, opened, 100.0)])
    first = asha.get("/udf/history", query).json()
    save_bars([make_bar(acme, opened, 101.5)])

    second = asha.get("/udf/history", query).json()

    assert (first["c"], second["c"]) == ([100], [101.5])


@pytest.mark.parametrize("resolution", ["1", "5", "60", "1D", "1W", "1M"])
def test_an_answer_takes_two_queries_besides_the_log_in(
    asha: Client,
    four_minutes: Instrument,
    resolution: str,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    query: Query = {
        "symbol": "NSE:ACME",
        "resolution": resolution,
        "to": OPEN * 2,
        "from": "1",
    }

    # Session, user, instrument with its exchange, bars.
    with django_assert_num_queries(6):
        asha.get("/udf/history", query)


def test_a_program_may_ask_for_two_bars_of_a_market_that_is_closed(
    asha: Client, four_minutes: Instrument
):
    """A poller asks for its last ten periods: countback reaches behind them."""
    sunday = epoch("2026-11-29 12:00")
    query: Query = {
        "symbol": "NSE:ACME",
        "resolution": "1",
        "from": sunday - 600,
        "to": sunday,
        "countback": "2",
    }

    assert asha.get("/udf/history", query).content.decode() == LAST_TWO
