"""The text of an API key."""

import pytest

from accounts import credentials


def test_a_key_reads_back_as_it_was_written():
    made = credentials.make()
    assert credentials.parse(str(made)) == made


def test_a_key_has_the_promised_shape():
    prefix, public_id, rest = str(credentials.make()).split("_", 2)
    assert (prefix, len(public_id), len(rest)) == ("tsk", 8, 43 + 1 + 8)


def test_a_repr_does_not_tell_the_secret():
    made = credentials.make()
    assert made.secret not in repr(made)


@pytest.mark.parametrize("index", [4, 14, 60])
def test_a_mistyped_key_is_refused(index: int):
    text = str(credentials.make())
    typo = "x" if text[index] != "x" else "y"
    assert credentials.parse(text[:index] + typo + text[index + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "tsk_", "tsk_abc", "\0", "tsk_" + "é" * 61, "Bearer tsk_x"]
)
def test_what_is_no_key_is_refused(text: str):
    assert credentials.parse(text) is None


def test_keys_are_found_inside_other_text():
    first, second = credentials.make(), credentials.make()
    found = credentials.find_all(f"a={first} and b={second}, tsk_nothing")
    assert found == [first, second]


def test_a_key_proves_its_own_hash_only():
    key, other = credentials.make(), credentials.make()
    assert key.proves(key.secret_hash)
    assert not key.proves(other.secret_hash)
