"""Larger bars are made of the minutes that changed, and agree with a rebuild."""

import datetime
import random
from collections.abc import Iterable

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from marketdata.buckets import larger
from marketdata.calendars import calendar_of
from marketdata.models import DirtyBucket, Instrument, IntradayBar, LongerBar, MinuteBar
from marketdata.resolutions import RESOLUTIONS, Resolution, parse
from marketdata.rollups import Rolled, roll_up
from marketdata.rollups.verifying import values_of
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
)

pytestmark = pytest.mark.django_db

LARGER = [resolution for resolution in RESOLUTIONS if resolution.code != "1"]


def intraday(instrument: Instrument, minutes: int):
    bars = IntradayBar.objects.filter(instrument=instrument, minutes=minutes)
    return {int(bar.opened_at.timestamp()): values_of(bar) for bar in bars}


def rebuilt(instrument: Instrument, resolution: Resolution):
    bars = MinuteBar.objects.for_instrument(instrument.pk).order_by("opened_at")
    minutes = [(bar.opened_at, values_of(bar)) for bar in bars]
    calendar = calendar_of(instrument.exchange_id)
    return larger(minutes, resolution, calendar, instrument.segment)


def stored(instrument: Instrument, resolution: Resolution):
    if resolution.is_intraday:
        bars = IntradayBar.objects.filter(
            instrument=instrument, minutes=resolution.minutes
        )
        return {bar.opened_at: values_of(bar) for bar in bars}
    longer = LongerBar.objects.filter(instrument=instrument, unit=resolution.unit)
    return {bar.begins_on: (bar.first_on, values_of(bar)) for bar in longer}


def assert_all_bars_are_right(instrument: Instrument):
    for resolution in LARGER:
        wanted = {
            key: bar.values if resolution.is_intraday else (bar.first_on, bar.values)
            for key, bar in rebuilt(instrument, resolution).items()
        }
        assert stored(instrument, resolution) == wanted, resolution.code


def scattered(instrument: Instrument, seed: int, days: Iterable[str]):
    """Save minutes at random in each day, some of them outside its session."""
    chance = random.Random(seed)
    for day in days:
        first = ist(f"{day} 08:50")
        save_bars(
            [
                make_bar(
                    instrument,
                    first + datetime.timedelta(minutes=minute),
                    round(chance.uniform(90, 110), 2),
                    volume=chance.randrange(99),
                    open_interest=chance.choice([None, chance.randrange(9999)]),
                )
                for minute in chance.sample(range(440), 90)
            ]
        )


def test_a_day_is_made_of_its_minutes_from_the_open(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 375)

    assert roll_up() == Rolled(minutes=375, written=474)

    hours = intraday(acme, 60)
    assert list(hours) == [
        epoch(f"2026-11-23 {hour:02}:15") for hour in (9, 10, 11, 12, 13, 14, 15)
    ]
    assert hours[epoch("2026-11-23 09:15")].close == 159
    assert hours[epoch("2026-11-23 09:15")].volume == sum(range(1, 61))
    day = LongerBar.objects.get(instrument=acme, unit="day")
    assert (day.open, day.close, day.volume) == (100, 474, sum(range(1, 376)))
    assert DirtyBucket.objects.count() == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bars_of_every_size_agree_with_the_rebuild(acme: Instrument, seed: int):
    # Thursday to Tuesday, over the end of a month and of a week.
    days = ["2026-10-29", "2026-10-30", "2026-11-02", "2026-11-03"]
    scattered(acme, seed, days)

    roll_up(batch=50)

    assert_all_bars_are_right(acme)


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_rolling_up_between_writes_ends_with_the_same_bars(acme: Instrument, seed: int):
    days = ["2026-12-30", "2026-12-31", "2027-01-01"]
    for part in range(4):
        scattered(acme, seed * 10 + part, days)
        roll_up(batch=40)

    assert_all_bars_are_right(acme)


def test_rolling_up_twice_changes_nothing(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 30)
    roll_up()
    make_minutes(acme, "2026-11-23 09:15", 30)

    assert roll_up() == Rolled(minutes=30, written=0)
    assert roll_up() == Rolled()


def test_a_changed_minute_changes_exactly_the_bars_that_hold_it(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 375)
    roll_up()
    save_bars([make_bar(acme, ist("2026-11-23 10:20"), 999)])

    # One bar of each size: seven of minutes, the day, its week and its month.
    assert roll_up() == Rolled(minutes=1, written=10)
    assert_all_bars_are_right(acme)


