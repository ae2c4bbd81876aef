"""Broker connections: sealed for one row, rotated as a whole, and shown by nothing."""

import ast
import copy
import io
import logging
import pickle
import pprint
import subprocess
import sys
import traceback
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.views.debug import ExceptionReporter
from pytest_django import Settings

from accounts import vault
from accounts.models import AuditEntry, BrokerConnection, TradingAccount, User
from accounts.models.connections import ConnectionInactive, Credentials
from accounts.principals import Scope
from tests.accounts.builders import join, make_account, make_key, make_user, session_of
from tests.database import url_of_test_database
from tradingsite.embedded.postgres import _program
from tradingsite.logs import ConsoleFormatter, JsonFormatter
from tradingsite.redis import client as redis_client

pytestmark = pytest.mark.django_db

CANARY = "kanari-4f1d2c7b9e"
VALUES = {"api_key": f"{CANARY}-1", "api_secret": f"{CANARY}-2"}


def connect(account: TradingAccount, broker: str = "kite") -> BrokerConnection:
    made = BrokerConnection(account=account, broker=broker)
    made.keep(VALUES, now=timezone.now())
    made.save()
    return BrokerConnection.objects.get(pk=made.pk)


@pytest.fixture
def connected(account: TradingAccount) -> BrokerConnection:
    return connect(account)


@pytest.fixture
def boss(client: Client, db: None) -> User:
    user = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """Keep the master keys in a file, as a site does."""
    settings.MASTER_KEYS = ""
    settings.DATA_DIR = tmp_path
    vault.make_master_key()
    return tmp_path


# --- sealed for one row ---------------------------------------------------------------


def test_an_adapter_gets_what_was_kept(connected: BrokerConnection):
    assert dict(connected.credentials()) == VALUES


def test_a_seal_copied_to_another_row_stays_shut(connected: BrokerConnection):
    other = connect(make_account("south-1"))
    BrokerConnection.objects.filter(pk=other.pk).update(sealed=connected.sealed)
    other.refresh_from_db()
    with pytest.raises(vault.Unreadable):
        other.credentials()


@pytest.mark.parametrize("field", ["account", "broker"])
def test_a_row_moved_elsewhere_stays_shut(connected: BrokerConnection, field: str):
    moved = {"account": make_account("south-1"), "broker": "ticker"}[field]
    BrokerConnection.objects.filter(pk=connected.pk).update(**{field: moved})
    connected.refresh_from_db()
    with pytest.raises(vault.Unreadable):
        connected.credentials()


def test_the_site_s_own_secret_does_not_matter(
    connected: BrokerConnection, settings: Settings
):
    settings.SECRET_KEY = "another" * 10
    assert dict(connected.credentials()) == VALUES


def test_an_account_has_one_connection(connected: BrokerConnection):
    with pytest.raises(IntegrityError), transaction.atomic():
        connect(connected.account)


def test_only_who_manages_connections_sees_them(connected: BrokerConnection):
    subjects = {
        role: make_user(role) for role in ("viewer", "trader", "back_office", "admin")
    }
    for role, user in subjects.items():
        join(user, connected.account, role)
    seen = {
        role: BrokerConnection.objects.for_subject(session_of(user)).count()
        for role, user in subjects.items()
    }
    assert seen == {"viewer": 0, "trader": 0, "back_office": 0, "admin": 1}
    assert not BrokerConnection.objects.for_subject(None).exists()
    key = make_key(subjects["admin"], scopes=[Scope.READ_MARKET]).principal()
    assert not BrokerConnection.objects.for_subject(key).exists()


def test_only_adapters_open_them():
    """Read the code: whoever calls ``credentials()`` must be an adapter."""
    root = Path(django_settings.BASE_DIR)
    apps = ("accounts", "tradingsite", "marketdata", "orders", "strategies", "funds")
    callers = {
        path.relative_to(root).as_posix()
        for app in apps
        for path in (root / app).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "credentials"
    }
    assert {caller for caller in callers if "accounts/brokers/" not in caller} == set()


# --- rotated as a whole ---------------------------------------------------------------


def rotate(**options: object) -> str:
    told = StringIO()
    call_command("rotate_master_key", stdout=told, **options)
    return told.getvalue()


