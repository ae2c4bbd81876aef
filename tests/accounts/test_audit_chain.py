"""The chain of the audit: whoever changes it is found out, and where."""

import threading
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts import audit, tasks
from accounts.audit import anchors
from accounts.models import AuditAnchor, AuditEntry, TradingAccount
from accounts.models.audit import HOUSE
from tests.accounts.audit_builders import (
    as_superuser,
    verified,
    verified_by_hashes_alone,
    write_anew,
    write_entries,
)
from tests.accounts.builders import make_account

migration = import_module("accounts.migrations.0003_audit_and_connections")

pytestmark = pytest.mark.django_db

TABLES = ["accounts_auditentry", "accounts_auditanchor"]
WRITERS = 50


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    """Give each test a data folder of its own: anchors are kept there."""
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    return tmp_path / "data"


def entry(chain: str, position: int) -> AuditEntry:
    return AuditEntry.objects.get(chain=chain, position=position)


def test_what_nobody_touched_is_whole(account: TradingAccount):
    chain = write_entries(5, account)
    anchors.anchor_all(timezone.now())
    found = verified(chain)
    assert (found.rows, found.anchored, found.fault) == (5, 5, None)


def test_an_empty_chain_is_whole():
    assert verified(HOUSE).fault is None


def test_every_account_has_a_chain_of_its_own(account: TradingAccount):
    other = make_account("south-1")
    chains = [write_entries(2, place) for place in (account, other, None)]
    assert len(set(chains)) == 3
    for chain in chains:
        assert [entry(chain, number).position for number in (1, 2)] == [1, 2]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("action", "limit.sex"),
        ("actor", "mallory"),
        ("outcome", "refused"),
        ("reason", " "),
        ("user_id", 7),
        ("account_id", 7),
        ("address", "203.0.113.7"),
        ("before", '{"most": 3}'),
        ("after", '{"most": 30}'),
        ("at", "2026-01-01T00:00:00.000001Z"),
        ("hash", b"\x00" * 32),
    ],
)
def test_one_changed_value_is_found_at_its_row(column: str, value: object):
    chain = write_entries(5)
    changed = entry(chain, 3)
    as_superuser(
        f"UPDATE accounts_auditentry SET {column} = %s WHERE id = %s",  # noqa: S608
        [value, changed.pk],
    )
    fault = verified_by_hashes_alone(chain).fault
    assert fault is not None
    assert (fault.position, fault.row_id) == (3, changed.pk)


def test_one_changed_byte_of_a_text_is_found():
    chain = write_entries(3)
    as_superuser("UPDATE accounts_auditentry SET target = 'limit 2' WHERE position = 2")
    assert str(verified(chain).fault).startswith("house 2 ")


def test_a_deleted_row_is_found_where_it_was():
    chain = write_entries(5)
    as_superuser("DELETE FROM accounts_auditentry WHERE position = 2")
    fault = verified_by_hashes_alone(chain).fault
    assert fault is not None
    assert fault.position == 2
    assert "missing" in fault.what


def test_two_swapped_rows_are_found_at_the_first():
    chain = write_entries(5)
    as_superuser(
        "UPDATE accounts_auditentry SET position = position + 100"
        " WHERE position IN (2, 4)"
    )
    as_superuser(
        "UPDATE accounts_auditentry SET position = 106 - position"
        " WHERE position IN (102, 104)"
    )
    fault = verified_by_hashes_alone(chain).fault
    assert fault is not None
    assert fault.position == 2


def test_a_row_put_in_between_is_found():
    chain = write_entries(3)
    as_superuser("UPDATE accounts_auditentry SET position = 9 WHERE position = 3")
    as_superuser(
        "INSERT INTO accounts_auditentry (chain, position, at, action, outcome, reason,"
        " actor, door, on_behalf_of, key_id, address, request_id, target, before,"
        " after, hash) SELECT chain, 3, at, action, outcome, reason, actor, door,"
        " on_behalf_of, key_id, address, request_id, target, before, after, hash"
        " FROM accounts_auditentry WHERE position = 2"
    )
    fault = verified_by_hashes_alone(chain).fault
    assert fault is not None
    assert fault.position == 3


