"""``/api/v1/options/``: chains over REST, now and as they stood."""

import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from marketdata import quotes
from marketdata.chain import expiries_of
from marketdata.models import Instrument
from marketdata.serializers.options import answers
from tests.marketdata.builders import ist, make_exchange, make_hours
from tests.marketdata.chains import (
    Line,
    Quote,
    kite_chain,
    make_options,
    make_underlying,
    needs_recordings,
    save_chain,
)

NOW = ist("2026-11-20 12:00")  # a Friday
EXPIRY, LATER = "2026-11-23", "2026-12-01"
# A forward of 24,010, ten above the spot.
LINES = [
    Line(23_900, Quote(180.0, 1000, 500), Quote(70.0, 4000, 900)),
    Line(24_000, Quote(115.0, 3000, 800), Quote(105.0, 2500, 700)),
    Line(24_100, Quote(65.0, 5000, 900), Quote(155.0, 1500, 400)),
]
OPTIONS = "/api/v1/options"


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


@pytest.fixture
def nifty(db: None) -> Instrument:
    return make_underlying()


@pytest.fixture
def options(nifty: Instrument) -> dict[tuple[float, str], Instrument]:
    strikes = [line.strike for line in LINES]
    make_options(nifty, LATER, strikes)
    return make_options(nifty, EXPIRY, strikes)


@pytest.fixture
def chain(nifty: Instrument, options: dict[tuple[float, str], Instrument]) -> None:
    save_chain(nifty, options, LINES, "2026-11-20 11:59", spot=24_000)


def answer(client: Client, path: str, **query: Any) -> dict[str, Any]:
    response = client.get(f"{OPTIONS}/{path}", {"symbol": "NIFTY", **query})
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def refused(client: Client, path: str, **query: Any) -> set[str]:
    response = client.get(f"{OPTIONS}/{path}", {"symbol": "NIFTY", **query})
    assert response.status_code == 400, response.content
    assert response["Content-Type"].startswith("application/problem+json")
    return {error["field"] for error in response.json()["errors"]}


# --- chain ------------------------------------------------------------------------


def test_the_chain_as_a_whole(asha: Client, chain: None):
    metrics = answer(asha, "chain")["metrics"]

    assert metrics["spot"] == 24_000
    assert metrics["forward"] == 24_010
    assert metrics["atm_strike"] == 24_000
    assert metrics["straddle"] == 220
    assert metrics["total_call_oi"] == 9000
    assert metrics["pcr"] == pytest.approx(8000 / 9000, abs=1e-6)
    assert metrics["pcr_volume"] == pytest.approx(2000 / 2200, abs=1e-6)
    assert metrics["max_pain_strike"] == 24_000
    # Until 15:30 of Monday: three days, three and a half hours, one second.
    assert metrics["days_to_expiry"] == pytest.approx(3.145845, abs=1e-6)
    assert metrics["expected_move"] == pytest.approx(
        24_010 * metrics["atm_iv"] * (3.145845 / 365) ** 0.5, rel=1e-4
    )


def test_call_and_put_of_a_strike_share_one_volatility(asha: Client, chain: None):
    """By parity they must: spot for forward would part them by points."""
    rows = answer(asha, "chain")["strikes"]

    for row in rows:
        assert row["call"]["iv"] == pytest.approx(row["put"]["iv"], abs=1e-6)
        assert row["call"]["iv_from"] == "model"
    assert [row["steps"] for row in rows] == [-1, 0, 1]
    assert rows[0]["pcr"] == 4
    middle = rows[1]["call"]
    assert middle["intrinsic"] == 10
    assert middle["extrinsic"] == 105
    assert 0.5 < middle["delta"] < 0.55
    assert middle["theta"] < 0 < middle["vega"]


