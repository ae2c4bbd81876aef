"""The brokers' and the exchange's own files, as they were published."""

import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from marketdata import search
from marketdata.models import (
    BrokerToken,
    ContractExpiry,
    Instrument,
    InstrumentList,
    QuarantinedListing,
)
from tests.marketdata.builders import make_instrument
from tests.simulator.builders import shared_data

MOCKS = shared_data() / "kiteconnect-mocks"
BHAVCOPY = shared_data() / "bhavcopy"
pytestmark = pytest.mark.skipif(
    not MOCKS.is_dir(), reason="the published files are not here (shared data)"
)
IN_2017 = "--day=2017-12-20"


def imported(path: Path, *options: str) -> None:
    call_command("import_instruments", path, *options)


def test_kites_list_is_loaded_and_changes_nothing_twice(
    db: None, capsys: pytest.CaptureFixture[str]
):
    make_instrument("NIFTY BANK", kind="index", broker_token=260105)

    imported(MOCKS / "instruments_all.csv", IN_2017)
    imported(MOCKS / "instruments_all.csv", IN_2017)

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("99 instruments listed: 99 new, 0 changed")
    assert second.startswith("99 instruments listed: 0 new, 0 changed")
    assert first.endswith("0 in quarantine.")
    option = Instrument.objects.get(symbol="BANKNIFTY18JAN23500CE")
    # The file leaves the name of contracts empty.
    assert (option.name, option.underlying_name) == ("BANKNIFTY", "BANKNIFTY")
    assert option.underlying == Instrument.objects.get(symbol="NIFTY BANK")
    assert (option.strike, option.lot_size) == (Decimal(23500), 40)
    assert not ContractExpiry.objects.filter(underlying="").exists()


def test_kites_strikes_are_as_listed(db: None):
    bank = make_instrument("NIFTY BANK", kind="index")
    imported(MOCKS / "instruments_all.csv", IN_2017)

    strikes = Instrument.objects.strikes(bank, datetime.date(2018, 1, 25))

    rows = (MOCKS / "instruments_all.csv").read_text().splitlines()[1:]
    told = {Decimal(row.split(",")[6]) for row in rows if ",BANKNIFTY18JAN" in row}
    assert strikes == sorted(told)
    assert len(strikes) > 1


def test_of_two_lists_that_overlap_the_second_adds_what_is_new(
    db: None, capsys: pytest.CaptureFixture[str]
):
    imported(MOCKS / "instruments_nse.csv", IN_2017)
    imported(MOCKS / "instruments_all.csv", IN_2017)
    imported(MOCKS / "instruments_nse.csv", IN_2017)

    said = capsys.readouterr().out.splitlines()
    assert said[2].startswith("99 instruments listed: 0 new, 0 changed")


def test_what_kite_listed_in_2017_has_expired_by_now(db: None):
    imported(MOCKS / "instruments_all.csv", "--day=2026-11-23")

    assert not Instrument.objects.active().derivatives().exists()
    assert Instrument.objects.active().filter(kind="stock").exists()
    assert not BrokerToken.objects.filter(instrument__kind="option").exists()


def test_funds_are_no_instruments_of_ours(db: None):
    with pytest.raises(CommandError, match="Line 1: missing columns"):
        imported(MOCKS / "mf_instruments.csv", IN_2017)

    assert not Instrument.objects.exists()


def test_the_exchanges_file_of_one_day_tells_lots_and_expiries(db: None):
    make_instrument("NIFTY 50", kind="index")

    imported(BHAVCOPY / "nse_fo_udiff_2026_real_rows.csv")

    assert InstrumentList.objects.get().day == datetime.date(2026, 9, 1)
    november = Instrument.objects.get(symbol="NIFTY26NOVFUT")
    # The Tuesday, 24 November 2026, is a holiday.
    assert november.expires_on == datetime.date(2026, 11, 23)
    assert november.lot_size == 65
    weekly = Instrument.objects.get(symbol="NIFTY2691523500PE")
    assert weekly.expires_on == datetime.date(2026, 9, 15)
    cycles = ContractExpiry.objects.filter(underlying="NIFTY")
    assert set(cycles.values_list("expires_on", flat=True)) >= {
        datetime.date(2026, 9, 15),
        datetime.date(2026, 11, 23),
    }


def test_a_later_file_of_the_exchange_dates_the_new_lots(db: None):
    imported(BHAVCOPY / "nse_fo_udiff_2024-01-01_real_rows.csv")
    old = Instrument.objects.get(symbol="NIFTY24FEB21400CE")
    imported(BHAVCOPY / "nse_fo_udiff_2026_real_rows.csv")

    new = Instrument.objects.get(symbol="NIFTY26NOVFUT")

    assert old.lot_size_on(datetime.date(2024, 1, 1)) == 50
    assert new.lot_size_on(datetime.date(2026, 9, 1)) == 65
    assert not Instrument.objects.get(pk=old.pk).is_active
    assert not QuarantinedListing.objects.exists()


@pytest.mark.parametrize(
    "name",
    [
        "nse_fo_legacy_real_rows.csv",
        "nse_cm_sec_bhavdata_full_2026-07-22_real_rows.csv",
    ],
)
def test_price_lists_of_the_exchange_are_no_lists_of_instruments(db: None, name: str):
    with pytest.raises(CommandError, match="Nothing was loaded: Line 1: missing"):
        imported(BHAVCOPY / name)

    assert not Instrument.objects.exists()


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("CENTRALBK-BE", "NSE:CENTRALBK-BE"),
        ("centrl bank", "NSE:CENTRALBK-BE"),
        ("emmbi industry", "NSE:EMMBI-BL"),
        ("banknfity 23500 ce", "NFO:BANKNIFTY18JAN23500CE"),
    ],
)
def test_a_typing_error_still_finds_what_kite_lists(db: None, text: str, first: str):
    make_instrument("NIFTY BANK", kind="index", name="NIFTY BANK")
    imported(MOCKS / "instruments_all.csv", IN_2017)

    assert str(search.find(text, limit=5)[0]) == first
