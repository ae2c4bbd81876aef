"""Bars longer than a minute get their tables, and every minute there is its mark."""

import django.db.models.deletion
from django.db import migrations, models

# Bars of minutes are kept by month, longer ones by year: what a chart of each touches
# is a handful of partitions.
ENSURE_PARTITION = """
CREATE OR REPLACE FUNCTION ensure_partition(parent text, day date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    span text := CASE
        WHEN parent IN ('minute_bars', 'fo_option_strike_bars',
                        'intraday_bars', 'intraday_strike_bars') THEN 'month'
        WHEN parent IN ('longer_bars', 'longer_strike_bars') THEN 'year'
    END;
    first_on date := date_trunc(span, day)::date;
    after_on date := (date_trunc(span, day) + ('1 ' || span)::interval)::date;
    partition text := parent || to_char(first_on, CASE span
        WHEN 'month' THEN '"_y"YYYY"m"MM' ELSE '"_y"YYYY' END);
BEGIN
    IF span IS NULL THEN
        RAISE EXCEPTION 'ensure_partition does not know the table %', parent
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF day NOT BETWEEN DATE '1990-01-01' AND DATE '2100-12-31' THEN
        RAISE EXCEPTION 'ensure_partition refuses the day %', day
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF to_regclass('public.' || partition) IS NOT NULL THEN
        RETURN partition;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ensure_partition'), hashtext(partition));
    IF to_regclass('public.' || partition) IS NOT NULL THEN
        RETURN partition;
    END IF;
    -- An open bar is rewritten again and again: room on the page keeps that cheap.
    EXECUTE format(
        'CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (fillfactor = 80)',
        partition, parent);
    EXECUTE format(
        'ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
        parent, partition, first_on::text || ' 00:00:00+00', after_on::text || ' 00:00:00+00');
    RETURN partition;
END;
$$;
"""

PARTITION = """
CREATE TABLE {table}_parent (LIKE {table} INCLUDING ALL) PARTITION BY RANGE ({time});
DROP TABLE {table};
ALTER TABLE {table}_parent RENAME TO {table};
ALTER INDEX {table}_parent_pkey RENAME TO {table}_pkey;
"""
TIMES = {
    "intraday_bars": "opened_at",
    "intraday_strike_bars": "opened_at",
    "longer_bars": "begins_on",
    "longer_strike_bars": "begins_on",
}

FUTURES = """
CREATE VIEW {view} AS
SELECT bar.instrument_id, instrument.underlying_id, instrument.symbol AS contract,
       instrument.expires_on, bar.{length}, bar.{time}, bar.open, bar.high, bar.low,
       bar.close, bar.volume, bar.open_interest
  FROM {table} bar
  JOIN marketdata_instrument instrument ON instrument.id = bar.instrument_id
 WHERE instrument.kind = 'future';
"""

