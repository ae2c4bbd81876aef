"""What a daily list changes, and what it may not decide by itself."""

import datetime
import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from marketdata.imports.instruments import ImportRefused, load, parse, quarantine
from marketdata.models import (
    BrokerToken,
    ContractExpiry,
    ContractTerms,
    Instrument,
    InstrumentList,
    QuarantinedListing,
)

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,"
    "tick_size,lot_size,instrument_type,segment,exchange\n"
)
MONDAY = datetime.date(2026, 11, 16)
TUESDAY = datetime.date(2026, 11, 17)
LATER = datetime.date(2026, 12, 30)


def stock(symbol: str, token: int, **changed: object) -> str:
    name = changed.get("name", f"{symbol} EXAMPLE")
    tick = changed.get("tick", 0.05)
    return f"{token},1,{symbol},{name},0,,0,{tick},1,EQ,NSE,NSE\n"


def call(strike: int, token: int, expiry: str = "2026-12-29", lot: int = 65) -> str:
    month = "DEC" if expiry < "2027" else "JAN"
    return (
        f"{token},1,NIFTY26{month}{strike}CE,NIFTY,0,{expiry},{strike},0.05,{lot},CE,"
        "NFO-OPT,NFO\n"
    )


NIFTY = "256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE\n"
UDIFF = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,"
    "FininstrmActlXpryDt,StrkPric,OptnTp,FinInstrmNm,NewBrdLotQty,Rsvd01\n"
    "2026-09-01,2026-09-01,FO,NSE,IDF,61471,,NIFTY,,2026-11-23,2026-11-23,,,"
    "NIFTY26NOVFUT,65,\n\n"
    "2026-09-01,2026-09-01,FO,NSE,IDO,47298,,NIFTY,,2026-09-15,2026-09-15,23500.00,PE,"
    "NIFTY2691523500PE,65,\n"
)


def listed(*rows: str, day: datetime.date = MONDAY, **options: bool):
    return load(parse(HEADER + "".join(rows)), day=day, source="test", **options)


def find(symbol: str, exchange: str = "NSE") -> Instrument:
    return Instrument.objects.get(exchange=exchange, symbol=symbol)


def test_a_list_reports_what_it_did(db: None):
    listed(stock("ACME", 257), call(24000, 514), NIFTY)

    loaded = listed(
        stock("ACME", 257, tick=0.1), stock("OTHER", 513), call(24000, 514), NIFTY,
        day=TUESDAY,
    )  # fmt: skip

    assert (loaded.added, loaded.changed, loaded.quarantined) == (1, 1, 0)
    assert list(loaded.changes) == [
        "NSE:ACME tick_size 0.0500 → 0.1000",
        "NSE:OTHER is new",
    ]
    report = InstrumentList.objects.first()
    assert report is not None
    assert (report.day, report.added, report.changed) == (TUESDAY, 1, 1)


def test_the_same_list_twice_changes_nothing(db: None):
    listed(stock("ACME", 257), call(24000, 514), NIFTY)
    before = [list(model.objects.values()) for model in (BrokerToken, ContractTerms)]

    again = listed(stock("ACME", 257), call(24000, 514), NIFTY)

    assert again.written == 0
    assert before == [
        list(model.objects.values()) for model in (BrokerToken, ContractTerms)
    ]
    assert InstrumentList.objects.count() == 1


def test_a_number_that_is_given_to_another_contract_keeps_its_history(db: None):
    listed(call(24000, 514), NIFTY)
    old = find("NIFTY26DEC24000CE", "NFO")

    listed(call(25000, 514, expiry="2027-01-25"), NIFTY, day=LATER)

    new = find("NIFTY26JAN25000CE", "NFO")
    held = BrokerToken.objects.filter(exchange="NFO", token=514)
    assert [row.instrument for row in held.on(MONDAY)] == [old]
    assert [row.instrument for row in held.on(LATER)] == [new]
    assert held.on(datetime.date(2026, 12, 29)).get().instrument == old
    assert not Instrument.objects.get(pk=old.pk).is_active


