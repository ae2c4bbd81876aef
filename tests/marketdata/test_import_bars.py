import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from marketdata.models import Instrument, LongerBar, MinuteBar
from marketdata.rollups import roll_up
from marketdata.rollups.verifying import Span, verify_all
from tests.marketdata.builders import ist, make_instrument

ENDED = (
    "ACME,20230102,09:08,100.0,100.0,100.0,100.0,0,0\n"
    "ACME,20230102,09:16,101.0,105.0,99.5,104.0,30,0\n"
    "ACME,20230102,09:17,104.0,104.5,103.0,103.5,20,0\n"
)
YAHOO = (
    "Price,Close,High,Low,Open,Volume\nTicker,^X,^X,^X,^X,^X\nDatetime,,,,,\n"
    "2025-09-04 03:45:00+00:00,101.5,102.0,99.0,100.0,7\n"
)
FIVE_MINUTES = (
    "date,open,high,low,close,volume\n"
    "2026-04-07 09:15:00,100,101,99,100,5\n2026-04-07 09:20:00,100,101,99,100,5\n"
)
SHARED = Path(
    os.environ.get(
        "TRADINGSITE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"
    )
)
JANUARY = SHARED / "ohlc" / "nifty_1min_2023-01.txt.gz"


@pytest.fixture
def acme(db: None) -> Instrument:
    return make_instrument("ACME")


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_stamp_at_the_end_of_a_minute_is_moved_to_its_beginning(
    acme: Instrument, tmp_path: Path
):
    call_command("import_bars", written(tmp_path / "bars.txt", ENDED))

    bar = MinuteBar.objects.get(opened_at=ist("2023-01-02 09:15"))
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (
        101.0, 105.0, 99.5, 104.0, 30,
    )  # fmt: skip


def test_importing_twice_changes_nothing(
    acme: Instrument, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = written(tmp_path / "bars.txt", ENDED)
    call_command("import_bars", path)
    before = list(MinuteBar.objects.values())

    call_command("import_bars", path)

    assert list(MinuteBar.objects.values()) == before
    assert "3 bars read, 0 new or changed." in capsys.readouterr().out


def test_larger_bars_are_made_of_what_was_imported(acme: Instrument, tmp_path: Path):
    call_command("import_bars", written(tmp_path / "bars.txt", ENDED))
    roll_up()
    corrected = ENDED.replace("104.0,30", "104.5,31")
    call_command("import_bars", written(tmp_path / "bars.txt", corrected))

    roll_up()

    (compared,) = verify_all([acme], Span())
    assert compared.differences == []
    day = LongerBar.objects.get(instrument=acme, unit="day")
    assert (day.open, day.high, day.close, day.volume) == (100.0, 105.0, 103.5, 51)


def test_yahoo_columns_are_taken_by_their_names(acme: Instrument, tmp_path: Path):
    call_command(
        "import_bars", written(tmp_path / "yahoo.csv", YAHOO), "--symbol", "ACME"
    )

    bar = MinuteBar.objects.get(opened_at=ist("2025-09-04 09:15"))
    assert (bar.open, bar.high, bar.low, bar.close) == (100.0, 102.0, 99.0, 101.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ENDED.replace("104.0,30", "NaN,30"), "Line 2"),
        (ENDED.replace("99.5", "105.5"), "Line 2"),
        (ENDED.replace("09:17", "09:77"), "Line 3"),
        (ENDED.replace("20,0", "-1,0"), "Line 3"),
        (ENDED.replace("09:17", "09:16"), "Line 3: the minute of line 2"),
        (ENDED + "ACME,20230102\n", "Line 4"),
        (FIVE_MINUTES, "5 minutes apart"),
        ("a,b\n1,2\n", "Line 1"),
        ("", "empty"),
    ],
)
def test_a_bad_file_is_refused_whole(
    acme: Instrument, tmp_path: Path, text: str, said: str
):
    with pytest.raises(CommandError, match=said):
        call_command(
            "import_bars", written(tmp_path / "bad.txt", text), "--symbol", "ACME"
        )

    assert not MinuteBar.objects.exists()


def test_an_unknown_instrument_is_a_sentence(db: None, tmp_path: Path):
    with pytest.raises(CommandError, match="no instrument NSE:ACME"):
        call_command("import_bars", written(tmp_path / "bars.txt", ENDED))


@pytest.mark.skipif(not JANUARY.exists(), reason=f"{JANUARY} is not here")
def test_a_real_month_is_loaded(db: None):
    call_command("import_bars", JANUARY, "--create", "index")

    assert MinuteBar.objects.count() == 7_937
    first = MinuteBar.objects.earliest("opened_at")
    assert (first.opened_at, first.close) == (ist("2023-01-02 09:07"), 18131.70)
