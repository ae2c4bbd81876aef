"""Versions of days of bars, written by triggers; fragments of days, ready to send."""

import django.db.models.deletion
from django.db import migrations, models

# A reader asks for what changed in transactions that it has not seen the end of.
CHANGED_IN = """
ALTER TABLE bar_days ADD COLUMN changed_in xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX bar_days_changed_in ON bar_days (changed_in);
-- Digits do not compress well enough to be worth the time at each reading.
ALTER TABLE day_fragments ALTER COLUMN columns SET STORAGE EXTERNAL;
INSERT INTO market_versions (name, version)
VALUES ('instruments', 0), ('calendar', 0),
       ('epoch', (random() * 9007199254740991)::bigint);
"""

# The newest two minutes are read fresh by everybody and cost no version. A clock, not
# now(): the transaction may have begun long before. Days in order, so that two writers
# wait for one another and never in a ring.
NOTE_BARS = """
CREATE FUNCTION note_changed_bars() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    settled_before timestamptz := clock_timestamp() - interval '2 minutes';
BEGIN
    IF NOT EXISTS (SELECT FROM changed WHERE opened_at < settled_before) THEN
        RETURN NULL;
    END IF;
    INSERT INTO bar_days AS known (instrument_id, day, version, changed_in)
    SELECT changed.instrument_id,
           (changed.opened_at AT TIME ZONE coalesce(exchange.timezone, 'UTC'))::date,
           1, pg_current_xact_id()
      FROM changed
      LEFT JOIN marketdata_instrument instrument ON instrument.id = changed.instrument_id
      LEFT JOIN marketdata_exchange exchange ON exchange.code = instrument.exchange_id
     WHERE changed.opened_at < settled_before
     GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (instrument_id, day) DO UPDATE
       SET version = known.version + 1, changed_in = EXCLUDED.changed_in;
    RETURN NULL;
END;
$$;
"""
BARS_CHANGED = """
CREATE TRIGGER note_{event} AFTER {event} ON minute_bars
    REFERENCING {kind} TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION note_changed_bars();
"""
BAR_EVENTS = (("insert", "NEW"), ("update", "NEW"), ("delete", "OLD"))

NOTE_MARKET = """
CREATE FUNCTION note_market_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    counted text;
BEGIN
    FOREACH counted IN ARRAY TG_ARGV LOOP
        INSERT INTO market_versions AS known (name, version) VALUES (counted, 1)
            ON CONFLICT (name) DO UPDATE SET version = known.version + 1;
    END LOOP;
    RETURN NULL;
END;
$$;
"""
MARKET_CHANGED = """
CREATE TRIGGER note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION note_market_change({counted});
"""
COUNTED = (
    ("marketdata_instrument", "'instruments'"),
    ("marketdata_exchange", "'calendar', 'instruments'"),
    ("marketdata_sessionhours", "'calendar'"),
    ("marketdata_holiday", "'calendar'"),
)


def instrument_key():
    return models.ForeignKey(
        db_constraint=False, db_index=False, related_name="+",
        on_delete=django.db.models.deletion.DO_NOTHING, to="marketdata.instrument",
    )


def day_key():
    return models.CompositePrimaryKey(
        "instrument_id", "day", blank=True, editable=False, primary_key=True, serialize=False
    )


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0003_calendar_and_contracts")]

    operations = [
        migrations.CreateModel(
            name="BarDay",
            fields=[
                ("pk", day_key()),
                ("day", models.DateField()),
                ("version", models.BigIntegerField()),
                ("instrument", instrument_key()),
            ],
            options={"db_table": "bar_days", "ordering": ["instrument_id", "day"]},
        ),
        migrations.CreateModel(
            name="DayFragment",
            fields=[
                ("pk", day_key()),
                ("day", models.DateField()),
                ("version", models.BigIntegerField()),
                ("columns", models.BinaryField()),
                ("instrument", instrument_key()),
            ],
            options={"db_table": "day_fragments", "ordering": ["instrument_id", "day"]},
        ),
        migrations.CreateModel(
            name="MarketVersion",
            fields=[
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("instruments", "Instruments and their names"),
                            ("calendar", "Exchanges, sessions and holidays"),
                            ("epoch", "This database, by a number of chance"),
                        ],
                        max_length=12, primary_key=True, serialize=False,
                    ),
                ),
                ("version", models.BigIntegerField()),
            ],
            options={"db_table": "market_versions", "ordering": ["name"]},
        ),
        migrations.AddConstraint(
            model_name="marketversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("name__in", ["instruments", "calendar", "epoch"])),
                name="market_version_name_known",
            ),
        ),
        migrations.RunSQL(CHANGED_IN, migrations.RunSQL.noop),
        migrations.RunSQL(NOTE_BARS, "DROP FUNCTION note_changed_bars() CASCADE"),
        *(
            migrations.RunSQL(
                BARS_CHANGED.format(event=event, kind=kind), migrations.RunSQL.noop
            )
            for event, kind in BAR_EVENTS
        ),
        migrations.RunSQL(NOTE_MARKET, "DROP FUNCTION note_market_change() CASCADE"),
        *(
            migrations.RunSQL(
                MARKET_CHANGED.format(table=table, counted=counted), migrations.RunSQL.noop
            )
            for table, counted in COUNTED
        ),
    ]