def test_a_bar_of_the_session_does_not_reach_into_the_next_day():
    make_hours(make_exchange("NIGHT"), opens="09:15", closes="00:00", weekdays=range(7))
    gold = make_instrument("GOLD", "NIGHT")
    make_minutes(gold, "2026-11-22 23:50", 25)

    roll_up()

    assert list(intraday(gold, 60)) == [
        epoch("2026-11-22 23:15"),
        epoch("2026-11-23 00:00"),
    ]
    assert_all_bars_are_right(gold)


def test_special_and_closed_days_have_an_origin_of_their_own(acme: Instrument):
    make_holiday(acme.exchange, "2026-11-08", "18:10", "19:10")
    make_holiday(acme.exchange, "2026-11-10")
    make_minutes(acme, "2026-11-08 18:10", 60)
    make_minutes(acme, "2026-11-10 10:00", 45)

    roll_up()

    assert epoch("2026-11-08 18:40") in intraday(acme, 30)
    assert list(intraday(acme, 60))[-1] == epoch("2026-11-10 10:00")
    assert_all_bars_are_right(acme)


def test_a_segment_is_anchored_to_its_own_hours(acme: Instrument):
    make_hours(acme.exchange, segment="LATE", opens="09:10", closes="23:30")
    gold = make_instrument("GOLD", segment="LATE")
    make_minutes(gold, "2026-11-23 09:10", 20)
    make_minutes(acme, "2026-11-23 09:15", 20)

    roll_up()

    assert list(intraday(gold, 15)) == [
        epoch("2026-11-23 09:10"),
        epoch("2026-11-23 09:25"),
    ]
    assert_all_bars_are_right(gold)
    assert_all_bars_are_right(acme)


def test_open_interest_is_the_last_that_was_known(acme: Instrument):
    opened = ist("2026-11-23 09:15")
    for minute, interest in enumerate([500, 700, None, None, None]):
        at = opened + datetime.timedelta(minutes=minute)
        save_bars([make_bar(acme, at, 100, open_interest=interest)])

    roll_up()

    assert intraday(acme, 5)[epoch("2026-11-23 09:15")].open_interest == 700
    assert intraday(acme, 2)[epoch("2026-11-23 09:17")].open_interest is None


def test_a_running_minute_waits_until_it_is_over(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 2)
    DirtyBucket.objects.filter(opened_at=ist("2026-11-23 09:16")).update(is_open=True)

    assert roll_up().minutes == 1
    assert DirtyBucket.objects.get().opened_at == ist("2026-11-23 09:16")


def test_the_mark_of_an_ingestor_that_never_came_back_is_taken_in_the_end(
    acme: Instrument,
):
    make_minutes(acme, "2026-11-23 09:15", 1)
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=2)  # noqa: TID251
    DirtyBucket.objects.update(is_open=True, marked_at=long_ago)

    assert roll_up().minutes == 1
    assert_all_bars_are_right(acme)


def test_marks_of_an_instrument_that_is_gone_stop_nobody(acme: Instrument):
    DirtyBucket.objects.mark(10**9, [ist("2026-11-23 09:15")])
    DirtyBucket.objects.mark(1, [ist("2026-11-23 09:15")])
    make_minutes(acme, "2026-11-23 09:15", 5)

    roll_up(batch=1)

    assert DirtyBucket.objects.count() == 0
    assert_all_bars_are_right(acme)


def test_the_larger_bars_of_a_future_are_seen_by_contract(acme: Instrument):
    future = make_instrument(
        "ACME26NOVFUT", kind="future", underlying=acme, expires_on="2026-11-24"
    )
    make_minutes(future, "2026-11-23 09:15", 10)
    make_minutes(acme, "2026-11-23 09:15", 10)

    roll_up()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contract, minutes, close FROM intraday_futures_bars"
            " WHERE underlying_id = %s AND minutes = 10",
            [acme.pk],
        )
        assert cursor.fetchall() == [("ACME26NOVFUT", 10, 109.0)]
        cursor.execute("SELECT count(*) FROM longer_futures_bars")
        assert cursor.fetchone() == (3,)


def test_a_size_is_known_by_its_number(acme: Instrument):
    assert parse("2").minutes == 2


def test_a_batch_takes_a_fixed_number_of_queries(
    acme: Instrument, django_assert_num_queries: DjangoAssertNumQueries
):
    others = [make_instrument(f"ACME{number}") for number in range(5)]
    for instrument in (acme, *others):
        make_minutes(instrument, "2026-11-23 09:15", 60)

    # Savepoint, claim, six partitions, six statements; then a batch that is empty.
    with django_assert_num_queries(18):
        roll_up()