def test_the_schema_tells_exactly_what_is_answered(asha: Client, chain: None):
    body = answer(asha, "chain")

    assert set(body) == set(answers.ChainSerializer().fields)
    assert set(body["strikes"][0]) == set(answers.StrikeSerializer().fields)
    assert set(body["strikes"][0]["call"]) == set(answers.SideSerializer().fields)


def test_what_the_feed_computed_is_kept_and_our_own_may_be_asked_for(
    asha: Client, nifty: Instrument, options: dict[tuple[float, str], Instrument]
):
    told = {"iv": 0.5, "delta": 0.6, "gamma": 0.001, "theta": -9.0, "vega": 8.0}
    feed = {(24_000.0, "CE"): told}
    save_chain(nifty, options, LINES, "2026-11-20 11:59", spot=24_000, feed=feed)

    given = answer(asha, "chain")["strikes"][1]
    own = answer(asha, "chain", iv="model")["strikes"][1]

    assert (given["call"]["iv"], given["call"]["iv_from"]) == (0.5, "feed")
    assert given["call"]["theta"] == -9
    assert given["put"]["iv_from"] == "model"
    assert own["call"]["iv"] == own["put"]["iv"] == given["put"]["iv"]


def test_a_price_without_a_volatility_has_none(
    asha: Client, nifty: Instrument, options: dict[tuple[float, str], Instrument]
):
    below = Line(23_900, Quote(20.0, 1000, 1), Quote(70.0, 1000, 1))
    save_chain(nifty, options, [below, *LINES[1:]], "2026-11-20 11:59", spot=24_000)

    call = answer(asha, "chain")["strikes"][0]["call"]

    assert call["price"] == 20
    assert [call[name] for name in ("iv", "delta", "theta", "iv_from")] == [None] * 4


def test_an_old_price_is_shown_but_nothing_is_computed_of_it(
    asha: Client, nifty: Instrument, options: dict[tuple[float, str], Instrument]
):
    save_chain(nifty, options, LINES[:1], "2026-11-20 11:30", spot=24_000)
    save_chain(nifty, options, LINES[1:], "2026-11-20 11:59", spot=24_000)

    body = answer(asha, "chain")

    old = body["strikes"][0]["put"]
    assert (old["price"], old["is_stale"], old["iv"]) == (70, True, None)
    assert body["metrics"]["total_put_oi"] == 8000


def test_volume_is_of_the_day_and_open_interest_lasts(
    asha: Client, nifty: Instrument, options: dict[tuple[float, str], Instrument]
):
    save_chain(nifty, options, LINES[:1], "2026-11-19 15:29", spot=23_900)
    save_chain(nifty, options, LINES[1:], "2026-11-20 11:59", spot=24_000)

    first = answer(asha, "chain")["strikes"][0]["call"]

    assert (first["oi"], first["volume"]) == (1000, 0)


def test_the_chain_of_a_past_minute_is_what_was_known_then(
    asha: Client, nifty: Instrument, options: dict[tuple[float, str], Instrument]
):
    early = [Line(24_000, Quote(50.0, 100, 10), Quote(60.0, 400, 20))]
    save_chain(nifty, options, early, "2026-11-19 10:31", spot=23_990)
    save_chain(nifty, options, LINES, "2026-11-20 11:59", spot=24_000)

    body = answer(asha, "chain", at="2026-11-19T10:31:00+05:30")

    assert body["observed_at"] == "2026-11-19T05:01:59Z"
    assert body["metrics"]["spot"] == 23_990
    assert body["metrics"]["pcr"] == 4
    assert body["metrics"]["forward"] == 23_990
    assert body["metrics"]["days_to_expiry"] == pytest.approx(4.206956, abs=1e-6)


