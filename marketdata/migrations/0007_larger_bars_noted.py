"""Larger bars that are taken away, to stand elsewhere, change the version of their day."""

from django.db import migrations

REMOVED = """
CREATE TRIGGER note_delete AFTER DELETE ON intraday_bars
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION note_changed_bars();
"""


class Migration(migrations.Migration):
    dependencies = [("marketdata", "0006_gap_map_and_subscriptions")]

    operations = [
        migrations.RunSQL(REMOVED, "DROP TRIGGER note_delete ON intraday_bars"),
    ]