def test_a_rotation_wraps_all_anew(folder: Path):
    made = [connect(make_account(f"north-{number}")) for number in range(20)]
    [old] = vault.master_keys()
    assert rotate().startswith("20 secrets")
    new, kept = vault.master_keys()
    assert kept.id == old.id
    for one in BrokerConnection.objects.filter(pk__in=[each.pk for each in made]):
        assert one.key_id == new.id.hex() != old.id.hex()
        assert dict(one.credentials()) == VALUES
    told = AuditEntry.objects.latest("id")
    assert (told.action, told.after["rows"]) == ("master_key.rotated", 20)


def test_the_key_of_before_is_forgotten_at_the_next_rotation(folder: Path):
    connect(make_account())
    [first] = vault.master_keys()
    rotate()
    rotate()
    assert len(vault.master_keys()) == 2
    assert first.id not in {each.id for each in vault.master_keys()}


def test_it_can_be_forgotten_at_once(folder: Path, tmp_path: Path):
    made = connect(make_account())
    rotate(drop_old=True)
    assert len(vault.master_keys()) == 1
    made.refresh_from_db()
    assert dict(made.credentials()) == VALUES


def test_one_that_cannot_be_opened_stops_the_rotation(folder: Path):
    good, bad = connect(make_account()), connect(make_account("south-1"))
    BrokerConnection.objects.filter(pk=bad.pk).update(sealed=good.sealed)
    with pytest.raises(CommandError, match=str(bad.pk)):
        rotate(drop_old=True)
    good.refresh_from_db()
    assert dict(good.credentials()) == VALUES
    assert good.key_id == vault.master_keys()[1].id.hex()


def test_keys_of_the_environment_are_rotated_by_who_sets_them(settings: Settings):
    made = connect(make_account())
    old = settings.MASTER_KEYS
    settings.MASTER_KEYS = f"{'B' * 43}=,{old}"
    assert "leave the older keys out" in rotate()
    settings.MASTER_KEYS = f"{'B' * 43}="
    made.refresh_from_db()
    assert dict(made.credentials()) == VALUES


# --- staff put them in, and never see them --------------------------------------------


def form(account: TradingAccount, **fields: str) -> dict[str, object]:
    return {"account": account.pk, "broker": "kite", "is_active": "on", **fields}


def change_url(made: BrokerConnection) -> str:
    return reverse("admin:accounts_brokerconnection_change", args=[made.pk])


def test_staff_make_a_connection(client: Client, boss: User, account: TradingAccount):
    add = reverse("admin:accounts_brokerconnection_add")
    assert client.post(add, form(account, **VALUES)).status_code == 302
    made = BrokerConnection.objects.get()
    assert dict(made.credentials()) == VALUES
    told = AuditEntry.objects.latest("id")
    assert (told.action, told.account) == ("broker_connection.added", account)
    assert CANARY not in f"{told.before} {told.after}"
    assert set(VALUES) <= set(told.after)


def test_a_connection_needs_credentials(
    client: Client, boss: User, account: TradingAccount
):
    add = reverse("admin:accounts_brokerconnection_add")
    page = client.post(add, form(account)).content.decode()
    assert "A new connection needs credentials." in page


def test_what_is_left_empty_stays(
    client: Client, boss: User, connected: BrokerConnection
):
    assert client.post(change_url(connected), {"is_active": "on"}).status_code == 302
    connected.refresh_from_db()
    assert dict(connected.credentials()) == VALUES


def test_one_that_is_switched_off_opens_for_nobody(
    client: Client, boss: User, connected: BrokerConnection
):
    client.post(change_url(connected), {})
    connected.refresh_from_db()
    with pytest.raises(ConnectionInactive):
        connected.credentials()
    assert AuditEntry.objects.latest("id").after == {"is_active": False}


def test_what_is_filled_in_replaces_all(
    client: Client, boss: User, connected: BrokerConnection
):
    client.post(change_url(connected), {"is_active": "on", "access_token": "today"})
    connected.refresh_from_db()
    assert dict(connected.credentials()) == {"access_token": "today"}


def test_a_refused_form_gives_nothing_back(
    client: Client, boss: User, account: TradingAccount
):
    add = reverse("admin:accounts_brokerconnection_add")
    page = client.post(add, {**form(account, **VALUES), "broker": "none"})
    assert page.status_code == 200
    assert CANARY not in page.content.decode()


# --- the canary -----------------------------------------------------------------------


def fail_with(made: BrokerConnection) -> None:
    """Fail in the middle of using credentials, as an adapter may."""
    opened = made.credentials()
    raise RuntimeError(f"{made!r} {opened!r} {opened}")