def test_open_interest_is_compared_with_an_hour_ago(
    asha: Client, nifty: Instrument, options: dict[tuple[float, str], Instrument]
):
    early = [Line(24_000, Quote(50.0, 2000, 10), Quote(60.0, 2600, 20))]
    save_chain(nifty, options, early, "2026-11-20 10:40", spot=23_990)
    save_chain(nifty, options, LINES, "2026-11-20 11:59", spot=24_000)

    body = answer(asha, "chain")

    row = body["strikes"][1]
    assert row["call"]["oi_change"] == 1000
    assert row["put"]["oi_change"] == -100
    # The other strikes were not known then: they have not changed.
    assert body["metrics"]["call_oi_change"] == 1000
    assert body["metrics"]["put_oi_change"] == -100


def test_without_an_earlier_hour_nobody_knows_a_change(asha: Client, chain: None):
    metrics = answer(asha, "chain")["metrics"]

    assert metrics["call_oi_change"] is metrics["put_oi_change"] is None


def test_a_newer_quote_comes_on_top_of_the_bars(
    asha: Client,
    options: dict[tuple[float, str], Instrument],
    chain: None,
    monkeypatch: pytest.MonkeyPatch,
):
    call = options[24_000.0, "CE"]
    newer = quotes.Quote(118.0, NOW.timestamp() + 5, 810, 3050)
    monkeypatch.setattr(quotes, "cached_quotes", lambda wanted: {call.pk: newer})

    live = answer(asha, "chain")["strikes"][1]["call"]
    past = answer(asha, "chain", at="2026-11-20T11:59:30+05:30")["strikes"][1]["call"]

    assert (live["price"], live["oi"], live["volume"]) == (118, 3050, 810)
    assert (past["price"], past["oi"]) == (115, 3000)


def test_only_strikes_around_the_money_when_asked(asha: Client, chain: None):
    assert len(answer(asha, "chain", strikes=1)["strikes"]) == 3
    assert len(answer(asha, "chain", strikes=0)["strikes"]) == 3


def test_a_chain_without_any_bar_has_strikes_and_no_numbers(
    asha: Client, options: dict[tuple[float, str], Instrument]
):
    body = answer(asha, "chain")

    assert len(body["strikes"]) == 3
    assert body["observed_at"] is None
    assert body["metrics"]["pcr"] is None
    assert body["metrics"]["max_pain_strike"] is None


def test_the_chain_takes_few_queries(
    asha: Client,
    chain: None,
    django_assert_max_num_queries: DjangoAssertNumQueries,
):
    with django_assert_max_num_queries(14):
        answer(asha, "chain")


@needs_recordings
def test_a_recorded_chain_comes_out_with_its_known_numbers(
    asha: Client, nifty: Instrument, monkeypatch: pytest.MonkeyPatch
):
    spot, lines = kite_chain("10-23")
    listed = make_options(nifty, "2026-02-03", [line.strike for line in lines])
    save_chain(nifty, listed, lines, "2026-02-03 10:22", spot=spot)

    body = answer(asha, "chain", at="2026-02-03T10:22:00+05:30")

    metrics = body["metrics"]
    assert metrics["pcr"] == pytest.approx(0.9043, abs=5e-5)
    assert metrics["max_pain_strike"] == 25_600
    assert metrics["forward"] == pytest.approx(25_762, abs=0.5)
    middle = next(row for row in body["strikes"] if row["steps"] == 0)
    assert middle["call"]["iv"] == pytest.approx(middle["put"]["iv"], abs=1e-6)


# --- expiries -----------------------------------------------------------------------


def test_expiries_are_labeled(asha: Client, options: dict[Any, Instrument]):
    found = answer(asha, "expiries")["expiries"]

    assert [(one["date"], one["days_to_expiry"]) for one in found] == [
        (EXPIRY, 3),
        (LATER, 11),
    ]
    assert {one["relative_label"][:5] for one in found} == {"NWeek"}


def test_an_expiry_is_found_by_its_day_and_by_its_label(asha: Client, chain: None):
    label = answer(asha, "chain")["relative_label"]

    assert answer(asha, "chain", expiry=label)["expiry"] == EXPIRY
    assert answer(asha, "chain", expiry=LATER)["expiry"] == LATER


