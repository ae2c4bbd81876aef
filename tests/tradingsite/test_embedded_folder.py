import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradingsite.embedded import EmbeddedError, Servers
from tradingsite.embedded.folder import DataFolder, kept_passwords, write_private


def test_a_second_owner_is_told_who_has_the_folder(tmp_path: Path):
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.take()

    with pytest.raises(EmbeddedError, match=f"in use by process {os.getpid()}"):
        second.take()
    first.release()


def test_a_released_folder_can_be_taken_again(tmp_path: Path):
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.take()
    first.release()

    second.take()

    second.release()


def test_an_owner_that_was_killed_holds_nothing(tmp_path: Path):
    script = (
        "import os, sys, pathlib; from tradingsite.embedded.folder import DataFolder;"
        "DataFolder(pathlib.Path(sys.argv[1])).take(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path], check=False, timeout=30)
    folder = DataFolder(tmp_path)

    folder.take()

    folder.release()


def test_a_path_through_a_file_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(EmbeddedError, match="a part of its path is not a folder"):
        DataFolder(tmp_path / "file" / "data").take()


@contextlib.contextmanager
def disk_of(size: str, folder: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    with disk_of("64k", tmp_path) as disk:
        (disk / "ballast").write_bytes(b"0" * 65536)
        yield disk


def test_a_full_disk_is_one_sentence(full_disk: Path):
    with pytest.raises(EmbeddedError, match="the disk is full"):
        Servers(full_disk, environ={}).start()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disk_of("8m", tmp_path) as disk:
        yield disk


def test_a_disk_too_small_for_a_database_is_one_sentence(small_disk: Path):
    with pytest.raises(EmbeddedError, match=r"disk that holds .* is full"):
        Servers(small_disk, environ={}).start()


def test_what_is_private_is_written_whole_and_for_its_owner(tmp_path: Path):
    path = tmp_path / "secret.json"
    path.write_text("old")

    write_private(path, "new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_passwords_are_made_once(tmp_path: Path):
    first = kept_passwords(tmp_path / "passwords.json", ("owner",))

    second = kept_passwords(tmp_path / "passwords.json", ("owner", "guest"))

    assert second["owner"] == first["owner"]
    assert len(second["guest"]) >= 32


@pytest.mark.own_server
def test_addresses_are_written_down_while_the_servers_run(server_folder: Path):
    given = {"DATABASE_URL": "postgresql://elsewhere/site"}
    written = server_folder / "servers.json"

    with Servers(server_folder, durable=False, environ=given) as servers:
        servers.publish(ticker_url="http://127.0.0.1:1")
        addresses = json.loads(written.read_text())
        mode = written.stat().st_mode & 0o777

    assert servers.postgres is None
    assert addresses["database_url"] == given["DATABASE_URL"]
    assert addresses["redis_url"].startswith("redis://:")
    assert addresses["ticker_url"] == "http://127.0.0.1:1"
    assert mode == 0o600
    assert not written.exists()


def test_nothing_is_started_that_the_environment_names(tmp_path: Path):
    given = {"DATABASE_URL": "postgresql://x/y", "REDIS_SENTINELS": "127.0.0.1:1"}

    assert Servers(tmp_path, environ=given).embedded == []
