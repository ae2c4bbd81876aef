"""A bar that is removed is missing again: its session is looked at anew."""

from django.db import migrations

# A row at a time: a hypertable that is compressed has no transition tables on DELETE,
# and after the first of a session the others find nothing to do. ``attempts`` moves, so
# that who is asking for the session at this moment settles nothing.
REMOVED = """
CREATE FUNCTION miss_removed_bar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE marketdata_sessiongap
       SET surveyed_until = opens_at, stored = 0, missing = '{}', quiet = '{}',
           attempts = attempts + 1
     WHERE instrument_id = OLD.instrument_id
       AND opens_at <= OLD.opened_at AND surveyed_until > OLD.opened_at;
    RETURN NULL;
END;
$$;
CREATE TRIGGER miss_removed AFTER DELETE ON minute_bars
    FOR EACH ROW EXECUTE FUNCTION miss_removed_bar();
"""


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0008_timescale")]

    operations = [
        migrations.RunSQL(REMOVED, "DROP FUNCTION miss_removed_bar() CASCADE"),
    ]