@pytest.mark.parametrize(
    ("closes", "ends"), [("15:40", "15:30"), ("00:00", "15:30"), ("13:00", "13:00")]
)
def test_index_options_stop_at_half_past_three_at_the_latest(
    nifty: Instrument, options: dict[Any, Instrument], closes: str, ends: str
):
    opens = "00:00" if closes == "00:00" else "09:15"
    make_hours(make_exchange("NFO"), opens=opens, closes=closes)

    nearest = expiries_of(nifty, NOW.date())[0]

    assert f"{nearest.ends_at():%Y-%m-%d %H:%M}" == f"{EXPIRY} {ends}"


# --- over strikes and over time -----------------------------------------------------


def test_a_distribution_joins_both_sides(asha: Client, chain: None):
    body = answer(asha, "strike-distribution", indicator="oi", expiry=EXPIRY)
    points = body["series"][0]["points"]

    assert [point["value"] for point in points] == [5000, 5500, 6500]
    assert [point["moneyness_bucket"] for point in points] == ["ITM1", "ATM", "OTM1"]


def test_a_distribution_of_the_next_two_expiries(asha: Client, chain: None):
    body = answer(asha, "strike-distribution", indicator="pcr")

    assert [one["expiry"] for one in body["series"]] == [EXPIRY, LATER]
    assert body["series"][0]["points"][0]["value"] == 4


@pytest.fixture
def hour(nifty: Instrument, options: dict[tuple[float, str], Instrument]) -> None:
    """Three minutes: the whole chain, then one strike, then nothing new but spot."""
    save_chain(nifty, options, LINES, "2026-11-20 11:30", spot=24_000)
    moved = [Line(24_000, Quote(120.0, 3300, 900), Quote(100.0, 2400, 800))]
    save_chain(nifty, options, moved, "2026-11-20 11:35", spot=24_010)
    moved = [Line(24_100, Quote(70.0, 5100, 950), Quote(150.0, 1600, 410))]
    save_chain(nifty, options, moved, "2026-11-20 11:40", spot=24_080)


def test_the_metrics_of_an_expiry_over_time_hold_what_was_last_heard(
    asha: Client, hour: None
):
    series = answer(asha, "expiry-metrics", resolution=5)["series"]

    assert [row["time"] for row in series] == [
        "2026-11-20T06:00:00Z",
        "2026-11-20T06:05:00Z",
        "2026-11-20T06:10:00Z",
    ]
    assert [row["total_call_oi"] for row in series] == [9000, 9300, 9400]
    assert series[1]["pcr"] == pytest.approx(7900 / 9300, abs=1e-6)
    assert series[0]["forward"] == 24_010
    assert series[0]["atm_iv"] > 0
    # Until 15:30 of Monday, from the end of the interval on.
    years = (3 * 24 + 3 + 55 / 60) / 24 / 365
    assert series[0]["expected_move"] == pytest.approx(
        24_010 * series[0]["atm_iv"] * years**0.5, rel=1e-4
    )
    assert [row["underlying"] for row in series] == [24_000, 24_010, 24_080]


def test_a_series_ends_now_at_the_latest(asha: Client, hour: None):
    """A year that no calendar has would lie beyond the last expiry."""
    late = answer(asha, "expiry-metrics", to="9999-12-31T23:59:59Z")

    assert late == answer(asha, "expiry-metrics")


def test_a_series_begins_with_what_was_known_before_it(asha: Client, hour: None):
    start = "2026-11-20T11:35:00+05:30"
    series = answer(asha, "expiry-metrics", resolution=5, **{"from": start})["series"]

    assert [row["total_call_oi"] for row in series] == [9300, 9400]


