"""Answers from fragments are those that PostgreSQL gives, before and after changes."""

import datetime
import random

import pytest
import redis
import time_machine
from django.test import RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from marketdata.models import DayFragment, Instrument, MinuteBar
from marketdata.resolutions import RESOLUTIONS
from marketdata.udf import bars, names
from marketdata.udf.bars import Question
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
from tests.marketdata.serving import Desk

pytestmark = pytest.mark.django_db

DAYS = ("2025-11-19", "2025-11-20", "2025-11-21", "2025-11-24", "2025-11-26")
NOW = epoch("2025-11-26 12:20")


def by_the_view(query: str) -> bytes:
    request = RequestFactory().get(f"/udf/history?{query}")
    instrument = names.find(request.GET["symbol"])
    return bars.body(instrument, Question.read(request.GET))


def scattered(instrument: Instrument, chance: random.Random, day: str) -> None:
    """Save half of the minutes of a session, at random."""
    opened, price = ist(f"{day} 09:15"), 100.0
    made = []
    for minute in sorted(chance.sample(range(375), 180)):
        at = opened + datetime.timedelta(minutes=minute)
        price = round(price + chance.uniform(-1, 1), 2)
        made.append(make_bar(instrument, at, price, volume=chance.randrange(1000)))
    save_bars(made)


def question(chance: random.Random) -> str:
    code = chance.choice(RESOLUTIONS).code
    first, last = epoch("2025-11-18 00:00"), epoch("2025-11-27 00:00")
    start, end = sorted(chance.choices(range(first, last), k=2))
    query = f"symbol=NSE:ACME&resolution={code}&to={end}"
    if chance.random() < 0.5:
        query += f"&countback={chance.choice([1, 2, 7, 60, 400, 5000])}"
    if "countback" not in query or chance.random() < 0.5:
        query += f"&from={start}"
    return query


@pytest.mark.parametrize("seed", range(8))
def test_every_question_is_answered_as_by_the_view(acme: Instrument, seed: int):
    chance = random.Random(seed)
    for day in DAYS:
        scattered(acme, chance, day)
    desk = Desk()

    for _ in range(40):
        query = question(chance)
        assert desk.ask(query, NOW) == by_the_view(query), query


@pytest.mark.parametrize("seed", range(4))
def test_and_still_after_each_change(acme: Instrument, seed: int):
    chance = random.Random(seed)
    for day in DAYS:
        scattered(acme, chance, day)
    desk, queries = Desk(), [question(chance) for _ in range(8)]

    for _ in range(6):
        for query in queries:
            assert desk.ask(query, NOW) == by_the_view(query), query
        scattered(acme, chance, chance.choice(DAYS))
        desk.look()


def test_a_market_that_never_closes_is_answered_alike():
    make_hours(make_exchange("DEMO"), opens="00:00", closes="00:00", weekdays=range(7))
    nifty = make_instrument("NIFTY", "DEMO", kind="index")
    make_minutes(nifty, "2025-11-20 22:00", 700)
    desk, end = Desk(), epoch("2025-11-21 10:30")

    for code in ("1", "5", "60"):
        for count in (1, 100, 300, 2000):
            query = f"symbol=NIFTY&resolution={code}&to={end}&countback={count}"
            assert desk.ask(query, NOW) == by_the_view(query)


def test_a_second_question_needs_nothing(acme: Instrument):
    make_minutes(acme, "2025-11-21 09:15", 375)
    start, end = epoch("2025-11-21 09:15"), epoch("2025-11-21 15:30")
    desk = Desk()
    desk.ask(f"symbol=ACME&resolution=1&from={start}&to={end}", NOW)
    desk.fetched.clear()

    other = desk.ask(f"symbol=ACME&resolution=1&from={start + 60}&to={end}", NOW)

    assert desk.fetched == []
    assert other == by_the_view(f"symbol=ACME&resolution=1&from={start + 60}&to={end}")


