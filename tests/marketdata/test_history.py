import datetime
import random
from itertools import pairwise

import pytest
import time_machine
from pytest_django import DjangoAssertNumQueries

from marketdata import history
from marketdata.history import Columns
from marketdata.models import Instrument, MinuteBar
from marketdata.resolutions import RESOLUTIONS, Resolution, parse
from tests.marketdata.builders import (
    epoch,
    ist,
    make_bar,
    make_exchange,
    make_holiday,
    make_hours,
    make_instrument,
    make_minutes,
    save_bars,
    utc_day,
)

pytestmark = pytest.mark.django_db

END = epoch("2030-01-01")


def times(columns: Columns) -> list[int]:
    return [int(text) for text in columns.opened_at.split(",")] if columns.count else []


def closes(columns: Columns) -> list[float]:
    return [float(text) for text in columns.close.split(",")] if columns.count else []


def test_a_minute_bar_reads_as_it_was_written(acme: Instrument):
    bar = make_bar(
        acme,
        ist("2026-11-23 09:15"),
        24150.05,
        open=24140,
        high=24160.5,
        low=24139.95,
        volume=75,
    )
    save_bars([bar])

    columns = history.newest(acme, parse("1"), END, 10)

    assert columns == history.Columns(
        1,
        str(epoch("2026-11-23 09:15")),
        "24140",
        "24160.5",
        "24139.95",
        "24150.05",
        "75",
    )


def test_without_bars_the_columns_are_empty(acme: Instrument):
    for resolution in RESOLUTIONS:
        assert history.newest(acme, resolution, END, 10).count == 0


def test_an_hour_counts_from_the_open_of_the_session(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 375)

    columns = history.newest(acme, parse("60"), END, 100)

    assert times(columns) == [
        epoch(f"2026-11-23 {hour:02}:15") for hour in (9, 10, 11, 12, 13, 14, 15)
    ]
    assert closes(columns) == [159, 219, 279, 339, 399, 459, 474]
    assert columns.open.split(",")[:2] == ["100", "160"]
    assert columns.volume.split(",")[0] == str(sum(range(1, 61)))


def test_a_special_session_counts_from_its_own_open(acme: Instrument):
    make_holiday(acme.exchange, "2026-11-08", "18:10", "19:10")
    make_minutes(acme, "2026-11-08 18:10", 60)

    columns = history.newest(acme, parse("30"), END, 100)

    assert times(columns) == [epoch("2026-11-08 18:10"), epoch("2026-11-08 18:40")]


def test_a_segment_has_hours_of_its_own(acme: Instrument):
    gold = make_instrument("GOLD", segment="LATE")
    make_hours(acme.exchange, segment="LATE", opens="09:10", closes="23:30")
    make_minutes(gold, "2026-11-23 09:10", 20)

    columns = history.newest(gold, parse("15"), END, 100)

    assert times(columns) == [epoch("2026-11-23 09:10"), epoch("2026-11-23 09:25")]


def test_old_days_keep_the_hours_they_had(acme: Instrument):
    make_hours(acme.exchange, opens="09:55", valid_to="2009-12-31")
    for weekday in range(5):
        acme.exchange.session_hours.create(
            weekday=weekday,
            opens_at="09:15",
            closes_at="15:30",
            valid_from="2010-01-01",
        )
    make_minutes(acme, "2009-12-31 09:55", 2)
    make_minutes(acme, "2010-01-04 09:15", 2)

    columns = history.newest(acme, parse("60"), END, 100)

    assert times(columns) == [epoch("2009-12-31 09:55"), epoch("2010-01-04 09:15")]