# What was written before there were rollups is rolled up like everything else.
MARK_ALL = """
INSERT INTO dirty_buckets (instrument_id, opened_at)
SELECT instrument_id, opened_at FROM minute_bars
ON CONFLICT (instrument_id, opened_at) DO NOTHING;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('marketdata', '0004_bar_day_versions'),
    ]

    operations = [
        migrations.AddField(
            model_name='dirtybucket',
            name='is_open',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name='IntradayBar',
            fields=[
                ('open', models.FloatField()),
                ('high', models.FloatField()),
                ('low', models.FloatField()),
                ('close', models.FloatField()),
                ('volume', models.BigIntegerField()),
                ('open_interest', models.BigIntegerField(null=True)),
                ('pk', models.CompositePrimaryKey('instrument_id', 'minutes', 'opened_at', blank=True, editable=False, primary_key=True, serialize=False)),
                ('minutes', models.SmallIntegerField()),
                ('opened_at', models.DateTimeField()),
                ('instrument', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='marketdata.instrument')),
            ],
            options={
                'db_table': 'intraday_bars',
                'ordering': ['instrument_id', 'minutes', 'opened_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(('minutes__in', (2, 3, 5, 10, 15, 30, 60))), name='intraday_bar_minutes_known')],
            },
        ),
        migrations.CreateModel(
            name='IntradayStrikeBar',
            fields=[
                ('call_last_tick_at', models.DateTimeField(null=True)),
                ('call_close', models.FloatField(null=True)),
                ('call_volume', models.BigIntegerField(null=True)),
                ('call_open_interest', models.BigIntegerField(null=True)),
                ('call_iv', models.FloatField(null=True)),
                ('call_delta', models.FloatField(null=True)),
                ('call_gamma', models.FloatField(null=True)),
                ('call_theta', models.FloatField(null=True)),
                ('call_vega', models.FloatField(null=True)),
                ('call_bid', models.FloatField(null=True)),
                ('call_ask', models.FloatField(null=True)),
                ('call_bid_quantity', models.BigIntegerField(null=True)),
                ('call_ask_quantity', models.BigIntegerField(null=True)),
                ('put_last_tick_at', models.DateTimeField(null=True)),
                ('put_close', models.FloatField(null=True)),
                ('put_volume', models.BigIntegerField(null=True)),
                ('put_open_interest', models.BigIntegerField(null=True)),
                ('put_iv', models.FloatField(null=True)),
                ('put_delta', models.FloatField(null=True)),
                ('put_gamma', models.FloatField(null=True)),
                ('put_theta', models.FloatField(null=True)),
                ('put_vega', models.FloatField(null=True)),
                ('put_bid', models.FloatField(null=True)),
                ('put_ask', models.FloatField(null=True)),
                ('put_bid_quantity', models.BigIntegerField(null=True)),
                ('put_ask_quantity', models.BigIntegerField(null=True)),
                ('expires_on', models.DateField()),
                ('strike', models.DecimalField(decimal_places=2, max_digits=12)),
                ('pk', models.CompositePrimaryKey('underlying_id', 'expires_on', 'minutes', 'opened_at', 'strike', blank=True, editable=False, primary_key=True, serialize=False)),
                ('minutes', models.SmallIntegerField()),
                ('opened_at', models.DateTimeField()),
                ('underlying', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='marketdata.instrument')),
            ],
            options={
                'db_table': 'intraday_strike_bars',
                'ordering': ['underlying_id', 'expires_on', 'minutes', 'opened_at', 'strike'],
                'constraints': [models.CheckConstraint(condition=models.Q(('minutes__in', (2, 3, 5, 10, 15, 30, 60))), name='intraday_strike_bar_minutes_known')],
            },
        ),
        migrations.CreateModel(
            name='LongerBar',
            fields=[
                ('open', models.FloatField()),
                ('high', models.FloatField()),
                ('low', models.FloatField()),
                ('close', models.FloatField()),
                ('volume', models.BigIntegerField()),
                ('open_interest', models.BigIntegerField(null=True)),
                ('pk', models.CompositePrimaryKey('instrument_id', 'unit', 'begins_on', blank=True, editable=False, primary_key=True, serialize=False)),
                ('unit', models.CharField(choices=[('day', 'day'), ('week', 'week'), ('month', 'month')], max_length=5)),
                ('begins_on', models.DateField()),
                ('first_on', models.DateField()),
                ('instrument', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='marketdata.instrument')),
            ],
            options={
                'db_table': 'longer_bars',
                'ordering': ['instrument_id', 'unit', 'begins_on'],
                'constraints': [models.CheckConstraint(condition=models.Q(('unit__in', ('day', 'week', 'month'))), name='longer_bar_unit_known')],
            },
        ),
        migrations.CreateModel(
            name='LongerStrikeBar',
            fields=[
                ('call_last_tick_at', models.DateTimeField(null=True)),
                ('call_close', models.FloatField(null=True)),
                ('call_volume', models.BigIntegerField(null=True)),
                ('call_open_interest', models.BigIntegerField(null=True)),
                ('call_iv', models.FloatField(null=True)),
                ('call_delta', models.FloatField(null=True)),
                ('call_gamma', models.FloatField(null=True)),
                ('call_theta', models.FloatField(null=True)),
                ('call_vega', models.FloatField(null=True)),
                ('call_bid', models.FloatField(null=True)),
                ('call_ask', models.FloatField(null=True)),
                ('call_bid_quantity', models.BigIntegerField(null=True)),
                ('call_ask_quantity', models.BigIntegerField(null=True)),
                ('put_last_tick_at', models.DateTimeField(null=True)),
                ('put_close', models.FloatField(null=True)),
                ('put_volume', models.BigIntegerField(null=True)),
                ('put_open_interest', models.BigIntegerField(null=True)),
                ('put_iv', models.FloatField(null=True)),
                ('put_delta', models.FloatField(null=True)),
                ('put_gamma', models.FloatField(null=True)),
                ('put_theta', models.FloatField(null=True)),
                ('put_vega', models.FloatField(null=True)),
                ('put_bid', models.FloatField(null=True)),
                ('put_ask', models.FloatField(null=True)),
                ('put_bid_quantity', models.BigIntegerField(null=True)),
                ('put_ask_quantity', models.BigIntegerField(null=True)),
                ('expires_on', models.DateField()),
                ('strike', models.DecimalField(decimal_places=2, max_digits=12)),
                ('pk', models.CompositePrimaryKey('underlying_id', 'expires_on', 'unit', 'begins_on', 'strike', blank=True, editable=False, primary_key=True, serialize=False)),
                ('unit', models.CharField(choices=[('day', 'day'), ('week', 'week'), ('month', 'month')], max_length=5)),
                ('begins_on', models.DateField()),
                ('first_on', models.DateField()),
                ('underlying', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='marketdata.instrument')),
            ],
            options={
                'db_table': 'longer_strike_bars',
                'ordering': ['underlying_id', 'expires_on', 'unit', 'begins_on', 'strike'],
                'constraints': [models.CheckConstraint(condition=models.Q(('unit__in', ('day', 'week', 'month'))), name='longer_strike_bar_unit_known')],
            },
        ),
        *(
            migrations.RunSQL(
                PARTITION.format(table=table, time=time), migrations.RunSQL.noop
            )
            for table, time in TIMES.items()
        ),
        migrations.RunSQL(ENSURE_PARTITION, migrations.RunSQL.noop),
        migrations.RunSQL(
            FUTURES.format(
                view="intraday_futures_bars",
                table="intraday_bars",
                length="minutes",
                time="opened_at",
            ),
            "DROP VIEW intraday_futures_bars",
        ),
        migrations.RunSQL(
            FUTURES.format(
                view="longer_futures_bars",
                table="longer_bars",
                length="unit",
                time="begins_on",
            ),
            "DROP VIEW longer_futures_bars",
        ),
        migrations.RunSQL(MARK_ALL, migrations.RunSQL.noop),
    ]
