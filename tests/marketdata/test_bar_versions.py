"""PostgreSQL counts the changes of closed days itself, and a look misses none."""

import datetime

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from marketdata.history import watch
from marketdata.models import BarDay, Instrument, MinuteBar
from tests.database import url_of_test_database
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_exchange,
    make_holiday,
    make_instrument,
    make_minutes,
    save_bars,
)

UPDATE = (
    "UPDATE minute_bars SET close = close + 1, high = high + 1 WHERE opened_at = %s"
)


def versions(instrument: Instrument) -> dict[str, int]:
    rows = BarDay.objects.filter(instrument=instrument)
    return {f"{row.day}": row.version for row in rows}


@pytest.mark.django_db
def test_bars_of_a_closed_day_change_its_version(acme: Instrument):
    make_minutes(acme, "2025-11-20 09:15", 3)
    make_minutes(acme, "2025-11-21 09:15", 3)
    before = versions(acme)

    MinuteBar.objects.filter(opened_at=ist("2025-11-21 09:16")).update(volume=9)

    assert before == {"2025-11-20": 1, "2025-11-21": 1}
    assert versions(acme) == {"2025-11-20": 1, "2025-11-21": 2}


@pytest.mark.django_db
def test_a_bar_that_is_taken_away_changes_its_day(acme: Instrument):
    make_minutes(acme, "2025-11-21 09:15", 3)

    MinuteBar.objects.filter(opened_at=ist("2025-11-21 09:16")).delete()

    assert versions(acme) == {"2025-11-21": 2}


@pytest.mark.django_db
def test_the_day_is_one_of_the_exchanges_own_clock():
    make_exchange("DEMO")
    nifty = make_instrument("NIFTY", "DEMO", kind="index")

    make_minutes(nifty, "2025-11-22 23:59", 2)

    assert versions(nifty) == {"2025-11-22": 1, "2025-11-23": 1}


@pytest.mark.django_db
def test_live_bars_cost_no_version(acme: Instrument):
    minute = timezone.now().replace(second=0, microsecond=0)
    for before in (0, 1):
        opened_at = minute - datetime.timedelta(minutes=before)
        save_bars([make_bar(acme, opened_at, 100.0)])
        save_bars([make_bar(acme, opened_at, 101.0)])

    assert versions(acme) == {}


@pytest.mark.django_db
def test_a_correction_after_two_minutes_has_one(acme: Instrument):
    minute = timezone.now().replace(second=0, microsecond=0)

    save_bars([make_bar(acme, minute - datetime.timedelta(minutes=4), 100.0)])

    assert list(versions(acme).values()) == [1]


@pytest.mark.django_db
def test_calendar_and_instruments_have_versions_of_their_own(acme: Instrument):
    before = watch.look()
    make_holiday(acme.exchange, "2026-01-26")
    between = watch.look()
    Instrument.objects.filter(pk=acme.pk).update(name="Acme Anew")
    after = watch.look()

    assert before.calendar < between.calendar == after.calendar
    assert before.instruments == between.instruments < after.instruments
    assert before.epoch == after.epoch


@pytest.mark.django_db
def test_too_many_changes_are_not_named_one_by_one(
    acme: Instrument, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watch, "MOST_CHANGES", 1)
    seen = watch.look()
    make_minutes(acme, "2025-11-20 09:15", 1)
    one = watch.look(seen.xmin)
    make_minutes(acme, "2025-11-21 09:15", 1)

    assert one.is_whole
    assert not watch.look(seen.xmin).is_whole


@pytest.mark.django_db(transaction=True)
def test_a_change_that_commits_late_is_seen_after_newer_ones(acme: Instrument):
    """The older transaction has the smaller number, and is seen all the same."""
    make_minutes(acme, "2025-11-20 09:15", 3)
    make_minutes(acme, "2025-11-21 09:15", 3)
    seen = watch.look()
    with psycopg.connect(url_of_test_database()) as slow:
        slow.execute(UPDATE, [ist("2025-11-20 09:15")])
        with connection.cursor() as quick:
            quick.execute(UPDATE, [ist("2025-11-21 09:15")])
        first = watch.look(seen.xmin)
        slow.commit()
    second = watch.look(first.xmin)

    day = datetime.date(2025, 11, 20).toordinal()
    assert (acme.pk, day + 1, 2) in first.changes
    assert (acme.pk, day, 2) not in first.changes
    assert second.changes - first.changes == {(acme.pk, day, 2)}


@pytest.mark.django_db(transaction=True)
def test_control_asked_by_number_alone_the_late_one_is_missed(acme: Instrument):
    """What a reader would see that remembers the newest change it has read."""
    make_minutes(acme, "2025-11-20 09:15", 3)
    make_minutes(acme, "2025-11-21 09:15", 3)
    newer = "SELECT day FROM bar_days WHERE changed_in > %s"
    with psycopg.connect(url_of_test_database()) as slow:
        slow.execute(UPDATE, [ist("2025-11-20 09:15")])
        with connection.cursor() as quick:
            quick.execute(UPDATE, [ist("2025-11-21 09:15")])
            quick.execute("SELECT max(changed_in)::text FROM bar_days")
            (newest,) = quick.fetchone()
        slow.commit()
    with connection.cursor() as cursor:
        cursor.execute(newer, [newest])

        assert cursor.fetchall() == []
