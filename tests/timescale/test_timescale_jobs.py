"""What TimescaleDB does by itself: in no transaction, so these tests clean up."""

import datetime
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from marketdata.models import (
    BarDay,
    DirtyBucket,
    Exchange,
    Instrument,
    IntradayBar,
    LongerBar,
    MinuteBar,
    StrikeBar,
)
from marketdata.rollups import aggregate, roll_up
from marketdata.rollups.verifying import Compared, Span, verify_all
from tests.marketdata.builders import (
    ist,
    make_bar,
    make_exchange,
    make_holiday,
    make_hours,
    make_instrument,
    make_minutes,
    save_bars,
)


def ask(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall()) if cursor.description else []


def run_job(name: str, table: str) -> None:
    """Do at once what a policy does from time to time."""
    ((job,),) = ask(
        "SELECT job_id FROM timescaledb_information.jobs"
        " WHERE proc_name = %s AND hypertable_name = %s",
        name,
        table,
    )
    ask("CALL run_job(%s)", job)


def materialized() -> int:
    """Return how many bars the aggregate keeps ready."""
    ((schema, table),) = ask(
        "SELECT materialization_hypertable_schema, materialization_hypertable_name"
        "  FROM timescaledb_information.continuous_aggregates"
        " WHERE view_name = 'quarter_hour_bars'"
    )
    return int(ask(f'SELECT count(*) FROM "{schema}"."{table}"')[0][0])  # noqa: S608


def chunks(table: str) -> list[bool]:
    """Tell of each chunk of ``table``, oldest first, whether it is compressed."""
    rows = ask(
        "SELECT is_compressed FROM timescaledb_information.chunks"
        " WHERE hypertable_name = %s ORDER BY range_start",
        table,
    )
    return [is_compressed for (is_compressed,) in rows]


def verify_quickly() -> tuple[int, str]:
    """Return the exit code, and everything that was said."""
    said = io.StringIO()
    try:
        call_command("verify_bars", "--quick", stdout=said, stderr=said)
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    return 0, said.getvalue()


@pytest.fixture
def stock(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Instrument]:
    """A stock in the database itself: no transaction takes its bars back."""
    with django_db_blocker.unblock():
        try:
            make_hours(make_exchange("NSE"))
            yield make_instrument("ACME")
        finally:
            clean_up()


def clean_up() -> None:
    for model in (MinuteBar, StrikeBar, IntradayBar, LongerBar):
        ask(f"TRUNCATE {model._meta.db_table}")
    aggregate.refresh()
    for kept in (DirtyBucket, BarDay, Instrument, Exchange):
        kept.objects.all().delete()


def compared() -> Compared:
    """Refresh the aggregate, and compare."""
    aggregate.refresh()
    return aggregate.compare()


# --- the aggregate ------------------------------------------------------------------
def test_the_aggregate_agrees_with_the_table(stock: Instrument):
    make_minutes(stock, "2026-11-23 09:15", 375)
    make_minutes(stock, "2026-11-24 09:15", 20)
    roll_up()

    assert aggregate.exists()
    assert compared() == Compared(25 + 2, [])


@pytest.mark.parametrize("field", aggregate.VALUES)
def test_control_a_single_wrong_value_is_named(stock: Instrument, field: str):
    make_minutes(stock, "2026-11-23 09:15", 375)
    roll_up()
    IntradayBar.objects.filter(minutes=15, opened_at=ist("2026-11-23 11:00")).update(
        **{field: 7}
    )

    (difference,) = compared().differences

    assert str(difference).startswith("NSE:ACME 15 2026-11-23 05:30:00+00:00: is")
    assert difference.found is not None
    assert difference.found[aggregate.VALUES.index(field)] == 7


def test_control_a_missing_and_a_needless_bar_are_named(stock: Instrument):
    make_minutes(stock, "2026-11-23 09:15", 30)
    roll_up()
    IntradayBar.objects.filter(minutes=15, opened_at=ist("2026-11-23 09:15")).delete()
    IntradayBar.objects.filter(minutes=15).update(opened_at=ist("2026-11-23 10:00"))

    found = compared().differences

    assert [(one.begins, one.found is None, one.wanted is None) for one in found] == [
        (ist("2026-11-23 09:15"), True, False),
        (ist("2026-11-23 09:30"), True, False),
        (ist("2026-11-23 10:00"), False, True),
    ]


def test_what_the_aggregate_cannot_tell_is_left_to_the_rebuild(stock: Instrument):
    # A session that opens beside the clock's quarters, and a minute that is dirty.
    make_holiday(stock.exchange, "2026-11-08", "18:10", "19:10")
    make_minutes(stock, "2026-11-08 18:10", 60)
    make_minutes(stock, "2026-11-23 09:15", 30)
    roll_up()
    save_bars([make_bar(stock, ist("2026-11-23 09:20"), 999)])

    assert compared() == Compared(1, [])
    (rebuilt,) = verify_all([stock], Span())
    assert rebuilt.differences == []


def test_the_quick_check_refreshes_what_was_changed(stock: Instrument):
    make_minutes(stock, "2026-11-23 09:15", 60)
    roll_up()
    assert materialized() == 0
    assert verify_quickly() == (0, "4 bars compared, 0 differ.\n")
    assert materialized() == 4

    save_bars([make_bar(stock, ist("2026-11-23 09:20"), 999)])
    roll_up()
    # Control: what was kept ready is old by now, and the comparison sees it.
    (stale,) = aggregate.compare().differences
    assert stale.begins == ist("2026-11-23 09:15")

    assert verify_quickly() == (0, "4 bars compared, 0 differ.\n")


def test_the_quick_check_ends_with_1_and_names_the_bar(stock: Instrument):
    make_minutes(stock, "2026-11-23 09:15", 60)
    roll_up()
    IntradayBar.objects.filter(minutes=15, opened_at=ist("2026-11-23 10:00")).update(
        close=7
    )

    code, said = verify_quickly()

    assert code == 1
    assert "NSE:ACME 15 2026-11-23 04:30:00+00:00: is (145.0, 159.0, 145.0, 7" in said
    assert "4 bars compared, 1 differ." in said


# --- policies -----------------------------------------------------------------------
def test_the_policy_refreshes_old_days_too(stock: Instrument):
    make_minutes(stock, "2019-01-07 09:15", 30)

    run_job("policy_refresh_continuous_aggregate", "quarter_hour_bars")

    assert materialized() == 2


def test_the_policy_compresses_what_is_old_and_nothing_else(stock: Instrument):
    now = timezone.now()
    save_bars([make_bar(stock, now - datetime.timedelta(days=60), 100)])
    save_bars([make_bar(stock, now, 101)])

    run_job("policy_compression", "minute_bars")

    assert chunks("minute_bars") == [True, False]
    assert list(MinuteBar.objects.values_list("close", flat=True)) == [100, 101]


def test_the_policy_drops_strikes_of_more_than_two_years(stock: Instrument):
    now = timezone.now()
    for days in (800, 10):
        at = now - datetime.timedelta(days=days)
        StrikeBar.objects.create(
            underlying=stock, expires_on=at.date(), opened_at=at, strike=days
        )

    run_job("policy_retention", "fo_option_strike_bars")

    assert [int(bar.strike) for bar in StrikeBar.objects.all()] == [10]
