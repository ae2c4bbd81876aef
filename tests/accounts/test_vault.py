"""Sealed secrets: what opens, what does not, and where the master key stands."""

import base64
import stat
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from accounts import vault

PLAIN = b"kite-secret-3b1f"
ROW = "broker_connection:7:account:3"


def key(byte: int) -> str:
    return base64.urlsafe_b64encode(bytes([byte]) * 32).decode()


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """Give an empty data folder, and no key in the environment."""
    settings.MASTER_KEYS = ""
    settings.DATA_DIR = tmp_path / "data"
    return tmp_path / "data"


def test_what_is_sealed_opens_for_its_row():
    sealed = vault.seal(PLAIN, bound_to=ROW)
    assert PLAIN not in sealed
    assert vault.unseal(sealed, bound_to=ROW) == PLAIN


def test_an_empty_secret_is_one():
    assert vault.unseal(vault.seal(b"", bound_to=ROW), bound_to=ROW) == b""


def test_the_same_secret_never_looks_the_same():
    assert vault.seal(PLAIN, bound_to=ROW) != vault.seal(PLAIN, bound_to=ROW)


@pytest.mark.parametrize("other", ["", "broker_connection:8:account:3", ROW + " "])
def test_an_envelope_copied_to_another_row_stays_shut(other: str):
    with pytest.raises(vault.Unreadable):
        vault.unseal(vault.seal(PLAIN, bound_to=ROW), bound_to=other)


def test_every_changed_byte_is_found():
    sealed = vault.seal(PLAIN, bound_to=ROW)
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(vault.VaultError):
            vault.unseal(bytes(changed), bound_to=ROW)


@pytest.mark.parametrize("length", [0, 1, 40, 92])
def test_a_short_envelope_is_refused(length: int):
    sealed = vault.seal(b"", bound_to=ROW)
    with pytest.raises(vault.Unreadable):
        vault.unseal(sealed[:length], bound_to=ROW)


def test_the_body_of_another_envelope_does_not_fit_under_the_head(
    settings: Settings,
):
    one, two = (vault.seal(PLAIN, bound_to=ROW) for _ in range(2))
    with pytest.raises(vault.Unreadable):
        vault.unseal(one[:65] + two[65:], bound_to=ROW)


def test_an_older_master_key_still_opens(settings: Settings):
    settings.MASTER_KEYS = key(1)
    sealed = vault.seal(PLAIN, bound_to=ROW)
    settings.MASTER_KEYS = f"{key(2)},{key(1)}"
    assert vault.unseal(sealed, bound_to=ROW) == PLAIN
    assert vault.key_id_of(vault.seal(PLAIN, bound_to=ROW)) != vault.key_id_of(sealed)


def test_rewrapped_it_opens_under_the_new_key_alone(settings: Settings):
    settings.MASTER_KEYS = key(1)
    old = vault.seal(PLAIN, bound_to=ROW)
    settings.MASTER_KEYS = f"{key(2)} {key(1)}"
    new = vault.rewrap(old, bound_to=ROW)
    settings.MASTER_KEYS = key(2)
    assert vault.unseal(new, bound_to=ROW) == PLAIN
    with pytest.raises(vault.UnknownMasterKey, match=vault.key_id_of(old)):
        vault.unseal(old, bound_to=ROW)


def test_only_its_own_row_can_rewrap_an_envelope():
    with pytest.raises(vault.Unreadable):
        vault.rewrap(vault.seal(PLAIN, bound_to=ROW), bound_to="another")


@pytest.mark.parametrize("text", ["short", "not base64!", key(1)[:-4], "é" * 44])
def test_a_master_key_that_is_none_is_refused_and_not_told(
    settings: Settings, text: str
):
    settings.MASTER_KEYS = text
    with pytest.raises(vault.MasterKeyMissing) as refusal:
        vault.seal(PLAIN, bound_to=ROW)
    assert text not in str(refusal.value)


def test_without_a_master_key_nothing_is_sealed(folder: Path):
    with pytest.raises(vault.MasterKeyMissing, match="prepare_site"):
        vault.seal(PLAIN, bound_to=ROW)
    assert not folder.exists()


def test_the_master_key_is_made_once_for_its_owner_only(folder: Path):
    call_command("make_master_key", verbosity=0)
    made = (folder / vault.FILE).read_text()
    call_command("make_master_key", verbosity=0)
    assert (folder / vault.FILE).read_text() == made
    assert stat.S_IMODE((folder / vault.FILE).stat().st_mode) == 0o600
    assert [entry.name for entry in folder.iterdir()] == [vault.FILE]


def test_a_named_key_makes_no_file(folder: Path, settings: Settings):
    settings.MASTER_KEYS = key(1)
    call_command("make_master_key", verbosity=0)
    assert not folder.exists()


def test_of_two_that_make_it_at_once_one_wins_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    call_command("make_master_key", verbosity=0)
    made = vault.path().read_text()
    monkeypatch.setattr(Path, "exists", lambda place: False)
    assert vault.make_master_key()
    assert vault.path().read_text() == made


def test_a_file_that_cannot_be_read_is_a_sentence(folder: Path):
    vault.path().mkdir(parents=True)
    with pytest.raises(vault.MasterKeyMissing, match="Is a directory"):
        vault.master_keys()


def test_neither_a_repr_nor_an_id_shows_a_master_key():
    [master] = vault.master_keys()
    for text in (repr(master), str([master])):
        assert repr(master.key) not in text
    assert master.id not in master.key