def test_two_contracts_may_swap_their_numbers(db: None):
    listed(stock("ACME", 257), stock("OTHER", 513))

    loaded = listed(stock("ACME", 513), stock("OTHER", 257), day=TUESDAY)

    assert loaded.quarantined == 0
    assert find("ACME").broker_token == 513
    assert BrokerToken.objects.current().get(token=257).instrument == find("OTHER")


def test_a_number_of_what_should_still_live_is_nobodys_to_give(db: None):
    listed(stock("OLDNAME", 257), stock("ACME", 513))

    loaded = listed(stock("NEWNAME", 257), stock("ACME", 513), day=TUESDAY)

    assert (loaded.added, loaded.quarantined) == (0, 1)
    assert not Instrument.objects.filter(symbol="NEWNAME").exists()
    assert find("OLDNAME").is_active
    row = QuarantinedListing.objects.get()
    assert (row.reason, row.holder) == ("token_taken", find("OLDNAME"))
    assert row.detail == "number 257 is that of OLDNAME"


def test_a_doubt_that_comes_again_is_one_row_seen_again(db: None):
    listed(stock("OLDNAME", 257))
    listed(stock("NEWNAME", 257), day=TUESDAY)

    listed(stock("NEWNAME", 257), day=TUESDAY + datetime.timedelta(days=1))

    row = QuarantinedListing.objects.get()
    assert (row.first_seen_on, row.last_seen_on) == (
        TUESDAY,
        TUESDAY + datetime.timedelta(days=1),
    )


def test_a_complete_list_leaves_alone_what_is_in_doubt(db: None):
    listed(stock("OLDNAME", 257), stock("ACME", 513))

    loaded = listed(
        stock("NEWNAME", 257), stock("ACME", 513), day=TUESDAY, is_complete=True
    )

    assert loaded.delisted == 0
    assert find("OLDNAME").is_active


def test_a_person_may_decide_that_it_was_renamed(db: None):
    listed(stock("OLDNAME", 257))
    old = find("OLDNAME")
    listed(stock("NEWNAME", 257), day=TUESDAY)

    quarantine.rename(QuarantinedListing.objects.get())

    assert find("NEWNAME").pk == old.pk
    again = listed(stock("NEWNAME", 257), day=TUESDAY + datetime.timedelta(days=1))
    assert (again.written, again.quarantined) == (0, 0)


def test_a_person_may_decide_that_it_is_another_one(db: None):
    listed(stock("OLDNAME", 257))
    old = find("OLDNAME")
    listed(stock("NEWNAME", 257), day=TUESDAY)

    new = quarantine.replace(QuarantinedListing.objects.get())

    assert new.pk != old.pk
    held = BrokerToken.objects.filter(token=257)
    assert held.on(MONDAY).get().instrument == old
    assert held.on(TUESDAY).get().instrument == new
    assert not Instrument.objects.get(pk=old.pk).is_active
    again = listed(stock("NEWNAME", 257), day=TUESDAY + datetime.timedelta(days=1))
    assert (again.written, again.quarantined) == (0, 0)


def test_what_was_dismissed_does_not_come_back(db: None):
    listed(stock("OLDNAME", 257))
    listed(stock("NEWNAME", 257), day=TUESDAY)
    quarantine.dismiss(QuarantinedListing.objects.get())

    listed(stock("NEWNAME", 257), day=TUESDAY + datetime.timedelta(days=1))

    assert not QuarantinedListing.objects.open().exists()


