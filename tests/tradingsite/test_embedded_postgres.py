import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.servers import throw_away_folder
from tradingsite.embedded import EmbeddedError, PostgresServer, identity
from tradingsite.embedded.footprints import (
    PROC,
    Footprint,
    command_line,
    descendants,
)
from tradingsite.embedded.launch import NOBODY

pytestmark = pytest.mark.own_server


@pytest.fixture
def durable_postgres(server_folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(server_folder / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """Give one server to the tests that do it no harm."""
    with throw_away_folder() as folder:
        server = PostgresServer(Path(folder) / "postgres", durable=False)
        server.start()
        run(server.owner_url, "CREATE TABLE rows (id serial, n int)")
        yield server
        server.stop()


def answer(url: str, query: str) -> object:
    with psycopg.connect(url, connect_timeout=2) as connection:
        row = connection.execute(query).fetchone()
        return row[0] if row else None


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, connect_timeout=2) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.chaos
def test_a_killed_server_recovers_what_was_committed(durable_postgres: PostgresServer):
    url = durable_postgres.owner_url
    run(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)")

    durable_postgres.kill()
    durable_postgres.start()

    assert durable_postgres.owner_url == url
    assert answer(url, "SELECT n FROM kept") == 7
    assert answer(url, "SHOW fsync") == "on"


@pytest.mark.chaos
def test_a_killed_server_leaves_no_process(own_postgres: PostgresServer):
    family = [own_postgres.pid, *descendants(own_postgres.pid)]
    footprints = [one for pid in family if (one := Footprint.of(pid))]

    own_postgres.kill()

    assert len(footprints) > 3
    assert all(footprint.is_gone_within(5) for footprint in footprints)


@pytest.mark.chaos
def test_a_frozen_server_answers_again_when_thawed(own_postgres: PostgresServer):
    own_postgres.freeze()
    with pytest.raises(psycopg.OperationalError):
        answer(own_postgres.url, "SELECT 1")

    own_postgres.thaw()

    assert answer(own_postgres.url, "SELECT 1") == 1


@pytest.mark.chaos
def test_a_frozen_server_still_stops_in_order(own_postgres: PostgresServer):
    own_postgres.freeze()

    own_postgres.stop()

    assert not own_postgres.is_running()


@pytest.mark.chaos
def test_an_orphan_is_stopped_and_replaced(own_postgres: PostgresServer):
    orphan = Footprint.of(own_postgres.pid)
    assert orphan is not None
    heir = PostgresServer(own_postgres.folder, durable=False)

    heir.start()

    assert not orphan.is_alive()
    assert answer(heir.url, "SELECT 1") == 1
    heir.stop()


def leave_pid_file_of_a_stranger(server: PostgresServer) -> None:
    server.kill()
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    # A parent's pid is the one exception that PostgreSQL makes: take a sibling's.
    stranger = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    pid_file.write_text("\n".join([str(stranger), *lines[1:]]) + "\n")


def stranger_of(server: PostgresServer) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


@pytest.mark.chaos
def test_a_pid_file_with_the_pid_of_a_stranger_does_not_fool_it(
    own_postgres: PostgresServer,
):
    leave_pid_file_of_a_stranger(own_postgres)
    stranger = stranger_of(own_postgres)
    try:
        own_postgres.start()

        assert answer(own_postgres.url, "SELECT 1") == 1
        assert Footprint.of(stranger) is not None
    finally:
        os.kill(stranger, signal.SIGKILL)
        os.waitpid(stranger, 0)


@pytest.mark.chaos
def test_control_without_the_cure_the_pid_of_a_stranger_does_fool_it(
    own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(PostgresServer, "_forget_stranger", lambda server: None)
    leave_pid_file_of_a_stranger(own_postgres)
    stranger = stranger_of(own_postgres)
    try:
        with pytest.raises(EmbeddedError, match=r"postmaster\.pid"):
            own_postgres.start()
    finally:
        os.kill(stranger, signal.SIGKILL)
        os.waitpid(stranger, 0)


def test_the_serving_role_writes_rows_of_the_owners_tables(
    postgres: PostgresServer,
):
    run(
        postgres.url,
        "INSERT INTO rows (n) VALUES (1), (2)",
        "UPDATE rows SET n = 3 WHERE n = 2",
        "DELETE FROM rows WHERE n = 1",
    )

    assert answer(postgres.url, "SELECT sum(n) FROM rows") == 3


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (n int)",
        "ALTER TABLE rows ADD COLUMN m int",
        "TRUNCATE rows",
        "DROP TABLE rows",
        "CREATE ROLE friend",
    ],
)
def test_the_serving_role_changes_no_table(postgres: PostgresServer, statement: str):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(postgres.url, statement)


def test_a_wrong_password_is_refused(postgres: PostgresServer):
    before, _, after = postgres.url.partition("@")
    wrong = f"{before.rpartition(':')[0]}:guess@{after}"

    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        answer(wrong, "SELECT 1")


def test_passwords_are_private(postgres: PostgresServer):
    passwords = postgres.folder / "passwords.json"

    assert passwords.stat().st_mode & 0o777 == 0o600
    assert postgres.folder.stat().st_mode & 0o777 == 0o700
    assert not (postgres.folder / "superuser.password").exists()


def test_a_taken_port_is_one_sentence(postgres: PostgresServer, server_folder: Path):
    second = PostgresServer(server_folder / "second", port=postgres.port, durable=False)

    with pytest.raises(EmbeddedError, match=f"port {postgres.port} .* is taken"):
        second.start()


def test_a_path_too_long_for_a_socket_file_does_no_harm(server_folder: Path):
    server = PostgresServer(server_folder / ("long" * 40), durable=False)

    server.start()

    assert answer(server.url, "SELECT 1") == 1
    server.stop()


def test_it_runs_under_its_own_session_and_names_its_folder(
    postgres: PostgresServer,
):
    assert os.getsid(postgres.pid) == postgres.pid
    assert str(postgres.data) in command_line(postgres.pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another identity")
def test_where_user_namespaces_are_refused_root_runs_it_as_nobody(
    server_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    can_run = identity._can_run

    def refuse_mapping(name: str, program: Path, folder: Path) -> bool:
        return name != "mapped" and can_run(name, program, folder)

    monkeypatch.setattr(identity, "_can_run", refuse_mapping)
    server_folder.chmod(0o711)
    (server_folder / "data").mkdir()
    server = PostgresServer(server_folder / "data" / "postgres", durable=False)
    try:
        server.start()

        assert (PROC / str(server.pid)).stat().st_uid == NOBODY
        assert answer(server.url, "SELECT 1") == 1
    finally:
        server.stop()
