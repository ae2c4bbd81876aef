"""The dated calendar, what contracts were on a day, lists, labels, typo-tolerant search."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models

# Where the extension cannot be had, search goes without tolerance for typing errors.
TRIGRAMS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        CREATE INDEX instrument_symbol_trigrams ON marketdata_instrument
            USING gin (symbol gin_trgm_ops) WHERE is_active;
        CREATE INDEX instrument_name_trigrams ON marketdata_instrument
            USING gin (upper(name) gin_trgm_ops) WHERE is_active;
    END IF;
EXCEPTION WHEN insufficient_privilege OR feature_not_supported THEN
    RAISE WARNING 'pg_trgm was not created: search does not tolerate typing errors';
END;
$$;
"""
NO_TRIGRAMS = """
DROP INDEX IF EXISTS instrument_symbol_trigrams;
DROP INDEX IF EXISTS instrument_name_trigrams;
"""

# What is known of the instruments that are there: since when is not, so from today.
KNOWN_SO_FAR = """
INSERT INTO marketdata_brokertoken (exchange_id, token, instrument_id, valid_from)
SELECT DISTINCT ON (exchange_id, broker_token)
       exchange_id, broker_token, id, current_date
  FROM marketdata_instrument
 WHERE is_active AND broker_token IS NOT NULL
 ORDER BY exchange_id, broker_token, updated_at DESC;
INSERT INTO marketdata_contractterms (instrument_id, valid_from, lot_size, tick_size)
SELECT id, current_date, lot_size, tick_size FROM marketdata_instrument WHERE is_active;
UPDATE marketdata_instrument known SET has_derivatives = true
 WHERE EXISTS (SELECT FROM marketdata_instrument derived
                WHERE derived.underlying_id = known.id AND derived.is_active);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('marketdata', '0002_partitions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BrokerToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.BigIntegerField()),
                ('valid_from', models.DateField()),
                ('valid_to', models.DateField(blank=True, null=True)),
            ],
            options={
                'ordering': ['exchange', 'token', 'valid_from'],
            },
        ),
        migrations.CreateModel(
            name='ContractExpiry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('underlying', models.CharField(max_length=32)),
                ('expires_on', models.DateField()),
                ('nominal_on', models.DateField()),
                ('cycle', models.CharField(choices=[('weekly', 'Weekly'), ('monthly', 'Monthly'), ('quarterly', 'Quarterly')], max_length=9)),
                ('origin', models.CharField(choices=[('listed', 'Listed by the exchange'), ('rule', 'Foretold by the rule')], max_length=6)),
            ],
            options={
                'verbose_name_plural': 'contract expiries',
                'ordering': ['exchange', 'underlying', 'expires_on'],
            },
        ),
        migrations.CreateModel(
            name='ContractTerms',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('valid_from', models.DateField()),
                ('valid_to', models.DateField(blank=True, null=True)),
                ('lot_size', models.PositiveIntegerField()),
                ('tick_size', models.DecimalField(decimal_places=4, max_digits=10)),
            ],
            options={
                'verbose_name_plural': 'contract terms',
                'ordering': ['instrument', 'valid_from'],
            },
        ),
        migrations.CreateModel(
            name='ExpiryRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('underlying', models.CharField(blank=True, max_length=32)),
                ('cycle', models.CharField(choices=[('weekly', 'Weekly'), ('monthly', 'Monthly')], max_length=9)),
                ('weekday', models.PositiveSmallIntegerField(help_text='0 is Monday')),
                ('valid_from', models.DateField()),
                ('valid_to', models.DateField(blank=True, null=True)),
                ('source', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'ordering': ['exchange', 'underlying', 'cycle', 'valid_from'],
            },
        ),
        migrations.CreateModel(
            name='FreezeQuantity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('underlying', models.CharField(max_length=32)),
                ('valid_from', models.DateField()),
                ('valid_to', models.DateField(blank=True, null=True)),
                ('quantity', models.PositiveIntegerField()),
                ('source', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'verbose_name_plural': 'freeze quantities',
                'ordering': ['exchange', 'underlying', 'valid_from'],
            },
        ),
        migrations.CreateModel(
            name='InstrumentList',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('source', models.CharField(max_length=128)),
                ('fingerprint', models.CharField(max_length=64)),
                ('exchanges', models.JSONField(default=list)),
                ('is_complete', models.BooleanField()),
                ('listed', models.PositiveIntegerField()),
                ('added', models.PositiveIntegerField()),
                ('changed', models.PositiveIntegerField()),
                ('expired', models.PositiveIntegerField()),
                ('delisted', models.PositiveIntegerField()),
                ('quarantined', models.PositiveIntegerField()),
                ('changes', models.JSONField(default=list)),
                ('loaded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ['-loaded_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='Label',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('label_type', models.CharField(choices=[('bullish', 'Bullish'), ('bearish', 'Bearish'), ('neutral', 'Neutral'), ('exit_bullish', 'Exit bullish'), ('exit_bearish', 'Exit bearish')], max_length=12)),
                ('resolution', models.CharField(max_length=4)),
                ('bar_at', models.DateTimeField()),
                ('offset_s', models.IntegerField(default=0)),
                ('price', models.FloatField(blank=True, null=True)),
                ('tags', models.JSONField(blank=True, default=list)),
                ('extra', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now())),
                ('updated_at', models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ['user', 'bar_at', 'created_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='LotSize',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('underlying', models.CharField(max_length=32)),
                ('valid_from', models.DateField(verbose_name='expires from')),
                ('valid_to', models.DateField(blank=True, null=True, verbose_name='expires to')),
                ('lot_size', models.PositiveIntegerField()),
                ('source', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'ordering': ['exchange', 'underlying', 'valid_from'],
            },
        ),
        migrations.CreateModel(
            name='QuarantinedListing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('symbol', models.CharField(max_length=64)),
                ('token', models.BigIntegerField(null=True)),
                ('reason', models.CharField(choices=[('listed_twice', 'The symbol stands twice, with different terms'), ('token_twice', 'The number stands at two symbols'), ('token_taken', 'The number belongs to an instrument that lives'), ('contract_changed', 'The symbol means another contract now')], max_length=16)),
                ('detail', models.CharField(max_length=200)),
                ('row', models.JSONField(default=dict)),
                ('first_seen_on', models.DateField()),
                ('last_seen_on', models.DateField()),
                ('status', models.CharField(choices=[('open', 'Open'), ('renamed', 'The same instrument under a new symbol'), ('replaced', 'A new instrument; the old one has ended'), ('dismissed', 'Dismissed')], default='open', max_length=9)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-last_seen_on', 'exchange', 'symbol', 'id'],
            },
        ),
        migrations.CreateModel(
            name='SeedRecord',
            fields=[
                ('key', models.CharField(max_length=160, primary_key=True, serialize=False)),
                ('fingerprint', models.CharField(max_length=64)),
                ('loaded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='SessionPhase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('segment', models.CharField(blank=True, max_length=32)),
                ('phase', models.CharField(choices=[('pre_open', 'Pre-open'), ('closing_auction', 'Closing auction'), ('post_close', 'Post-close')], max_length=16)),
                ('step', models.CharField(blank=True, max_length=64)),
                ('valid_from', models.DateField()),
                ('valid_to', models.DateField(blank=True, null=True)),
                ('opens_at', models.TimeField()),
                ('closes_at', models.TimeField()),
            ],
            options={
                'ordering': ['exchange', 'segment', 'valid_from', 'opens_at'],
            },
        ),
        migrations.CreateModel(
            name='SettlementHoliday',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('name', models.CharField(max_length=64)),
                ('source', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'ordering': ['exchange', 'day'],
            },
        ),
        migrations.AddField(
            model_name='holiday',
            name='is_holiday',
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name='holiday',
            name='is_provisional',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='holiday',
            name='source',
            field=models.CharField(blank=True, db_default='', max_length=200),
        ),
        migrations.AddField(
            model_name='holiday',
            name='updated_at',
            field=models.DateTimeField(auto_now=True, db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name='instrument',
            name='has_derivatives',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='sessionhours',
            name='expiring_closes_at',
            field=models.TimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='holiday',
            constraint=models.CheckConstraint(condition=models.Q(('is_holiday', True), ('opens_at__isnull', False), _connector='OR'), name='holiday_or_open'),
        ),
        migrations.AddField(
            model_name='brokertoken',
            name='exchange',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='broker_tokens', to='marketdata.exchange'),
        ),
        migrations.AddField(
            model_name='brokertoken',
            name='instrument',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='broker_tokens', to='marketdata.instrument'),
        ),
        migrations.AddField(
            model_name='contractexpiry',
            name='exchange',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='contract_expiries', to='marketdata.exchange'),
        ),
        migrations.AddField(
            model_name='contractterms',
            name='instrument',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='terms', to='marketdata.instrument'),
        ),
        migrations.AddField(
            model_name='expiryrule',
            name='exchange',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='expiry_rules', to='marketdata.exchange'),
        ),
        migrations.AddField(
            model_name='freezequantity',
            name='exchange',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='freeze_quantities', to='marketdata.exchange'),
        ),
        migrations.AddConstraint(
            model_name='instrumentlist',
            constraint=models.UniqueConstraint(fields=('day', 'fingerprint'), name='instrument_list_unique'),
        ),
        migrations.AddField(
            model_name='label',
            name='instrument',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='labels', to='marketdata.instrument'),
        ),
        migrations.AddField(
            model_name='label',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='lotsize',
            name='exchange',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lot_sizes', to='marketdata.exchange'),
        ),
        migrations.AddField(
            model_name='quarantinedlisting',
            name='decided_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='quarantinedlisting',
            name='exchange',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='quarantined_listings', to='marketdata.exchange'),
        ),
        migrations.AddField(
            model_name='quarantinedlisting',
            name='first_list',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='quarantined_listings', to='marketdata.instrumentlist'),
        ),
        migrations.AddField(
            model_name='quarantinedlisting',
            name='holder',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='quarantined_listings', to='marketdata.instrument'),
        ),
        migrations.AddField(
            model_name='sessionphase',
            name='exchange',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='session_phases', to='marketdata.exchange'),
        ),
        migrations.AddField(
            model_name='settlementholiday',
            name='exchange',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='settlement_holidays', to='marketdata.exchange'),
        ),
        migrations.AddConstraint(
            model_name='brokertoken',
            constraint=models.UniqueConstraint(fields=('exchange', 'token', 'valid_from'), name='broker_token_unique'),
        ),
        migrations.AddConstraint(
            model_name='brokertoken',
            constraint=models.UniqueConstraint(condition=models.Q(('valid_to__isnull', True)), fields=('exchange', 'token'), name='broker_token_has_one_holder'),
        ),
        migrations.AddConstraint(
            model_name='brokertoken',
            constraint=models.UniqueConstraint(condition=models.Q(('valid_to__isnull', True)), fields=('instrument',), name='broker_token_of_instrument_is_one'),
        ),
        migrations.AddConstraint(
            model_name='brokertoken',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='broker_token_dates_in_order'),
        ),
        migrations.AddConstraint(
            model_name='contractexpiry',
            constraint=models.UniqueConstraint(fields=('exchange', 'underlying', 'expires_on'), name='contract_expiry_unique'),
        ),
        migrations.AddConstraint(
            model_name='contractexpiry',
            constraint=models.CheckConstraint(condition=models.Q(('cycle__in', ['weekly', 'monthly', 'quarterly'])), name='contract_expiry_cycle_known'),
        ),
        migrations.AddConstraint(
            model_name='contractexpiry',
            constraint=models.CheckConstraint(condition=models.Q(('origin__in', ['listed', 'rule'])), name='contract_expiry_origin_known'),
        ),
        migrations.AddConstraint(
            model_name='contractexpiry',
            constraint=models.CheckConstraint(condition=models.Q(('nominal_on__gte', models.F('expires_on'))), name='contract_expiry_moved_back_only'),
        ),
        migrations.AddConstraint(
            model_name='contractterms',
            constraint=models.UniqueConstraint(fields=('instrument', 'valid_from'), name='contract_terms_unique'),
        ),
        migrations.AddConstraint(
            model_name='contractterms',
            constraint=models.UniqueConstraint(condition=models.Q(('valid_to__isnull', True)), fields=('instrument',), name='contract_terms_current_is_one'),
        ),
        migrations.AddConstraint(
            model_name='contractterms',
            constraint=models.CheckConstraint(condition=models.Q(('lot_size__gte', 1), ('tick_size__gt', 0)), name='contract_terms_positive'),
        ),
        migrations.AddConstraint(
            model_name='contractterms',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='contract_terms_dates_in_order'),
        ),
        migrations.AddConstraint(
            model_name='expiryrule',
            constraint=models.UniqueConstraint(fields=('exchange', 'underlying', 'cycle', 'valid_from'), name='expiry_rule_unique'),
        ),
        migrations.AddConstraint(
            model_name='expiryrule',
            constraint=models.CheckConstraint(condition=models.Q(('cycle__in', ['weekly', 'monthly'])), name='expiry_rule_cycle_known'),
        ),
        migrations.AddConstraint(
            model_name='expiryrule',
            constraint=models.CheckConstraint(condition=models.Q(('weekday__lte', 6)), name='expiry_rule_weekday_known'),
        ),
        migrations.AddConstraint(
            model_name='expiryrule',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='expiry_rule_dates_in_order'),
        ),
        migrations.AddConstraint(
            model_name='freezequantity',
            constraint=models.UniqueConstraint(fields=('exchange', 'underlying', 'valid_from'), name='freeze_quantity_unique'),
        ),
        migrations.AddConstraint(
            model_name='freezequantity',
            constraint=models.CheckConstraint(condition=models.Q(('quantity__gte', 1)), name='freeze_quantity_positive'),
        ),
        migrations.AddConstraint(
            model_name='freezequantity',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='freeze_quantity_dates_in_order'),
        ),
        migrations.AddIndex(
            model_name='label',
            index=models.Index(fields=['user', 'instrument', 'bar_at'], name='label_chart_index'),
        ),
        migrations.AddConstraint(
            model_name='label',
            constraint=models.CheckConstraint(condition=models.Q(('label_type__in', ['bullish', 'bearish', 'neutral', 'exit_bullish', 'exit_bearish'])), name='label_type_known'),
        ),
        migrations.AddConstraint(
            model_name='lotsize',
            constraint=models.UniqueConstraint(fields=('exchange', 'underlying', 'valid_from'), name='lot_size_unique'),
        ),
        migrations.AddConstraint(
            model_name='lotsize',
            constraint=models.CheckConstraint(condition=models.Q(('lot_size__gte', 1)), name='lot_size_positive'),
        ),
        migrations.AddConstraint(
            model_name='lotsize',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='lot_size_dates_in_order'),
        ),
        migrations.AddConstraint(
            model_name='quarantinedlisting',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('exchange', 'symbol', 'reason', 'detail'), name='quarantined_listing_open_once'),
        ),
        migrations.AddConstraint(
            model_name='quarantinedlisting',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ['listed_twice', 'token_twice', 'token_taken', 'contract_changed'])), name='quarantined_listing_reason_known'),
        ),
        migrations.AddConstraint(
            model_name='quarantinedlisting',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['open', 'renamed', 'replaced', 'dismissed'])), name='quarantined_listing_status_known'),
        ),
        migrations.AddConstraint(
            model_name='sessionphase',
            constraint=models.UniqueConstraint(fields=('exchange', 'segment', 'phase', 'opens_at', 'valid_from'), name='session_phase_unique'),
        ),
        migrations.AddConstraint(
            model_name='sessionphase',
            constraint=models.CheckConstraint(condition=models.Q(('phase__in', ['pre_open', 'closing_auction', 'post_close'])), name='session_phase_known'),
        ),
        migrations.AddConstraint(
            model_name='sessionphase',
            constraint=models.CheckConstraint(condition=models.Q(('closes_at__gt', models.F('opens_at'))), name='session_phase_close_after_open'),
        ),
        migrations.AddConstraint(
            model_name='sessionphase',
            constraint=models.CheckConstraint(condition=models.Q(('valid_to__isnull', True), ('valid_to__gte', models.F('valid_from')), _connector='OR'), name='session_phase_dates_in_order'),
        ),
        migrations.AddConstraint(
            model_name='settlementholiday',
            constraint=models.UniqueConstraint(fields=('exchange', 'day'), name='settlement_holiday_day_unique'),
        ),
        migrations.RunSQL(TRIGRAMS, NO_TRIGRAMS),
        migrations.RunSQL(KNOWN_SO_FAR, migrations.RunSQL.noop),
    ]