def test_a_cut_tail_is_caught_by_the_anchors_and_not_by_the_hashes():
    chain = write_entries(5)
    anchors.anchor_all(timezone.now())
    as_superuser("DELETE FROM accounts_auditentry WHERE position > 3")
    assert verified_by_hashes_alone(chain).fault is None
    fault = verified(chain).fault
    assert fault is not None
    assert fault.position == 4


def test_a_chain_emptied_as_a_whole_is_still_looked_for(folder: Path):
    write_entries(3)
    anchors.anchor_all(timezone.now())
    as_superuser("DELETE FROM accounts_auditentry")
    with pytest.raises(CommandError, match="house 1"):
        call_command("verify_audit", stdout=StringIO())


def test_a_chain_written_anew_is_caught_by_the_anchors_and_not_by_the_hashes():
    chain = write_entries(3)
    anchors.anchor_all(timezone.now())
    write_entries(2)
    anchors.anchor_all(timezone.now())
    write_anew(chain, 4, action="limit.forged")
    assert verified_by_hashes_alone(chain).fault is None
    fault = verified(chain).fault
    assert fault is not None
    assert fault.position == 5


def test_anchors_lost_from_the_database_are_known_from_the_file():
    chain = write_entries(5)
    anchors.anchor_all(timezone.now())
    as_superuser("DELETE FROM accounts_auditentry WHERE position > 3")
    forget_anchors()
    assert anchors.in_database() == []
    fault = verified(chain).fault
    assert fault is not None
    assert fault.position == 4


def test_a_forged_anchor_is_found():
    chain = write_entries(5)
    anchors.anchor_all(timezone.now())
    write_anew(chain, 2, action="limit.forged")
    head = entry(chain, 5)
    change_anchors("UPDATE accounts_auditanchor SET hash = %s", [bytes(head.hash)])
    anchors.path().unlink()
    fault = verified(chain).fault
    assert fault is not None
    assert "signature" in fault.what


def test_an_anchor_of_a_key_that_nobody_named_is_no_anchor(settings: Settings):
    chain = write_entries(2)
    settings.AUDIT_SIGNING_KEY = "the key of before"
    anchors.anchor_all(timezone.now())
    old = anchors.public_text(anchors.signing_key().public_key())
    settings.AUDIT_SIGNING_KEY = "the key of now"
    fault = verified(chain).fault
    assert fault is not None
    assert "signature" in fault.what
    settings.AUDIT_PUBLIC_KEYS = [old]
    assert verified(chain).fault is None


def test_a_chain_that_did_not_grow_is_not_anchored_again():
    write_entries(2)
    assert len(anchors.anchor_all(timezone.now())) == 1
    assert anchors.anchor_all(timezone.now()) == []
    assert len(anchors.in_file(anchors.path())) == 1


def test_beat_s_task_anchors_what_there_is():
    chain = write_entries(2)
    tasks.anchor_audit()
    assert (verified(chain).anchored, verified(chain).fault) == (2, None)


def test_the_files_are_for_their_owner_only(folder: Path):
    write_entries(1)
    anchors.anchor_all(timezone.now())
    modes = {entry.name: entry.stat().st_mode & 0o777 for entry in folder.iterdir()}
    assert modes == {anchors.ANCHORS_FILE: 0o600, anchors.KEY_FILE: 0o600}


def test_the_command_tells_what_is_whole(account: TradingAccount):
    write_entries(3, account)
    anchors.anchor_all(timezone.now())
    told = StringIO()
    call_command("verify_audit", stdout=told)
    assert f"account:{account.pk}: 3 rows, whole, anchored to 3" in told.getvalue()


def test_the_command_fails_and_names_the_first_bad_row(account: TradingAccount):
    chain = write_entries(3, account)
    as_superuser("UPDATE accounts_auditentry SET actor = 'x' WHERE position > 1")
    with pytest.raises(CommandError, match=f"{chain} 2"):
        call_command("verify_audit", stdout=StringIO())