def test_moneyness_follows_the_underlying_and_looks_at_the_side(
    asha: Client, hour: None
):
    body = answer(
        asha,
        "moneyness-series",
        indicator="oi",
        option_side="put",
        levels=1,
        expiry=EXPIRY,
    )
    lines = {line["bucket"]: line["points"] for line in body["series"]}

    # The put one strike above the money is in the money; later there is none above.
    assert [point["value"] for point in lines["ITM1"]] == [1500, 1500, None]
    assert [point["value"] for point in lines["ATM"]] == [2500, 2400, 1600]
    assert [point["value"] for point in lines["OTM1"]] == [4000, 4000, 2400]


def test_max_pain_over_time_is_one_line(asha: Client, hour: None):
    body = answer(asha, "moneyness-series", indicator="max_pain", expiry=EXPIRY)

    assert [line["bucket"] for line in body["series"]] == ["expiry"]
    assert [point["value"] for point in body["series"][0]["points"]] == [24_000] * 3


def test_a_strike_over_time(asha: Client, hour: None):
    candles = answer(asha, "strike-history", strike=24_000, expiry=EXPIRY)["candles"]

    assert [row["call"]["price"] for row in candles] == [115, 120, 120]
    assert [row["put"]["oi"] for row in candles] == [2500, 2400, 2400]
    assert [row["call"]["volume"] for row in candles] == [1, 1, 0]
    assert candles[0]["call"]["iv"] == pytest.approx(candles[0]["put"]["iv"])


def test_the_panels_a_page_may_show(asha: Client, db: None):
    found = asha.get(f"{OPTIONS}/indicators").json()["indicators"]

    assert len(found) == 15
    assert {one["orientation"] for one in found} == {"horizontal", "vertical"}
    assert sum(one["indicator"] == "max_pain" for one in found) == 1


# --- legs ---------------------------------------------------------------------------


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(
        f"{OPTIONS}/{path}", {"symbol": "NIFTY", **body}, "application/json"
    )


STRADDLE = [
    {"kind": "CE", "expiry": EXPIRY, "strike": 24_000, "quantity": -65},
    {"kind": "PE", "expiry": EXPIRY, "strike": 24_000, "quantity": -65},
]


def test_a_payoff_is_filled_from_the_chain(asha: Client, chain: None):
    body = post(asha, "payoff", legs=STRADDLE).json()

    assert body["net_premium"] == -220 * 65
    assert body["break_evens"] == [23_780, 24_220]
    assert body["max_profit"] == 220 * 65
    assert body["max_loss"] is None
    assert body["loss_is_unlimited"] is True
    assert body["theta"] > 0 > body["vega"]
    # Entered at the last price: nothing is won or lost now.
    assert body["now"][60] == pytest.approx(0, abs=0.01 * 220 * 65)
    assert len(body["spots"]) == len(body["at_expiry"]) == 121


def test_scenarios_are_a_grid(asha: Client, chain: None):
    body = post(
        asha,
        "scenarios",
        legs=STRADDLE,
        spot_moves_pct=[-2, 0, 2],
        iv_shifts=[-0.02, 0.02],
        days=[0, 1],
    ).json()

    found = {(one["days"], one["iv_shift"]): one for one in body["scenarios"]}
    assert body["spots"] == [23_520, 24_000, 24_480]
    assert len(found) == 4
    calm, wild = found[0, -0.02]["profits"], found[0, 0.02]["profits"]
    assert calm[1] > 0 > wild[1]
    assert found[1, -0.02]["profits"][1] > calm[1]


