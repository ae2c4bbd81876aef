"""On TimescaleDB the tables of bars are hypertables: same names, keys and answers."""

import datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction
from timescale.db.backends.postgresql.base import DatabaseWrapper
from timescale.db.models.aggregates import First, Last
from timescale.db.models.expressions import TimeBucket

from marketdata import history, partitions
from marketdata.models import (
    Instrument,
    IntradayBar,
    IntradayStrikeBar,
    LongerBar,
    LongerStrikeBar,
    MinuteBar,
    StrikeBar,
)
from marketdata.resolutions import parse
from marketdata.rollups import roll_up
from marketdata.rollups.verifying import Span, verify_all
from tests.marketdata.builders import (
    epoch,
    ist,
    make_bar,
    make_instrument,
    make_minutes,
    save_bars,
)
from tradingsite.database import base, engine_named

pytestmark = pytest.mark.django_db

# Model: time, length of a chunk in days, what a compressed row is one of, after.
HYPERTABLES: dict[type[models.Model], tuple[str, int, str, int | None]] = {
    MinuteBar: ("opened_at", 7, "instrument_id", 30),
    StrikeBar: ("opened_at", 7, "underlying_id,expires_on,strike", 30),
    IntradayBar: ("opened_at", 30, "instrument_id,minutes", 90),
    IntradayStrikeBar: (
        "opened_at", 30, "underlying_id,expires_on,minutes,strike", 90,
    ),
    LongerBar: ("begins_on", 365, "", None),
    LongerStrikeBar: ("begins_on", 365, "", None),
}  # fmt: skip
TABLES = list(HYPERTABLES)


def ask(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def compress(table: str) -> int:
    """Compress all chunks of ``table``; return how many."""
    return len(ask("SELECT compress_chunk(show_chunks(%s))", table))


def assert_right(instrument: Instrument) -> None:
    found = list(verify_all([instrument], Span()))
    assert [one for compared in found for one in compared.differences] == []
    assert sum(compared.bars for compared in found) > 0


# --- the engine ---------------------------------------------------------------------
def test_the_engine_is_that_of_django_timescaledb_upon_ours():
    assert engine_named("timescale") == "timescale.db.backends.postgresql"
    assert isinstance(connection._connections[connection._alias], DatabaseWrapper)
    assert issubclass(DatabaseWrapper, base.DatabaseWrapper)
    assert base.log_if_slow in connection.execute_wrappers


def test_its_functions_make_the_bars_that_the_rollup_makes(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 375)
    roll_up()

    made = (
        MinuteBar.objects.for_instrument(acme.pk)
        .annotate(bucket=TimeBucket("opened_at", "15 minutes"))
        .order_by("bucket")
        .values("bucket")
        .annotate(
            first=First("open", "opened_at"),
            last=Last("close", "opened_at"),
            top=models.Max("high"),
        )
    )

    stored = IntradayBar.objects.filter(instrument=acme, minutes=15)
    assert [tuple(row.values()) for row in made] == [
        (bar.opened_at, bar.open, bar.close, bar.high) for bar in stored
    ]
    assert len(stored) == 25


# --- tables -------------------------------------------------------------------------
@pytest.mark.parametrize("model", TABLES, ids=lambda model: model._meta.db_table)
def test_a_table_of_bars_is_a_hypertable_with_its_key(model: type[models.Model]):
    table = model._meta.db_table
    time, days, _, _ = HYPERTABLES[model]

    assert ask(
        "SELECT column_name, time_interval FROM timescaledb_information.dimensions"
        " WHERE hypertable_name = %s",
        table,
    ) == [(time, datetime.timedelta(days=days))]
    ((key,),) = ask(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass AND contype = 'p'",
        table,
    )
    names = [field.attname for field in model._meta.pk_fields]
    assert key == f"PRIMARY KEY ({', '.join(names)})"


def test_chunks_make_themselves_and_nobody_makes_partitions(acme: Instrument):
    partitions.ensure("minute_bars", [datetime.date(2019, 1, 1)])
    assert ask("SELECT show_chunks('minute_bars')") == []

    make_minutes(acme, "2019-01-07 09:15", 2)
    make_minutes(acme, "2026-11-23 09:15", 2)

    assert len(ask("SELECT show_chunks('minute_bars')")) == 2


def test_the_checks_and_the_key_of_a_table_hold_in_its_chunks(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 1)
    at = ist("2026-11-23 09:15")
    upside_down = make_bar(acme, ist("2026-11-23 09:16"), 100, low=101)

    for bar in (make_bar(acme, at, 100), upside_down):
        with pytest.raises(IntegrityError), transaction.atomic():
            MinuteBar.objects.bulk_create([bar])


def test_the_views_of_futures_stand_on_the_hypertables(acme: Instrument):
    future = make_instrument(
        "ACME26NOVFUT", kind="future", underlying=acme, expires_on="2026-11-24"
    )
    make_minutes(future, "2026-11-23 09:15", 10)
    roll_up()

    for view, bars in (
        ("futures_bars", 10),
        ("intraday_futures_bars", 5 + 4 + 2 + 1 + 1 + 1 + 1),
        ("longer_futures_bars", 3),
    ):
        assert ask(f"SELECT count(*) FROM {view}") == [(bars,)]  # noqa: S608


# --- compression --------------------------------------------------------------------
@pytest.mark.parametrize("model", TABLES, ids=lambda model: model._meta.db_table)
def test_what_is_old_is_compressed_by_a_policy(model: type[models.Model]):
    table = model._meta.db_table
    _, _, segments, after = HYPERTABLES[model]

    policies = ask(
        "SELECT config ->> 'compress_after' FROM timescaledb_information.jobs"
        " WHERE proc_name = 'policy_compression' AND hypertable_name = %s",
        table,
    )
    by = ask(
        "SELECT string_agg(attname, ',' ORDER BY segmentby_column_index)"
        "  FROM timescaledb_information.compression_settings"
        " WHERE hypertable_name = %s AND segmentby_column_index IS NOT NULL",
        table,
    )

    assert policies == ([(f"{after} days",)] if after else [])
    assert by == [(segments or None,)]


def test_compressed_bars_read_as_before_and_take_corrections(acme: Instrument):
    make_minutes(acme, "2026-08-03 09:15", 375)
    roll_up()
    before = history.newest(acme, parse("1"), epoch("2027-01-01"), 400)
    assert compress("minute_bars") == 1
    assert compress("intraday_bars") == 1

    assert history.newest(acme, parse("1"), epoch("2027-01-01"), 400) == before
    save_bars([make_bar(acme, ist("2026-08-03 10:20"), 999)])
    make_minutes(acme, "2026-08-03 15:30", 5)

    # The corrected minute in seven sizes; the five more in bars that are new.
    assert roll_up().minutes == 6
    bar = IntradayBar.objects.get(
        instrument=acme, minutes=60, opened_at=ist("2026-08-03 10:15")
    )
    assert bar.high == 999
    assert_right(acme)
