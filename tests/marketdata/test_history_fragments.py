"""Fragments are cut and joined as bytes, and lose nothing by it."""

import itertools
import random

import pytest

from marketdata.history import fragments
from marketdata.history.fragments import EMPTY, Fragment
from marketdata.history.memory import Kept


def bars(times: list[int]) -> Fragment:
    columns = [times, *([at + number for at in times] for number in range(1, 6))]
    return fragments.made_of(
        [",".join(map(str, column)).encode() for column in columns]
    )


def times(fragment: Fragment) -> list[int]:
    return [int(text) for text in fragment.columns[0].split(b",") if text]


def test_a_fragment_knows_its_first_and_last_bar():
    made = bars([60, 120, 240])

    assert (made.count, made.first_at, made.last_at) == (3, 60, 240)
    assert made.columns[5] == b"65,125,245"


def test_no_bars_are_an_empty_fragment():
    assert bars([]) == EMPTY
    assert fragments.unpacked(fragments.packed(EMPTY)) == EMPTY


def test_what_is_packed_is_unpacked():
    made = bars([60, 120, 240])

    assert fragments.unpacked(fragments.packed(made)) == made


def test_what_nobody_packed_is_refused():
    with pytest.raises(ValueError, match="six columns"):
        fragments.unpacked(b"1,2\n3")


def test_the_body_is_that_of_the_protocol():
    assert fragments.body(bars([60])) == (
        b'{"s":"ok","t":[60],"o":[61],"h":[62],"l":[63],"c":[64],"v":[65]}'
    )


@pytest.mark.parametrize("seed", range(20))
def test_cutting_is_that_of_the_numbers(seed: int):
    chance = random.Random(seed)
    # From nine digits to ten, as in September 2001.
    whole = sorted(chance.sample(range(999_999_000, 1_000_001_000), 50))
    made = bars(whole)

    for _ in range(50):
        start, end = chance.choices(range(999_998_990, 1_000_001_010), k=2)
        inside = fragments.within(made, start, end)
        count = chance.randint(1, 60)

        assert times(inside) == [at for at in whole if start <= at < end]
        assert inside.count == len(times(inside))
        assert times(fragments.newest(made, count)) == whole[-count:]


@pytest.mark.parametrize("seed", range(10))
def test_split_and_joined_again_it_is_the_same(seed: int):
    chance = random.Random(seed)
    whole = sorted(chance.sample(range(10_000), 40))
    edges = [0, *sorted(chance.sample(range(10_000), 6)), 10_000]

    parts = fragments.split(bars(whole), edges)

    assert fragments.joined(parts) == bars(whole)
    assert [times(part) for part in parts] == [
        [at for at in whole if first <= at < last]
        for first, last in itertools.pairwise(edges)
    ]


def test_the_least_recently_used_goes_when_bytes_run_out():
    kept: Kept[str, int] = Kept(100)
    for name in ("old", "used", "new"):
        kept.put(name, 1, 40) if name != "new" else None
    kept.get("old")
    kept.put("new", 1, 40)

    assert kept.get("used") is None
    assert (kept.get("old"), kept.get("new")) == (1, 1)
    assert kept.size == 80


def test_what_is_larger_than_all_room_is_not_kept():
    kept: Kept[str, int] = Kept(100)
    kept.put("small", 1, 40)

    kept.put("large", 2, 101)

    assert kept.get("large") is None
    assert kept.get("small") == 1


def test_a_value_put_again_counts_once():
    kept: Kept[str, int] = Kept(100)
    kept.put("a", 1, 40)

    kept.put("a", 2, 60)

    assert (kept.get("a"), kept.size) == (2, 60)
    kept.clear()
    assert (len(kept), kept.size) == (0, 0)
