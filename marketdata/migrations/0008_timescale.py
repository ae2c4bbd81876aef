"""On TimescaleDB the partitioned tables become hypertables; elsewhere nothing happens.

Same names, columns and keys. Chunks make themselves, so ``ensure_partition`` has
nothing to do. What is old is compressed, the minutes of strikes are dropped after two
years, and a continuous aggregate makes the bars of a quarter of an hour by its own
means: ``verify_bars --quick`` compares those with the table in seconds.
"""

from django.conf import settings
from django.db import migrations

# Table: time, length of a chunk, what a compressed row is one of, compressed after.
HYPERTABLES = {
    "minute_bars": ("opened_at", "7 days", "instrument_id", "30 days"),
    "fo_option_strike_bars": (
        "opened_at", "7 days", "underlying_id, expires_on, strike", "30 days",
    ),
    "intraday_bars": ("opened_at", "30 days", "instrument_id, minutes", "90 days"),
    "intraday_strike_bars": (
        "opened_at", "30 days", "underlying_id, expires_on, minutes, strike", "90 days",
    ),
    # Few rows, and a month is written for a month: not compressed.
    "longer_bars": ("begins_on", "365 days", "", ""),
    "longer_strike_bars": ("begins_on", "365 days", "", ""),
}
KEPT = {"fo_option_strike_bars": "730 days"}
VIEWS = ("futures_bars", "intraday_futures_bars", "longer_futures_bars")

TAKE_OVER = """
ALTER TABLE {table} RENAME TO {table}_partitioned;
CREATE TABLE {table}
    (LIKE {table}_partitioned INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES);
SELECT create_hypertable('{table}', by_range('{time}', INTERVAL '{chunk}'),
                         create_default_indexes => false);
INSERT INTO {table} SELECT * FROM {table}_partitioned;
DROP TABLE {table}_partitioned;
"""
COMPRESS = """
ALTER TABLE {table} SET (timescaledb.compress, timescaledb.compress_segmentby = '{segment}',
                         timescaledb.compress_orderby = '{time}');
SELECT add_compression_policy('{table}', compress_after => INTERVAL '{after}');
"""
RETAIN = "SELECT add_retention_policy('{table}', drop_after => INTERVAL '{kept}')"
TRIGGERS = """
SELECT pg_get_triggerdef(oid) FROM pg_trigger
 WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgparentid = 0 ORDER BY tgname
"""
# A compressed hypertable has no transition tables on DELETE: a row at a time, then. Bars
# are removed by hand or to be rolled up again, never in great numbers.
NOTE_REMOVED = """
CREATE FUNCTION note_removed_bar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bar_days AS known (instrument_id, day, version, changed_in)
    SELECT OLD.instrument_id,
           (OLD.opened_at AT TIME ZONE coalesce(
               (SELECT exchange.timezone FROM marketdata_instrument instrument
                  JOIN marketdata_exchange exchange ON exchange.code = instrument.exchange_id
                 WHERE instrument.id = OLD.instrument_id), 'UTC'))::date,
           1, pg_current_xact_id()
        ON CONFLICT (instrument_id, day) DO UPDATE
       SET version = known.version + 1, changed_in = EXCLUDED.changed_in;
    RETURN NULL;
END;
$$;
"""
REMOVED = """
CREATE TRIGGER note_delete AFTER DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION note_removed_bar()
"""
ENSURE_PARTITION = """
CREATE OR REPLACE FUNCTION ensure_partition(parent text, day date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF parent NOT IN ({tables}) THEN
        RAISE EXCEPTION 'ensure_partition does not know the table %', parent
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF day NOT BETWEEN DATE '1990-01-01' AND DATE '2100-12-31' THEN
        RAISE EXCEPTION 'ensure_partition refuses the day %', day
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- A hypertable makes its chunks itself.
    RETURN parent;
END;
$$;
"""
# It ends a quarter before now: what is newer is read from the minutes, and a refresh
# never runs ahead of ticks that come later. It has no beginning, for a backfill changes
# old days; only what was changed is made again.
AGGREGATE = """
CREATE MATERIALIZED VIEW quarter_hour_bars
  WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT instrument_id, time_bucket(INTERVAL '15 minutes', opened_at) AS opened_at,
       first(open, opened_at) AS open, max(high) AS high, min(low) AS low,
       last(close, opened_at) AS close, sum(volume)::bigint AS volume
  FROM minute_bars
 GROUP BY 1, 2
  WITH NO DATA;
SELECT add_continuous_aggregate_policy('quarter_hour_bars',
    start_offset => NULL, end_offset => INTERVAL '15 minutes',
    schedule_interval => INTERVAL '15 minutes');
"""


def make_hypertables(apps, schema_editor):
    if settings.DATABASE_ENGINE != "timescale":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
        if cursor.fetchone() is None:
            raise RuntimeError(
                "DATABASE_ENGINE=timescale, but this database has no timescaledb."
            )
        cursor.execute(NOTE_REMOVED)
        views = {view: definition(cursor, view) for view in VIEWS}
        for view in views:
            cursor.execute(f"DROP VIEW {view}")
        for table in HYPERTABLES:
            take_over(cursor, table)
        for view, query in views.items():
            cursor.execute(f"CREATE VIEW {view} AS {query}")
        tables = ", ".join(f"'{table}'" for table in HYPERTABLES)
        cursor.execute(ENSURE_PARTITION.replace("{tables}", tables))
        cursor.execute(AGGREGATE)


def definition(cursor, view):
    cursor.execute("SELECT pg_get_viewdef(%s::regclass)", [view])
    return cursor.fetchone()[0]


def take_over(cursor, table):
    time, chunk, segment, after = HYPERTABLES[table]
    cursor.execute(TRIGGERS, [table])
    triggers = [row[0] for row in cursor.fetchall()]
    cursor.execute(TAKE_OVER.format(table=table, time=time, chunk=chunk))
    for trigger in triggers:
        is_of_removed = "AFTER DELETE" in trigger and "OLD TABLE" in trigger
        cursor.execute(REMOVED.format(table=table) if is_of_removed else trigger)
    if after:
        cursor.execute(
            COMPRESS.format(table=table, time=time, segment=segment, after=after)
        )
    if table in KEPT:
        cursor.execute(RETAIN.format(table=table, kept=KEPT[table]))


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0007_larger_bars_noted")]

    operations = [migrations.RunPython(make_hypertables, migrations.RunPython.noop)]
