"""Bars become tables partitioned by month; futures bars become a view of them."""

from django.db import migrations

PARTITION = """
CREATE TABLE {table}_parent (LIKE {table} INCLUDING ALL) PARTITION BY RANGE (opened_at);
DROP TABLE {table};
ALTER TABLE {table}_parent RENAME TO {table};
ALTER INDEX {table}_parent_pkey RENAME TO {table}_pkey;
"""

# Attached, not created in place: attaching does not stop readers of the parent.
# The advisory lock makes two writers of a new month wait for one another.
ENSURE_PARTITION = """
CREATE FUNCTION ensure_partition(parent text, day date) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    first_on date := date_trunc('month', day)::date;
    after_on date := (date_trunc('month', day) + interval '1 month')::date;
    partition text := format('%s_y%sm%s', parent, to_char(first_on, 'YYYY'), to_char(first_on, 'MM'));
BEGIN
    IF parent NOT IN ('minute_bars', 'fo_option_strike_bars') THEN
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
    -- An open minute is rewritten each second: room on the page keeps that cheap.
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

FUTURES_BARS = """
CREATE VIEW futures_bars AS
SELECT bar.instrument_id, instrument.underlying_id, instrument.symbol AS contract,
       instrument.expires_on, bar.opened_at, bar.open, bar.high, bar.low, bar.close,
       bar.volume, bar.open_interest
  FROM minute_bars bar
  JOIN marketdata_instrument instrument ON instrument.id = bar.instrument_id
 WHERE instrument.kind = 'future';
"""


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0001_market_tables")]

    operations = [
        migrations.RunSQL(PARTITION.format(table="minute_bars"), migrations.RunSQL.noop),
        migrations.RunSQL(
            PARTITION.format(table="fo_option_strike_bars"), migrations.RunSQL.noop
        ),
        migrations.RunSQL(ENSURE_PARTITION, "DROP FUNCTION ensure_partition(text, date)"),
        migrations.RunSQL(FUTURES_BARS, "DROP VIEW futures_bars"),
    ]