def test_what_was_decided_cannot_be_decided_again(db: None):
    listed(stock("OLDNAME", 257))
    listed(stock("NEWNAME", 257), day=TUESDAY)
    row = QuarantinedListing.objects.get()
    quarantine.rename(row)

    with pytest.raises(quarantine.CannotDecide, match="decided already"):
        quarantine.replace(row)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([stock("ACME", 257), stock("ACME", 513)], "listed_twice"),
        ([stock("ACME", 257), stock("OTHER", 257)], "token_twice"),
    ],
)
def test_rows_that_contradict_each_other_are_not_loaded(
    db: None, rows: list[str], reason: str
):
    loaded = listed(*rows, stock("THIRD", 1025))

    assert (loaded.added, loaded.quarantined) == (1, 2)
    assert set(QuarantinedListing.objects.values_list("reason", flat=True)) == {reason}
    with pytest.raises(quarantine.CannotDecide, match="dismiss it"):
        quarantine.rename(QuarantinedListing.objects.all()[0])


def test_a_line_that_stands_twice_unchanged_is_one_line(db: None):
    loaded = listed(stock("ACME", 257), stock("ACME", 257))

    assert (loaded.added, loaded.quarantined) == (1, 0)


def test_a_symbol_that_means_another_contract_is_not_overwritten(db: None):
    listed(call(24000, 514), NIFTY)

    loaded = listed(call(24000, 514).replace(",24000,", ",24100,"), NIFTY, day=TUESDAY)

    assert loaded.quarantined == 1
    assert find("NIFTY26DEC24000CE", "NFO").strike == 24000
    row = QuarantinedListing.objects.get()
    assert row.reason == "contract_changed"
    new = quarantine.replace(row)
    assert new.strike == 24100
    assert Instrument.objects.get(symbol="NIFTY26DEC24000CE~20261229").strike == 24000


def test_an_expiry_that_the_exchange_moves_stays_the_same_contract(db: None):
    listed(call(24000, 514, expiry="2026-12-31"), NIFTY)
    before = find("NIFTY26DEC24000CE", "NFO").pk

    loaded = listed(call(24000, 514, expiry="2026-12-29"), NIFTY, day=TUESDAY)

    assert (loaded.changed, loaded.quarantined) == (1, 0)
    assert find("NIFTY26DEC24000CE", "NFO").pk == before


def test_expired_contracts_end_on_their_last_day(db: None):
    listed(call(24000, 514), NIFTY)

    loaded = listed(NIFTY, call(25000, 770, expiry="2027-01-25"), day=LATER)

    assert loaded.expired == 1
    assert ContractTerms.objects.get(
        instrument=find("NIFTY26DEC24000CE", "NFO")
    ).valid_to == datetime.date(2026, 12, 29)


def test_a_complete_list_ends_what_it_no_longer_has(db: None):
    listed(stock("ACME", 257), stock("GONE", 513))

    loaded = listed(stock("ACME", 257), day=TUESDAY, is_complete=True)

    assert loaded.delisted == 1
    assert not find("GONE").is_active
    assert BrokerToken.objects.get(token=513).valid_to == MONDAY


def test_a_list_that_is_cut_off_is_refused_whole(db: None):
    listed(*(stock(f"S{number}", 256 * number + 1) for number in range(1, 101)))

    with pytest.raises(ImportRefused, match="cut off"):
        listed(stock("S1", 257), stock("NEW", 99999), day=TUESDAY, is_complete=True)

    assert Instrument.objects.active().count() == 100
    assert not Instrument.objects.filter(symbol="NEW").exists()


def test_a_list_of_yesterday_does_not_undo_that_of_today(db: None):
    listed(stock("ACME", 257), day=TUESDAY)

    with pytest.raises(ImportRefused, match="2026-11-17 has been loaded"):
        listed(stock("ACME", 513), day=MONDAY)


def test_a_lot_that_changes_is_dated(db: None):
    listed(call(24000, 514, lot=75), NIFTY)
    option = find("NIFTY26DEC24000CE", "NFO")

    listed(call(24000, 514, lot=65), NIFTY, day=TUESDAY)

    assert (option.lot_size_on(MONDAY), option.lot_size_on(TUESDAY)) == (75, 65)


