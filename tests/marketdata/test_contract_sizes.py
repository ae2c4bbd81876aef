import datetime
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from marketdata.imports import calendar, circulars
from marketdata.imports.instruments import ImportRefused
from marketdata.models import FreezeQuantity, Instrument, LotSize
from tests.marketdata.builders import make_exchange, make_instrument

SHARED = Path(
    os.environ.get(
        "TRADINGSITE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"
    )
)
LOTS = (
    "Symbol,Lot Size (Apr 2026),Lot Size (May 2026),Lot Size (Jun 2026)\n"
    "ACME,100,100,125\nOTHER,2775,-,-\nTHIRD,50,-,50\n"
)
FREEZE = "S.No.,SYMBOL    ,VOL_FRZ_QTY    \n1    ,BANKNIFTY ,600            \n"
NOVEMBER = datetime.date(2026, 11, 23)


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


def option(name: str, expires_on: str, exchange: str = "NFO") -> Instrument:
    return make_instrument(
        f"{name}{expires_on}CE", exchange, name=name, kind="option", strike=100,
        option_type="CE", expires_on=expires_on, lot_size=1,
    )  # fmt: skip


def test_neighboring_months_with_one_lot_are_one_row():
    rows = circulars.lot_sizes(LOTS, source="test")

    assert [
        (row.underlying, f"{row.valid_from}", f"{row.valid_to}", row.lot_size)
        for row in rows
    ] == [
        ("ACME", "2026-04-01", "2026-05-31", 100),
        ("ACME", "2026-06-01", "2026-06-30", 125),
        ("OTHER", "2026-04-01", "2026-04-30", 2775),
        ("THIRD", "2026-04-01", "2026-04-30", 50),
        ("THIRD", "2026-06-01", "2026-06-30", 50),
    ]


@pytest.mark.parametrize(
    ("name", "expires_on", "exchange", "lot_size"),
    [
        ("NIFTY", "2025-12-23", "NFO", 75),
        ("NIFTY", "2025-12-30", "NFO", 75),
        ("NIFTY", "2026-01-06", "NFO", 65),
        ("NIFTY", "2026-02-03", "NFO", 65),
        ("BANKNIFTY", "2025-12-30", "NFO", 35),
        ("BANKNIFTY", "2026-01-27", "NFO", 30),
        ("FINNIFTY", "2025-12-30", "NFO", 65),
        ("FINNIFTY", "2026-01-27", "NFO", 60),
        ("MIDCPNIFTY", "2025-12-30", "NFO", 140),
        ("MIDCPNIFTY", "2026-02-24", "NFO", 120),
        ("SENSEX", "2026-11-26", "BFO", 20),
        ("ABCAPITAL", "2026-05-26", "NFO", 3100),
        ("HUDCO", "2026-04-28", "NFO", 2775),
    ],
)
def test_a_lot_goes_by_the_day_the_contract_expires(
    db: None, name: str, expires_on: str, exchange: str, lot_size: int
):
    calendar.load()

    assert option(name, expires_on, exchange).lot_size_on(NOVEMBER) == lot_size


@pytest.mark.parametrize(
    ("name", "on", "quantity"),
    [
        ("NIFTY", "2026-11-23", 1800),
        ("BANKNIFTY", "2025-09-15", 900),
        ("BANKNIFTY", "2026-03-31", 600),
        ("BANKNIFTY", "2026-04-01", 900),
        ("BANKNIFTY", "2026-07-01", 600),
        ("MIDCPNIFTY", "2026-11-23", 2800),
        ("ABCAPITAL", "2026-01-05", 93000),
        ("ABCAPITAL", "2025-01-06", None),
        ("NOBODY", "2026-11-23", None),
    ],
)
def test_a_freeze_quantity_is_that_of_the_day(
    db: None, name: str, on: str, quantity: int | None
):
    calendar.load()

    assert option(name, "2026-12-29").freeze_quantity_on(day(on)) == quantity


def test_a_stock_itself_has_no_freeze_quantity(db: None):
    calendar.load()

    assert make_instrument("ABCAPITAL").freeze_quantity_on(NOVEMBER) is None


def test_a_new_list_ends_what_held_before(db: None, tmp_path: Path):
    make_exchange("NFO")
    path = tmp_path / "qtyfreeze.csv"
    path.write_text(FREEZE)
    call_command("import_contract_sizes", path, valid_from=day("2026-07-01"))

    path.write_text(FREEZE.replace(",600", ",900"))
    call_command("import_contract_sizes", path, valid_from=day("2026-09-01"))
    call_command("import_contract_sizes", path, valid_from=day("2026-10-01"))

    assert [
        (f"{row.valid_from}", row.valid_to and f"{row.valid_to}", row.quantity)
        for row in FreezeQuantity.objects.all()
    ] == [("2026-07-01", "2026-08-31", 600), ("2026-09-01", None, 900)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n",
        LOTS.replace("125", "some"),
        LOTS.replace("(Jun 2026)", "(soon)"),
        LOTS.replace("ACME,100,100,125", "ACME,100,100"),
        LOTS.replace("100,100", "0,100"),
    ],
)
def test_a_bad_list_is_refused(text: str):
    with pytest.raises(ImportRefused, match="Line "):
        circulars.lot_sizes(text, source="test")


@pytest.mark.skipif(
    not SHARED.exists(), reason="the exchange's lists are not here (shared data)"
)
def test_the_exchanges_own_lists_are_read_whole(db: None):
    make_exchange("NFO")
    folder = SHARED / "reference-lists"

    call_command("import_contract_sizes", folder / "LotSize_2026-04_to_06.csv")
    call_command("import_contract_sizes", folder / "qtyfreeze.csv", valid_from=NOVEMBER)

    assert LotSize.objects.values("underlying").distinct().count() == 218
    assert FreezeQuantity.objects.count() == 213


def test_an_exchange_that_is_not_there_loads_nothing(db: None, tmp_path: Path):
    path = tmp_path / "lots.csv"
    path.write_text(LOTS)

    with pytest.raises(CommandError, match="no exchange XYZ"):
        call_command("import_contract_sizes", path, exchange="XYZ")