def reported(made: BrokerConnection) -> str:
    """Return every report of such a failure, with the variables of each frame."""
    try:
        fail_with(made)
    except RuntimeError:
        page = ExceptionReporter(RequestFactory().get("/"), *sys.exc_info())
        return f"{traceback.format_exc()} {page.get_traceback_html()}"
    return ""


def logged(made: BrokerConnection) -> str:
    """Return what each formatter writes of somebody who logs all of it."""
    logger, stream = logging.Logger("tests.canary"), io.StringIO()  # noqa: LOG001
    for formatter in (JsonFormatter(), ConsoleFormatter()):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    opened = made.credentials()
    logger.warning("%s %r", made, opened, extra={"opened": opened, "row": made})
    try:
        fail_with(made)
    except RuntimeError:
        logger.exception("failed")
    return stream.getvalue()


def test_nothing_shows_the_canary(
    client: Client, boss: User, connected: BrokerConnection
):
    opened = connected.credentials()
    shown = [
        repr(connected),
        str(connected),
        pprint.pformat(vars(connected)),
        repr(opened),
        str(opened),
        f"{opened}",
        pprint.pformat(opened),
        repr(pickle.dumps(connected)),
        repr(copy.deepcopy(connected).__dict__),
        reported(connected),
        logged(connected),
        client.get(change_url(connected)).content.decode(),
        client.get(
            reverse("admin:accounts_brokerconnection_changelist")
        ).content.decode(),
        client.get(reverse("admin:accounts_auditentry_changelist")).content.decode(),
        client.get(f"/accounts/{connected.account.slug}/audit").content.decode(),
    ]
    assert [text for text in shown if CANARY in text] == []
    assert "api_secret" in repr(opened)


@pytest.mark.parametrize("use", [pickle.dumps, copy.copy, copy.deepcopy])
def test_credentials_are_neither_pickled_nor_copied(use: object):
    assert callable(use)
    with pytest.raises(TypeError, match="neither pickled nor copied"):
        use(Credentials(VALUES))


@pytest.mark.django_db(transaction=True)
def test_no_dump_has_the_canary(client: Client):
    user = make_user("boss", is_staff=True, is_superuser=True)
    client.force_login(user)
    account = make_account()
    add = reverse("admin:accounts_brokerconnection_add")
    assert client.post(add, form(account, **VALUES)).status_code == 302
    dump = dumped()
    assert CANARY.encode() not in dump
    assert b"broker_connection.added" in dump
    # The control: a row that does hold it is found.
    account.name = CANARY
    account.save()
    assert CANARY.encode() in dumped()


def dumped() -> bytes:
    command = [str(_program("pg_dump")), "--inserts", url_of_test_database()]
    ran = subprocess.run(command, capture_output=True, check=True)
    return ran.stdout


def test_redis_has_no_canary(client: Client, boss: User, account: TradingAccount):
    add = reverse("admin:accounts_brokerconnection_add")
    client.post(add, form(account, **VALUES))
    client.get(change_url(BrokerConnection.objects.get()))
    store = redis_client()
    store.set(f"{django_settings.REDIS_PREFIX}:control", f"{CANARY}-control")
    seen = b"".join(value_of(store, key) for key in store.scan_iter("*"))
    assert seen.count(CANARY.encode()) == seen.count(f"{CANARY}-control".encode()) == 1
    store.delete(f"{django_settings.REDIS_PREFIX}:control")


def value_of(store: Any, key: bytes) -> bytes:
    """Return a value as it is, not as a dump, which may be compressed."""
    read: dict[bytes, Callable[[bytes], object]] = {
        b"string": store.get,
        b"hash": store.hgetall,
        b"set": store.smembers,
        b"list": lambda name: store.lrange(name, 0, -1),
        b"zset": lambda name: store.zrange(name, 0, -1, withscores=True),
        b"stream": store.xrange,
    }
    return repr(read[store.type(key)](key)).encode()


def test_the_database_s_own_log_is_told_no_secret():
    """What is written goes as bytes: a slow statement may be logged whole."""
    account = make_account()
    made = BrokerConnection(account=account, broker="kite")
    made.keep(VALUES, now=timezone.now())
    connection.force_debug_cursor = True
    try:
        made.save()
        told = " ".join(str(query) for query in connection.queries)
    finally:
        connection.force_debug_cursor = False
    assert "accounts_brokerconnection" in told
    assert CANARY not in told