@pytest.mark.parametrize(
    ("legs", "field"),
    [
        ([], "legs"),
        ([STRADDLE[0]] * 21, "legs"),
        ([STRADDLE[0] | {"quantity": 0}], "legs.0.quantity"),
        ([STRADDLE[0] | {"kind": "XX"}], "legs.0.kind"),
        ([STRADDLE[0] | {"strike": 24_050}], "legs.0.strike"),
        ([STRADDLE[0] | {"strike": "NaN"}], "legs.0.strike"),
        ([STRADDLE[0], STRADDLE[0] | {"expiry": "NWeek+9"}], "legs.1.expiry"),
        ([{"kind": "PE", "expiry": EXPIRY, "quantity": 1}], "legs.0.strike"),
        ([STRADDLE[0] | {"price": -1}], "legs.0.price"),
        ([STRADDLE[0] | {"iv": 99}], "legs.0.iv"),
    ],
)
def test_a_bad_leg_is_named(
    asha: Client, chain: None, legs: list[dict[str, Any]], field: str
):
    response = post(asha, "payoff", legs=legs)

    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


# --- who and what is refused ----------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "fields"),
    [
        ("chain", {"symbol": ""}, {"symbol"}),
        ("chain", {"symbol": "NOBODY"}, {"symbol"}),
        ("chain", {"symbol": "X" * 97}, {"symbol"}),
        ("chain", {"expiry": "2026-11-25"}, {"expiry"}),
        ("chain", {"expiry": "NWeek+99"}, {"expiry"}),
        ("chain", {"expiry": "x" * 17}, {"expiry"}),
        ("chain", {"at": "yesterday"}, {"at"}),
        ("chain", {"at": "2026-11-21T10:00:00Z"}, {"at"}),
        ("chain", {"at": "1999-11-21T10:00:00Z"}, {"at"}),
        ("chain", {"strikes": -1}, {"strikes"}),
        ("chain", {"strikes": 501}, {"strikes"}),
        ("chain", {"iv": "best"}, {"iv"}),
        ("expiries", {"as_of": "32"}, {"as_of"}),
        ("strike-distribution", {"indicator": "max_pain"}, {"indicator"}),
        ("strike-distribution", {"option_side": "left"}, {"option_side"}),
        ("strike-distribution", {"expiry": ["NWeek+0"] * 5}, {"expiry"}),
        ("strike-distribution", {"strike_range": 0}, {"strike_range"}),
        ("moneyness-series", {"levels": 11}, {"levels"}),
        ("moneyness-series", {"resolution": 7}, {"resolution"}),
        ("moneyness-series", {"from": "2026-11-01T10:00:00Z"}, {"from"}),
        ("expiry-metrics", {"to": "soon"}, {"to"}),
        ("expiry-metrics", {"to": "0001-01-01T00:00:00Z"}, {"to"}),
        ("moneyness-series", {"to": "1999-12-31T10:00:00Z"}, {"to"}),
        ("strike-history", {}, {"strike"}),
        ("strike-history", {"strike": "NaN"}, {"strike"}),
        ("strike-history", {"strike": 1e12}, {"strike"}),
    ],
)
def test_a_parameter_out_of_bounds_is_named(
    asha: Client, chain: None, path: str, query: dict[str, Any], fields: set[str]
):
    assert refused(asha, path, **query) == fields


def test_an_underlying_without_options_is_named(asha: Client, acme: Instrument):
    assert refused(asha, "chain", symbol="ACME") == {"symbol"}


@pytest.mark.parametrize(
    "path",
    [
        "indicators",
        "expiries",
        "chain",
        "strike-distribution",
        "strike-history",
        "moneyness-series",
        "expiry-metrics",
    ],
)
def test_a_stranger_is_told_nothing(client: Client, db: None, path: str):
    assert client.get(f"{OPTIONS}/{path}").status_code == 401


def test_a_key_without_the_scope_is_refused(client: Client, db: None):
    user = User.objects.create_user("bob")
    key = user.api_keys.model.objects.issue(
        user_id=user.pk,
        name="no market",
        scopes=["read:accounts"],
        now=NOW,
        life=datetime.timedelta(days=1),
    )
    headers = {"Authorization": f"Bearer {key.text}"}

    response = client.get(f"{OPTIONS}/chain?symbol=NIFTY", headers=headers)

    assert response.status_code == 403
