"""The audit, which only ever grows, and the brokers' sealed credentials.

0001 stands before it for now: 0002 is another's, and comes in between later.
"""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

# Triggers stop whoever owns the tables by mistake, grants stop whoever serves. Neither
# stops a superuser: for that there are the chains and the anchors.
APPEND_ONLY = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();
CREATE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();
DO $$
DECLARE other name;
BEGIN
    FOR other IN
        SELECT DISTINCT rolname FROM pg_class, aclexplode(relacl) AS grants
          JOIN pg_roles ON pg_roles.oid = grants.grantee
         WHERE pg_class.oid = '{table}'::regclass AND grants.grantee <> relowner
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM %I', other);
    END LOOP;
END $$;
"""
FREE_AGAIN = """
DROP TRIGGER {table}_append_only ON {table};
DROP TRIGGER {table}_never_emptied ON {table};
"""
TABLES = ("accounts_auditentry", "accounts_auditanchor")


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_log_in"),
        ("tradingsite", "0002_journal_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name='RefusalCount',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('subject', models.CharField(max_length=200)),
                ('address', models.CharField(max_length=64)),
                ('count', models.PositiveBigIntegerField()),
                ('window_started_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'ordering': ['key'],
                'default_permissions': [],
            },
        ),
        migrations.CreateModel(
            name='AuditAnchor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain', models.CharField(max_length=32)),
                ('position', models.BigIntegerField()),
                ('hash', models.BinaryField(max_length=32)),
                ('at', models.DateTimeField()),
                ('key_id', models.CharField(max_length=16)),
                ('signature', models.BinaryField(max_length=64)),
            ],
            options={
                'ordering': ['chain', 'position'],
                'default_permissions': ['view'],
                'constraints': [models.UniqueConstraint(fields=('chain', 'position'), name='audit_anchor_once_a_position')],
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('chain', models.CharField(max_length=32)),
                ('position', models.BigIntegerField()),
                ('at', models.DateTimeField()),
                ('action', models.CharField(max_length=64)),
                ('outcome', models.CharField(choices=[('done', 'Done'), ('refused', 'Refused')], max_length=8)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('actor', models.CharField(help_text='Who did it.', max_length=200)),
                ('door', models.CharField(help_text='By which door.', max_length=20)),
                ('on_behalf_of', models.CharField(blank=True, max_length=150)),
                ('user_id', models.BigIntegerField(null=True)),
                ('key_id', models.CharField(blank=True, max_length=64)),
                ('address', models.CharField(blank=True, max_length=64)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('target', models.CharField(blank=True, max_length=200)),
                ('before', models.JSONField(default=dict)),
                ('after', models.JSONField(default=dict)),
                ('hash', models.BinaryField(max_length=32)),
                ('account', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.tradingaccount')),
            ],
            options={
                'verbose_name_plural': 'audit entries',
                'ordering': ['-id'],
                'default_permissions': ['view'],
                'indexes': [models.Index(fields=['on_behalf_of', '-id'], name='audit_by_person'), models.Index(fields=['request_id'], name='audit_by_request'), models.Index(fields=['target', '-id'], name='audit_by_target'), models.Index(fields=['outcome', '-id'], name='audit_by_outcome')],
                'constraints': [models.UniqueConstraint(fields=('chain', 'position'), name='audit_position_once_a_chain'), models.CheckConstraint(condition=models.Q(('position__gte', 1)), name='audit_position_counts_from_1'), models.CheckConstraint(condition=models.Q(('outcome__in', ['done', 'refused'])), name='audit_outcome_known')],
            },
        ),
        migrations.CreateModel(
            name='BrokerConnection',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('broker', models.CharField(choices=[('paper', 'Paper'), ('ticker', 'Ticker service'), ('kite', 'Kite Connect')], max_length=16)),
                ('sealed', models.BinaryField()),
                ('is_active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('sealed_at', models.DateTimeField(editable=False)),
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='connection', to='accounts.tradingaccount')),
            ],
            options={
                'ordering': ['account'],
                'constraints': [models.CheckConstraint(condition=models.Q(('broker__in', ['paper', 'ticker', 'kite'])), name='connection_broker_known')],
            },
        ),
        *(
            migrations.RunSQL(
                APPEND_ONLY.format(table=table), FREE_AGAIN.format(table=table)
            )
            for table in TABLES
        ),
    ]