def test_minutes_before_the_open_have_a_bar_of_their_own(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:00", 16)

    columns = history.newest(acme, parse("15"), END, 100)

    assert times(columns) == [epoch("2026-11-23 09:00"), epoch("2026-11-23 09:15")]


def test_a_day_is_stamped_with_midnight_utc_of_the_trading_day(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 375)
    make_minutes(acme, "2026-11-24 09:15", 10, first_close=500)

    columns = history.newest(acme, parse("1D"), END, 100)

    assert times(columns) == [utc_day("2026-11-23"), utc_day("2026-11-24")]
    assert columns.open == "100,500"
    assert columns.high == "474,509"
    assert columns.low == "100,500"
    assert columns.close == "474,509"


def test_a_night_market_has_its_day_by_its_own_clock():
    make_hours(make_exchange("DEMO"), opens="00:00", closes="00:00", weekdays=range(7))
    nifty = make_instrument("NIFTY", "DEMO", kind="index")
    make_minutes(nifty, "2026-11-22 23:58", 4)

    columns = history.newest(nifty, parse("1D"), END, 100)

    assert times(columns) == [utc_day("2026-11-22"), utc_day("2026-11-23")]
    assert closes(columns) == [101, 103]


@pytest.fixture
def night(db: None):
    """A market that is open at 02:00 on Monday 23 November 2026, which it now is."""
    make_hours(make_exchange("DEMO"), opens="00:00", closes="00:00", weekdays=range(7))
    nifty = make_instrument("NIFTY", "DEMO", kind="index")
    make_minutes(nifty, "2026-11-22 23:58", 2)
    make_minutes(nifty, "2026-11-23 01:58", 2, first_close=500)
    with time_machine.travel(ist("2026-11-23 02:00"), tick=False):
        yield nifty


@pytest.mark.parametrize("code", ["1D", "1W"])
def test_who_asks_up_to_now_is_told_of_the_open_day(night: Instrument, code: str):
    open_day, now = utc_day("2026-11-23"), epoch("2026-11-23 02:00")
    assert open_day > now

    for end in (now - 30, now, now + 3600):
        columns = history.newest(night, parse(code), end, 2)
        assert (times(columns)[-1], closes(columns)[-1]) == (open_day, 501)
        assert history.between(night, parse(code), 0, end) == columns


def test_an_earlier_end_and_the_stamp_itself_are_taken_at_their_word(
    night: Instrument,
):
    now, day = epoch("2026-11-23 02:00"), parse("1D")

    for end in (now - 3600, utc_day("2026-11-23")):
        assert times(history.newest(night, day, end, 9)) == [utc_day("2026-11-22")]
    assert times(history.newest(night, parse("1"), now - 90, 9)) == [
        epoch("2026-11-22 23:58"),
        epoch("2026-11-22 23:59"),
        epoch("2026-11-23 01:58"),
    ]


def test_a_week_and_a_month_are_stamped_with_their_first_trading_day(acme: Instrument):
    # Monday 26 January was a holiday; 30 January and 2 February share neither.
    for day in ("2026-01-27", "2026-01-30", "2026-02-02"):
        make_minutes(acme, f"{day} 09:15", 2)

    weeks = history.newest(acme, parse("1W"), END, 100)
    months = history.newest(acme, parse("1M"), END, 100)

    assert times(weeks) == [utc_day("2026-01-27"), utc_day("2026-02-02")]
    assert times(months) == [utc_day("2026-01-27"), utc_day("2026-02-02")]


def test_a_bar_is_whole_even_when_the_range_ends_inside_it(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 30)
    inside = epoch("2026-11-23 09:17")

    columns = history.between(acme, parse("15"), epoch("2026-11-23 09:15"), inside)

    assert times(columns) == [epoch("2026-11-23 09:15")]
    assert closes(columns) == [114]


def test_an_answer_holds_the_newest_bars_up_to_the_cap(
    acme: Instrument, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(history.source, "MAX_BARS", 4)
    make_minutes(acme, "2026-11-23 09:15", 10)

    for columns in (
        history.between(acme, parse("1"), 0, END),
        history.newest(acme, parse("1"), END, 1000),
    ):
        assert closes(columns) == [106, 107, 108, 109]


def test_a_bar_that_the_source_limit_would_cut_is_left_out(
    acme: Instrument, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(history.source, "MAX_SOURCE_BARS", 25)
    make_minutes(acme, "2026-11-23 09:15", 40)

    columns = history.between(acme, parse("10"), 0, END)

    assert times(columns) == [epoch("2026-11-23 09:35"), epoch("2026-11-23 09:45")]


def scattered_minutes(instrument: Instrument, seed: int) -> list[MinuteBar]:
    """Save minutes at random over some days; return their bars."""
    chance = random.Random(seed)
    bars = []
    for day in (19, 20, 23, 24):
        opened = ist(f"2026-11-{day} 09:15")
        for minute in sorted(chance.sample(range(375), 60)):
            close = round(chance.uniform(90, 110), 2)
            at = opened + datetime.timedelta(minutes=minute)
            bars.append(make_bar(instrument, at, close, volume=chance.randrange(99)))
    save_bars(bars)
    return bars


@pytest.mark.parametrize("resolution", RESOLUTIONS, ids=lambda known: known.code)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_count_and_range_agree_with_cutting_the_whole_history(
    acme: Instrument, resolution: Resolution, seed: int
):
    scattered_minutes(acme, seed)
    whole = history.between(acme, resolution, 0, END)
    all_times, all_closes = times(whole), closes(whole)
    chance = random.Random(seed)
    assert all(earlier < later for earlier, later in pairwise(all_times))

    for _ in range(25):
        start, end = sorted(chance.choices(all_times, k=2))
        start, end = start + chance.randint(-1, 1), end + chance.randint(-1, 1)
        count = chance.randint(1, 12)
        inside = [place for place, at in enumerate(all_times) if start <= at < end]
        before = [place for place, at in enumerate(all_times) if at < end][-count:]

        ranged = history.between(acme, resolution, start, end)
        counted = history.newest(acme, resolution, end, count)

        assert times(ranged) == [all_times[place] for place in inside]
        assert closes(ranged) == [all_closes[place] for place in inside]
        assert times(counted) == [all_times[place] for place in before]
        assert closes(counted) == [all_closes[place] for place in before]


@pytest.mark.parametrize("resolution", RESOLUTIONS, ids=lambda known: known.code)
def test_larger_bars_lose_no_volume_and_no_extreme(
    acme: Instrument, resolution: Resolution
):
    bars = scattered_minutes(acme, 4)

    columns = history.between(acme, resolution, 0, END)

    assert sum(map(int, columns.volume.split(","))) == sum(bar.volume for bar in bars)
    assert max(map(float, columns.high.split(","))) == max(bar.high for bar in bars)
    assert min(map(float, columns.low.split(","))) == min(bar.low for bar in bars)
    assert closes(columns)[-1] == bars[-1].close


@pytest.mark.parametrize("resolution", RESOLUTIONS, ids=lambda known: known.code)
def test_an_answer_takes_one_query(
    acme: Instrument,
    resolution: Resolution,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    make_minutes(acme, "2026-11-23 09:15", 30)

    # The second looks further back, as the first found too few.
    for count, queries in ((1, 1), (100, 2 if resolution.is_intraday else 1)):
        with django_assert_num_queries(queries):
            history.newest(acme, resolution, epoch("2026-11-24"), count)