def test_the_command_believes_a_copy_of_the_anchors(tmp_path: Path):
    write_entries(3)
    anchors.anchor_all(timezone.now())
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(anchors.path().read_bytes())
    anchors.path().unlink()
    forget_anchors()
    as_superuser("DELETE FROM accounts_auditentry WHERE position = 3")
    call_command("verify_audit", stdout=StringIO())
    with pytest.raises(CommandError, match="house 3"):
        call_command("verify_audit", anchors=copy, stdout=StringIO())


@pytest.mark.parametrize("line", ["no json", "{}", '{"chain": "house"}', "[]"])
def test_a_line_that_is_no_anchor_is_named(line: str):
    write_entries(1)
    anchors.anchor_all(timezone.now())
    with anchors.path().open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(CommandError, match="line 2"):
        call_command("verify_audit", stdout=StringIO())


def test_an_unknown_copy_is_a_sentence(tmp_path: Path):
    with pytest.raises(CommandError, match="There is no"):
        call_command("verify_audit", anchors=tmp_path / "none", stdout=StringIO())


# --- only ever added ------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET chain = 'x'", "DELETE FROM {}", "TRUNCATE {}"],
)
def test_the_database_refuses_every_other_change(table: str, statement: str):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_never_emptied")
        with pytest.raises(DatabaseError, match="append-only"):
            cursor.execute(statement.format(table))


def test_a_row_is_not_deleted_by_its_model():
    write_entries(1)
    with pytest.raises(TypeError, match="only ever added"):
        entry(HOUSE, 1).delete()


@pytest.mark.parametrize("table", TABLES)
def test_the_serving_role_has_no_such_power(table: str):
    """Give a role everything, run what the migration runs, and look what is left."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE audit_clerk")
        cursor.execute(f"GRANT ALL ON {table} TO audit_clerk")
        cursor.execute(migration.FREE_AGAIN.format(table=table))
        assert powers(cursor, table) == [True] * 5
        cursor.execute(migration.APPEND_ONLY.format(table=table))
        assert powers(cursor, table) == [True, True, False, False, False]


def powers(cursor: Any, table: str) -> list[bool]:
    kinds = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
    found = []
    for kind in kinds:
        cursor.execute(
            "SELECT has_table_privilege('audit_clerk', %s, %s)", [table, kind]
        )
        found.append(cursor.fetchone()[0])
    return found


# --- with the change, or not at all ---------------------------------------------------


def test_an_entry_goes_with_its_change():
    with transaction.atomic():
        write_entries(2)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_fifty_writers_at_once_leave_the_chain_whole() -> None:
    account = make_account()
    start = threading.Barrier(WRITERS)
    failed: list[BaseException] = []

    def write() -> None:
        start.wait()
        try:
            for _ in range(4):
                audit.record("limit.set", account=account)
        except BaseException as error:  # noqa: BLE001 - told below
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    found = verified(f"account:{account.pk}")
    assert (found.rows, found.fault) == (4 * WRITERS, None)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_writers_would_meet(monkeypatch: pytest.MonkeyPatch):
    """The control: two writers that both saw the same end of the chain."""
    write_entries(1)
    monkeypatch.setattr("tradingsite.claims.serialize", lambda key: None)
    with transaction.atomic():
        write_entries(1)
        failed: list[BaseException] = []

        def write() -> None:
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("SET LOCAL lock_timeout = '50ms'")
                    write_entries(1)
            except DatabaseError as error:
                failed.append(error)
            finally:
                connections.close_all()

        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    # It took the same place and waited there for the other to end.
    assert isinstance(failed[0].__cause__, psycopg.errors.LockNotAvailable)


def forget_anchors() -> None:
    change_anchors("DELETE FROM accounts_auditanchor", [])
    assert not AuditAnchor.objects.exists()


def change_anchors(sql: str, params: list[Any]) -> None:
    with connection.cursor() as cursor:
        table = "accounts_auditanchor"
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
        cursor.execute(sql, params)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")
