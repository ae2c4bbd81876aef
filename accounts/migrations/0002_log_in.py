"""Sessions, second factors, tokens and tickets; triggers that end and tell of them."""

import accounts.principals
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# Each process remembers whom it has proven; here it reads, in one statement, whom to
# forget. Nobody in a row (a signing key is gone) means everybody. Old rows are deleted
# by the log-ins that come after.
CHANGES = """
CREATE TABLE credential_changes (
    user_id bigint,
    changed_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX credential_changes_changed_in ON credential_changes (changed_in);
CREATE INDEX credential_changes_made_at ON credential_changes (made_at);

CREATE FUNCTION note_credential_change(changed bigint) RETURNS void LANGUAGE sql AS
$$ INSERT INTO credential_changes (user_id) VALUES (changed) $$;

CREATE FUNCTION end_log_ins(whose bigint, reason text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM accounts_session WHERE user_id = whose;
    UPDATE accounts_tokenfamily SET revoked_at = clock_timestamp(), revoked_for = reason
     WHERE user_id = whose AND revoked_at IS NULL;
    PERFORM note_credential_change(whose);
END;
$$;
"""
# What is granted need only be told; what is taken away ends what was begun with it.
PEOPLE = """
CREATE FUNCTION user_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.password, OLD.is_active, OLD.is_staff, OLD.is_superuser) IS DISTINCT FROM
       (NEW.password, NEW.is_active, NEW.is_staff, NEW.is_superuser) THEN
        PERFORM end_log_ins(NEW.id, 'password or powers changed');
    ELSIF OLD.username <> NEW.username THEN
        PERFORM note_credential_change(NEW.id);
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER log_ins_of_changed AFTER UPDATE ON accounts_user
    FOR EACH ROW EXECUTE FUNCTION user_changed();

CREATE FUNCTION role_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM note_credential_change(NEW.user_id);
        RETURN NULL;
    END IF;
    PERFORM end_log_ins(OLD.user_id, 'role changed');
    IF TG_OP = 'UPDATE' THEN
        IF NEW.user_id <> OLD.user_id THEN
            PERFORM end_log_ins(NEW.user_id, 'role changed');
        END IF;
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER log_ins_of_changed AFTER INSERT OR UPDATE OR DELETE ON accounts_membership
    FOR EACH ROW EXECUTE FUNCTION role_changed();
CREATE TRIGGER log_ins_of_changed AFTER INSERT OR UPDATE OR DELETE ON accounts_user_groups
    FOR EACH ROW EXECUTE FUNCTION role_changed();
CREATE TRIGGER log_ins_of_changed AFTER INSERT OR UPDATE OR DELETE
    ON accounts_user_user_permissions FOR EACH ROW EXECUTE FUNCTION role_changed();
CREATE TRIGGER log_ins_of_deleted AFTER DELETE ON accounts_secondfactor
    FOR EACH ROW EXECUTE FUNCTION role_changed();
"""
CREDENTIALS = """
CREATE FUNCTION credential_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_credential_change(OLD.user_id);
    RETURN NULL;
END;
$$;
CREATE TRIGGER note_ended AFTER DELETE ON accounts_session
    FOR EACH ROW WHEN (OLD.user_id IS NOT NULL) EXECUTE FUNCTION credential_changed();
CREATE TRIGGER note_changed AFTER UPDATE ON accounts_session
    FOR EACH ROW WHEN (OLD.user_id IS NOT NULL AND
        (OLD.user_id, OLD.expire_date, OLD.second_factor_at) IS DISTINCT FROM
        (NEW.user_id, NEW.expire_date, NEW.second_factor_at))
    EXECUTE FUNCTION credential_changed();
CREATE TRIGGER note_ended AFTER DELETE ON accounts_apikey
    FOR EACH ROW EXECUTE FUNCTION credential_changed();
CREATE TRIGGER note_changed AFTER UPDATE ON accounts_apikey
    FOR EACH ROW WHEN (
        (OLD.user_id, OLD.secret_hash, OLD.scopes, OLD.all_accounts,
         OLD.allowed_networks, OLD.expires_at, OLD.revoked_at) IS DISTINCT FROM
        (NEW.user_id, NEW.secret_hash, NEW.scopes, NEW.all_accounts,
         NEW.allowed_networks, NEW.expires_at, NEW.revoked_at))
    EXECUTE FUNCTION credential_changed();
CREATE TRIGGER note_ended AFTER DELETE ON accounts_tokenfamily
    FOR EACH ROW EXECUTE FUNCTION credential_changed();
CREATE TRIGGER note_changed AFTER UPDATE ON accounts_tokenfamily
    FOR EACH ROW WHEN (
        (OLD.user_id, OLD.scopes, OLD.expires_at, OLD.revoked_at, OLD.second_factor_at)
        IS DISTINCT FROM
        (NEW.user_id, NEW.scopes, NEW.expires_at, NEW.revoked_at, NEW.second_factor_at))
    EXECUTE FUNCTION credential_changed();

CREATE FUNCTION second_factor_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_credential_change(NEW.user_id);
    RETURN NULL;
END;
$$;
CREATE TRIGGER note_changed AFTER INSERT OR UPDATE OF confirmed_at ON accounts_secondfactor
    FOR EACH ROW EXECUTE FUNCTION second_factor_changed();

CREATE FUNCTION signing_key_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_credential_change(NULL);
    RETURN NULL;
END;
$$;
CREATE TRIGGER note_ended AFTER UPDATE OR DELETE ON accounts_signingkey
    FOR EACH STATEMENT EXECUTE FUNCTION signing_key_gone();
"""
UNDO = """
DROP TRIGGER log_ins_of_changed ON accounts_user;
DROP TRIGGER log_ins_of_changed ON accounts_membership;
DROP TRIGGER log_ins_of_changed ON accounts_user_groups;
DROP TRIGGER log_ins_of_changed ON accounts_user_user_permissions;
DROP TRIGGER log_ins_of_deleted ON accounts_secondfactor;
DROP TRIGGER note_changed ON accounts_secondfactor;
DROP TRIGGER note_ended ON accounts_session;
DROP TRIGGER note_changed ON accounts_session;
DROP TRIGGER note_ended ON accounts_apikey;
DROP TRIGGER note_changed ON accounts_apikey;
DROP TRIGGER note_ended ON accounts_tokenfamily;
DROP TRIGGER note_changed ON accounts_tokenfamily;
DROP TRIGGER note_ended ON accounts_signingkey;
DROP FUNCTION user_changed(), role_changed(), credential_changed(),
    second_factor_changed(), signing_key_gone(), end_log_ins(bigint, text),
    note_credential_change(bigint);
DROP TABLE credential_changes;
"""
# A key that trades must name where it is used; one that does not is no key any more.
REVOKE_OPEN_KEYS = """
UPDATE accounts_apikey SET revoked_at = now()
 WHERE revoked_at IS NULL AND scopes @> ARRAY['trade']::varchar[]
   AND cardinality(allowed_networks) = 0;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL(REVOKE_OPEN_KEYS, migrations.RunSQL.noop),
        migrations.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code_hash', models.CharField(editable=False, max_length=64)),
                ('used_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'ordering': ['user', 'id'],
            },
        ),
        migrations.CreateModel(
            name='RefreshToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(editable=False, max_length=8, unique=True)),
                ('secret_hash', models.CharField(editable=False, max_length=64)),
                ('made_at', models.DateTimeField(editable=False)),
                ('used_at', models.DateTimeField(editable=False, null=True)),
            ],
            options={
                'ordering': ['-made_at'],
            },
        ),
        migrations.CreateModel(
            name='SecondFactor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sealed_secret', models.BinaryField(default=b'')),
                ('sealed_next', models.BinaryField(default=b'')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('confirmed_at', models.DateTimeField(editable=False, null=True)),
                ('last_step', models.BigIntegerField(default=0, editable=False)),
            ],
            options={
                'ordering': ['user'],
            },
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('session_key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('public_id', models.CharField(editable=False, max_length=22, unique=True)),
                ('started_at', models.DateTimeField(editable=False)),
                ('last_seen_at', models.DateTimeField(db_index=True, editable=False)),
                ('second_factor_at', models.DateTimeField(editable=False, null=True)),
                ('address', models.CharField(blank=True, editable=False, max_length=45)),
                ('agent', models.CharField(blank=True, editable=False, max_length=200)),
            ],
            options={
                'ordering': ['-last_seen_at', 'public_id'],
            },
        ),
        migrations.CreateModel(
            name='SigningKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kid', models.CharField(editable=False, max_length=16, unique=True)),
                ('public_key', models.BinaryField()),
                ('sealed_private_key', models.BinaryField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='Ticket',
            fields=[
                ('public_id', models.CharField(editable=False, max_length=8, primary_key=True, serialize=False)),
                ('secret_hash', models.CharField(editable=False, max_length=64)),
                ('kind', models.CharField(editable=False, max_length=8)),
                ('proof_id', models.CharField(editable=False, max_length=22)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[(accounts.principals.Scope['READ_MARKET'], accounts.principals.Scope['READ_MARKET']), (accounts.principals.Scope['READ_ACCOUNTS'], accounts.principals.Scope['READ_ACCOUNTS']), (accounts.principals.Scope['TRADE'], accounts.principals.Scope['TRADE']), (accounts.principals.Scope['ADMIN'], accounts.principals.Scope['ADMIN'])], max_length=20), editable=False, size=None)),
                ('address', models.CharField(editable=False, max_length=45)),
                ('expires_at', models.DateTimeField(db_index=True, editable=False)),
            ],
            options={
                'ordering': ['expires_at'],
            },
        ),
        migrations.CreateModel(
            name='TokenFamily',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.CharField(editable=False, max_length=22, unique=True)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[(accounts.principals.Scope['READ_MARKET'], accounts.principals.Scope['READ_MARKET']), (accounts.principals.Scope['READ_ACCOUNTS'], accounts.principals.Scope['READ_ACCOUNTS']), (accounts.principals.Scope['TRADE'], accounts.principals.Scope['TRADE']), (accounts.principals.Scope['ADMIN'], accounts.principals.Scope['ADMIN'])], max_length=20), editable=False, size=None)),
                ('started_at', models.DateTimeField(editable=False)),
                ('expires_at', models.DateTimeField(db_index=True, editable=False)),
                ('last_used_at', models.DateTimeField(editable=False)),
                ('second_factor_at', models.DateTimeField(editable=False, null=True)),
                ('address', models.CharField(blank=True, editable=False, max_length=45)),
                ('agent', models.CharField(blank=True, editable=False, max_length=200)),
                ('revoked_at', models.DateTimeField(editable=False, null=True)),
                ('revoked_for', models.CharField(blank=True, editable=False, max_length=40)),
            ],
            options={
                'verbose_name': 'token log-in',
                'verbose_name_plural': 'token log-ins',
                'ordering': ['-started_at', 'public_id'],
            },
        ),
        migrations.AddConstraint(
            model_name='apikey',
            constraint=models.CheckConstraint(condition=models.Q(('revoked_at__isnull', False), models.Q(('scopes__contains', ['trade']), _negated=True), ('allowed_networks__len__gt', 0), _connector='OR'), name='api_key_that_trades_has_an_allow_list', violation_error_message='A key that trades names where it is used.'),
        ),
        migrations.AddField(
            model_name='recoverycode',
            name='user',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='recovery_codes', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='secondfactor',
            name='user',
            field=models.OneToOneField(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='second_factor', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='session',
            name='user',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='ticket',
            name='user',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='tokenfamily',
            name='user',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='token_families', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='refreshtoken',
            name='family',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to='accounts.tokenfamily'),
        ),
        migrations.AddConstraint(
            model_name='recoverycode',
            constraint=models.UniqueConstraint(fields=('user', 'code_hash'), name='recovery_code_once'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['session', 'api_key', 'token'])), name='ticket_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('secret_hash__regex', '^[0-9a-f]{64}$')), name='ticket_secret_is_hashed'),
        ),
        migrations.AddConstraint(
            model_name='tokenfamily',
            constraint=models.CheckConstraint(condition=models.Q(('scopes__contained_by', ['read:market', 'read:accounts', 'trade', 'admin'])), name='token_family_scopes_known'),
        ),
        migrations.AddConstraint(
            model_name='refreshtoken',
            constraint=models.CheckConstraint(condition=models.Q(('secret_hash__regex', '^[0-9a-f]{64}$')), name='refresh_token_secret_is_hashed'),
        ),
        migrations.RunSQL(CHANGES + PEOPLE + CREDENTIALS, UNDO),
    ]
