"""What the journal told stays as it was told; only retention removes it."""

from django.db import migrations

CREATE = """
CREATE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER journal_entries_append_only BEFORE UPDATE ON journal_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();
"""
DROP = """
DROP TRIGGER journal_entries_append_only ON journal_entries;
DROP FUNCTION refuse_update();
"""


class Migration(migrations.Migration):
    dependencies = [("tradingsite", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