def test_the_second_list_of_a_day_corrects_the_first(db: None):
    listed(call(24000, 514, lot=75), NIFTY)
    option = find("NIFTY26DEC24000CE", "NFO")

    listed(call(24000, 514, lot=65), NIFTY)

    assert option.lot_size_on(MONDAY) == 65
    assert option.terms.count() == 1


def test_strikes_are_those_that_were_listed_on_the_day(db: None):
    listed(call(24000, 514), call(24050, 770), NIFTY)
    nifty, expiry = find("NIFTY 50"), datetime.date(2026, 12, 29)

    listed(call(24050, 770), call(24350, 1026), NIFTY, day=TUESDAY, is_complete=True)

    strikes = Instrument.objects.strikes
    assert strikes(nifty, expiry) == [24050, 24350]
    assert strikes(nifty, expiry, on=MONDAY) == [24000, 24050]
    assert strikes(nifty, expiry, on=TUESDAY) == [24050, 24350]


def test_what_is_listed_is_known_as_an_expiry(db: None):
    listed(call(24000, 514), NIFTY)

    expiry = ContractExpiry.objects.get()

    assert (expiry.underlying, expiry.origin, expiry.cycle) == (
        "NIFTY", "listed", "quarterly",
    )  # fmt: skip


def test_an_underlying_has_contracts_as_long_as_any_is_listed(db: None):
    listed(call(24000, 514), NIFTY)
    assert find("NIFTY 50").has_derivatives

    listed(NIFTY, stock("ACME", 257), day=LATER)
    listed(call(25000, 770, expiry="2027-01-25"), NIFTY, day=LATER)
    assert find("NIFTY 50").has_derivatives

    listed(call(26000, 1026, expiry="2028-01-25"), day=datetime.date(2027, 2, 1))
    Instrument.objects.filter(symbol="NIFTY26JAN26000CE").update(is_active=False)
    listed(NIFTY, day=datetime.date(2027, 2, 2))
    assert not find("NIFTY 50").has_derivatives


def test_the_exchanges_own_list_tells_numbers_and_lots_but_no_tick(db: None):
    listed("16000002,1,NIFTY26NOVFUT,NIFTY,0,2026-11-23,0,0.1,75,FUT,NFO-FUT,NFO\n",
           day=datetime.date(2026, 8, 31))  # fmt: skip

    load(parse(UDIFF), day=datetime.date(2026, 9, 1))

    future = find("NIFTY26NOVFUT", "NFO")
    assert (future.lot_size, float(future.tick_size)) == (65, 0.1)
    assert future.broker_token == 61471 * 256 + 2
    option = find("NIFTY2691523500PE", "NFO")
    assert (option.option_type, option.strike, option.segment) == (
        "PE", Decimal(23500), "NFO-OPT",
    )  # fmt: skip


def test_a_bad_line_of_the_exchanges_list_refuses_it_whole(db: None):
    with pytest.raises(ImportRefused, match="Line 4"):
        parse(UDIFF.replace("23500.00,PE", "many,PE"))


def test_a_gzipped_file_is_read_and_its_day_is_its_own(
    db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "fo.csv.gz"
    path.write_bytes(gzip.compress(UDIFF.encode()))

    call_command("import_instruments", path)

    assert "2 instruments listed: 2 new" in capsys.readouterr().out
    assert InstrumentList.objects.get().day == datetime.date(2026, 9, 1)


@pytest.mark.parametrize(
    "content", [b"\x1f\x8bbroken", b"\xff\xfe\x00", HEADER.encode() + b"1,2\n", b""]
)
def test_a_file_that_is_none_loads_nothing(db: None, tmp_path: Path, content: bytes):
    path = tmp_path / "list.csv"
    path.write_bytes(content)

    with pytest.raises(CommandError, match="Nothing was loaded"):
        call_command("import_instruments", path)

    assert not Instrument.objects.exists()