def test_the_open_bar_is_read_at_each_question(acme: Instrument):
    minute = timezone.now().replace(second=0, microsecond=0)
    end = int(minute.timestamp()) + 60
    query = f"symbol=ACME&resolution=1&to={end}&countback=1"
    desk, answers = Desk(), []
    for close in (100.0, 101.5, 103.0):
        save_bars([make_bar(acme, minute, close)])
        answers.append(desk.ask(query))
        assert answers[-1] == by_the_view(query)

    assert len(set(answers)) == 3
    assert desk.answers.known(query.encode()) is None


def test_the_open_day_is_read_at_each_question_before_its_stamp_too():
    make_hours(make_exchange("DEMO"), opens="00:00", closes="00:00", weekdays=range(7))
    nifty = make_instrument("NIFTY", "DEMO", kind="index")
    now = epoch("2026-11-23 02:00")
    query = f"symbol=DEMO:NIFTY&resolution=1D&to={now}&countback=1"
    desk, answers = Desk(), []
    with time_machine.travel(now, tick=False):
        for close in (100.0, 101.5):
            save_bars([make_bar(nifty, ist("2026-11-23 01:59"), close)])
            answers.append(desk.ask(query, now))
            assert answers[-1] == by_the_view(query)

    assert len(set(answers)) == 2
    assert desk.answers.known(query.encode()) is None


def test_the_settled_part_of_the_open_day_is_not_read_again(acme: Instrument):
    make_minutes(acme, "2025-11-26 09:15", 180)
    desk = Desk()
    query = f"symbol=ACME&resolution=1&to={NOW + 60}&countback=180"
    first = desk.ask(query, NOW)
    ((_, opened),) = (
        (key, desk.answers.serving.opened.get(key)) for key in [(acme.pk, "1")]
    )
    MinuteBar.objects.filter(opened_at=ist("2025-11-26 10:00")).update(volume=77)

    assert opened is not None
    assert opened.cut == NOW - 1800 - 60
    assert desk.ask(query, NOW) == first, "not looked yet"
    desk.look()
    assert desk.ask(query, NOW) == by_the_view(query) != first


def test_without_a_look_the_old_answer_stays_and_with_it_goes(acme: Instrument):
    make_minutes(acme, "2025-11-21 09:15", 5)
    query = f"symbol=ACME&resolution=1&to={NOW - 86400}&countback=5"
    desk = Desk()
    before = desk.ask(query, NOW)
    MinuteBar.objects.filter(opened_at=ist("2025-11-21 09:16")).update(volume=500)

    assert desk.ask(query, NOW) == before
    desk.look()
    assert desk.ask(query, NOW) == by_the_view(query) != before


def test_bars_before_the_first_are_found_when_they_come(acme: Instrument):
    make_minutes(acme, "2025-11-21 09:15", 5)
    query = f"symbol=ACME&resolution=5&to={NOW - 86400}&countback=50"
    desk = Desk()
    before = desk.ask(query, NOW)
    make_minutes(acme, "2019-03-01 09:15", 30)
    desk.look()

    assert desk.ask(query, NOW) == by_the_view(query) != before


def test_a_new_holiday_moves_the_bars(acme: Instrument):
    make_minutes(acme, "2025-11-21 09:30", 60)
    query = f"symbol=ACME&resolution=30&to={NOW - 86400}&countback=50"
    desk = Desk()
    before = desk.ask(query, NOW)
    make_holiday(acme.exchange, "2025-11-21", "09:30", "10:30")
    desk.look()

    assert desk.ask(query, NOW) == by_the_view(query) != before


def test_a_name_that_changes_hands_is_asked_anew(acme: Instrument):
    make_minutes(acme, "2025-11-21 09:15", 5)
    query = f"symbol=NSE:ACME&resolution=1&to={NOW - 86400}&countback=5"
    desk = Desk()
    desk.ask(query, NOW)
    Instrument.objects.filter(pk=acme.pk).update(symbol="ACMEOLD")
    make_instrument("ACME")
    desk.look()

    assert desk.ask(query, NOW) == b'{"s":"no_data"}'


