"""Charts are told the same before a rollup, while it is half done, and after it."""

import random

import pytest

from marketdata.history import source
from marketdata.history.source import Columns
from marketdata.models import DirtyBucket, Instrument, IntradayBar, LongerBar
from marketdata.resolutions import RESOLUTIONS, Resolution, parse
from marketdata.rollups import roll_up
from marketdata.rollups.rolling import roll_batch
from tests.marketdata.builders import epoch, ist, make_bar, make_minutes, save_bars
from tests.marketdata.test_rollups import scattered

pytestmark = pytest.mark.django_db

LARGER = [resolution for resolution in RESOLUTIONS if resolution.code != "1"]
DAYS = ["2026-10-29", "2026-10-30", "2026-11-02", "2026-11-03"]
END = epoch("2030-01-01")


def ask_much(
    instrument: Instrument, resolution: Resolution, seed: int
) -> list[Columns]:
    chance = random.Random(seed)
    first, last = epoch("2026-10-28"), epoch("2026-11-05")
    answers = [source.between(instrument, resolution, 0, END)]
    for _ in range(8):
        start, end = sorted(chance.choices(range(first, last), k=2))
        answers.append(source.between(instrument, resolution, start, end))
        count = chance.randint(1, 40)
        answers.append(source.newest(instrument, resolution, end, count))
    return answers


@pytest.mark.parametrize("resolution", LARGER, ids=lambda known: known.code)
def test_an_answer_is_the_same_whatever_is_rolled_up(
    acme: Instrument, resolution: Resolution
):
    scattered(acme, 7, DAYS)
    unrolled = ask_much(acme, resolution, 7)
    assert unrolled[0].count > 0
    while roll_batch(60).minutes:
        assert ask_much(acme, resolution, 7) == unrolled
    DirtyBucket.objects.mark(
        acme.pk, [ist("2026-10-30 10:00"), ist("2026-11-02 11:11")]
    )

    assert ask_much(acme, resolution, 7) == unrolled


@pytest.mark.parametrize("resolution", LARGER, ids=lambda known: known.code)
def test_a_minute_that_is_not_rolled_up_yet_is_seen_at_once(
    acme: Instrument, resolution: Resolution
):
    make_minutes(acme, "2026-11-23 09:15", 30)
    roll_up()
    save_bars([make_bar(acme, ist("2026-11-23 09:45"), 777)])

    newest = source.newest(acme, resolution, END, 1)

    assert newest.close == "777"
    roll_up()
    assert source.newest(acme, resolution, END, 1) == newest


def test_clean_bars_are_read_from_the_tables_and_dirty_ones_are_not(acme: Instrument):
    make_minutes(acme, "2026-11-23 09:15", 10)
    roll_up()
    IntradayBar.objects.update(close=5)
    LongerBar.objects.update(close=6)

    def told() -> list[str]:
        return [
            source.newest(acme, parse(code), END, 9).close for code in ("5", "1D", "1W")
        ]

    assert told() == ["5,5", "6", "6"]
    DirtyBucket.objects.mark(acme.pk, [ist("2026-11-23 09:21")])
    assert told() == ["5,109", "109", "109"]


def test_what_is_older_than_the_marks_that_were_seen_is_left_out(
    acme: Instrument, monkeypatch: pytest.MonkeyPatch
):
    make_minutes(acme, "2026-11-20 09:15", 40)
    roll_up()
    make_minutes(acme, "2026-11-23 09:15", 40)
    monkeypatch.setattr(source, "MAX_SOURCE_BARS", 25)

    columns = source.between(acme, parse("10"), 0, END)

    assert columns.opened_at.split(",") == [
        str(epoch("2026-11-23 09:35")),
        str(epoch("2026-11-23 09:45")),
    ]