def test_a_closed_day_comes_from_the_table_of_fragments(
    acme: Instrument,
    settings: Settings,
    django_assert_num_queries: DjangoAssertNumQueries,
):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    make_minutes(acme, "2025-11-21 09:15", 375)
    query = f"symbol=ACME&resolution=1&to={epoch('2025-11-22 00:00')}&countback=375"
    first = Desk().ask(query, NOW)
    kept = DayFragment.objects.filter(instrument=acme).count()
    desk = Desk()

    # Name, first bar, versions of months, fragments.
    with django_assert_num_queries(4):
        again = desk.ask(query, NOW)

    assert first == again == by_the_view(query)
    assert kept == 1, "the session; days before the first bar are not asked for"


def test_a_fragment_of_an_older_version_is_made_again(
    acme: Instrument, settings: Settings
):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    make_minutes(acme, "2025-11-21 09:15", 10)
    query = f"symbol=ACME&resolution=1&to={epoch('2025-11-22 00:00')}&countback=10"
    Desk().ask(query, NOW)
    MinuteBar.objects.filter(opened_at=ist("2025-11-21 09:16")).update(volume=500)

    assert Desk().ask(query, NOW) == by_the_view(query)
    assert DayFragment.objects.get(instrument=acme).version > 1


def test_another_process_finds_the_fragments_in_redis(
    acme: Instrument, settings: Settings
):
    settings.REDIS_PREFIX = f"{settings.REDIS_PREFIX}:{timezone.now().timestamp()}"
    make_minutes(acme, "2025-11-21 09:15", 10)
    query = f"symbol=ACME&resolution=5&to={epoch('2025-11-22 00:00')}&countback=10"
    first = Desk().ask(query, NOW)
    assert first is not None
    # Beneath the notice of every trigger: only what is kept can answer as before.
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        keys = list(client.scan_iter(f"{settings.REDIS_PREFIX}:history:*"))
        packed = client.get(keys[0])
        assert isinstance(packed, bytes)
        client.set(keys[0], packed.replace(b"109", b"777"))

    other = Desk().ask(query, NOW)

    assert other == first.replace(b"109", b"777") != first


def test_memory_too_small_for_a_question_leaves_it_to_the_view(acme: Instrument):
    make_minutes(acme, "2025-11-21 09:15", 375)
    query = f"symbol=ACME&resolution=1&to={NOW}&countback=375"
    desk = Desk(capacity=20_000)

    with pytest.raises(AssertionError, match="Still not answered"):
        desk.ask(query, NOW)


def test_memory_stays_within_its_bound(acme: Instrument):
    for day in ("2025-11-19", "2025-11-20", "2025-11-21"):
        make_minutes(acme, f"{day} 09:15", 375)
    desk = Desk(capacity=100_000)
    for first in range(0, 375, 5):
        end = epoch("2025-11-22 00:00") - first
        desk.ask(f"symbol=ACME&resolution=1&to={end}&countback=300", NOW)

    serving = desk.answers.serving
    assert serving.days.size <= serving.days.capacity
    assert len(desk.answers._bodies) > 0
    assert desk.answers._bodies.size <= desk.answers._bodies.capacity


STRANGE = {
    "a parameter twice": "symbol=ACME&symbol=ACME&resolution=1&to=9&countback=1",
    "one that nobody knows": "symbol=ACME&resolution=1&to=9&countback=1&x=1",
    "a key": f"symbol=tsk_{'a' * 8}_{'b' * 43}&resolution=1&to=9&countback=1",
    "no number": "symbol=ACME&resolution=1&to=soon&countback=1",
    "an error": "symbol=ACME&resolution=7&to=9&countback=1",
    "no symbol": "resolution=1&to=9&countback=1",
    "another plane": "symbol=%F0%9F%9A%80&resolution=1&to=9&countback=1",
    "no UTF-8": "symbol=%FF&resolution=1&to=9&countback=1",
    "NUL": "symbol=AC%00ME&resolution=1&to=9&countback=1",
    "too long": f"symbol={'A' * 600}&resolution=1&to=9&countback=1",
    "nothing": "",
    "semicolons": "symbol=ACME;resolution=1;to=9;countback=1",
    "nobody": "symbol=NOBODY&resolution=1&to=9&countback=1",
}


@pytest.mark.parametrize("query", STRANGE.values(), ids=STRANGE.keys())
def test_what_is_not_plain_is_left_to_the_view(acme: Instrument, query: str):
    assert Desk().ask(query, NOW) is None
