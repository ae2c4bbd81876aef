"""Files that are no list, or a broken one: refused with the line, nothing loaded."""

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from marketdata.imports.instruments import ImportRefused, parse, reading, table
from marketdata.models import (
    BrokerToken,
    ContractTerms,
    Exchange,
    FreezeQuantity,
    Instrument,
    InstrumentList,
    LotSize,
    QuarantinedListing,
)

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,"
    "tick_size,lot_size,instrument_type,segment,exchange\n"
)
STOCK = "257,1,ACME,ACME EXAMPLE,0,,0,0.05,1,EQ,NSE,NSE\n"
CALL = "514,2,ACME26DEC100CE,ACME,0,2026-12-29,100,0.05,65,CE,NFO-OPT,NFO\n"
FUTURE = "770,3,ACME26DECFUT,ACME,0,2026-12-29,0,0.1,65,FUT,NFO-FUT,NFO\n"
GOOD = HEADER + STOCK + CALL
UDIFF = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,"
    "FininstrmActlXpryDt,StrkPric,OptnTp,FinInstrmNm,NewBrdLotQty\n"
    "2026-09-01,2026-09-01,FO,NSE,IDO,47298,,NIFTY,,2026-09-15,2026-09-15,23500.00,PE,"
    "NIFTY2691523500PE,65\n"
)
WRITTEN = (BrokerToken, ContractTerms, Instrument, InstrumentList, QuarantinedListing)


@pytest.fixture
def given(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "list.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def bomb() -> bytes:
    """A small file that unpacks to one byte more than may be read."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(GOOD.encode())
        file.write(b"\n" * (reading.MOST_BYTES + 1 - len(GOOD)))
    return packed.getvalue()


def refused(path: Path) -> str:
    with pytest.raises(CommandError) as raised:
        call_command("import_instruments", path)
    assert not any(model.objects.exists() for model in WRITTEN)
    return str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "Line 1: missing columns", id="empty"),
        pytest.param(HEADER, "Line 1: no row follows", id="headings alone"),
        pytest.param("a;b;c\n1;2;3\n", "Line 1: missing columns", id="other columns"),
        pytest.param(
            HEADER.replace("name", "strike") + STOCK,
            "Line 1: missing columns name",
            id="a column missing",
        ),
        pytest.param(
            HEADER.replace("\n", ",strike\n") + STOCK,
            "Line 1: columns that stand twice: strike",
            id="a column twice",
        ),
        pytest.param(GOOD + "1,2\n", "Line 4: 2 fields, not 12", id="short row"),
        pytest.param(
            GOOD + STOCK.replace("\n", ",9\n"), "Line 4: 13 fields", id="long row"
        ),
        pytest.param(GOOD.replace("ACME E", "AC\0ME E"), "Line 2: a NUL", id="NUL"),
        pytest.param(
            GOOD.replace("ACME E", "ACMÉ E").encode("latin-1"),
            "Line 2: this is no text in UTF-8",
            id="latin-1",
        ),
        pytest.param(GOOD.encode("utf-16"), "Line 1: this is no text", id="UTF-16"),
        pytest.param(GOOD.replace("\n", "\r"), "Line 1: ", id="CR alone"),
        pytest.param(GOOD + '"' + STOCK, "Line 4: ", id="quote that never closes"),
        pytest.param(GOOD + "x" * 200_000, "Line 4: field larger", id="a huge field"),
        pytest.param(GOOD.replace(",65,", ",-65,"), "Line 3: lot_size", id="lot < 0"),
        pytest.param(GOOD.replace(",65,", ",0,"), "Line 3: lot_size", id="lot 0"),
        pytest.param(GOOD.replace(",65,", ",1e9,"), "Line 3: lot_size", id="lot 1e9"),
        pytest.param(GOOD.replace(",65,", f",{2**31},"), "Line 3: lot_size", id="lot"),
        pytest.param(
            GOOD.replace(",65,", "," + "9" * 5000 + ","), "Line 3: lot_size", id="9s"
        ),
        pytest.param(GOOD.replace(",100,", ",NaN,"), "Line 3: strike", id="NaN"),
        pytest.param(GOOD.replace(",100,", ",inf,"), "Line 3: strike", id="infinite"),
        pytest.param(GOOD.replace(",100,", ",-5,"), "Line 3: strike", id="strike < 0"),
        pytest.param(GOOD.replace(",100,", ",,"), "Line 3: no usable strike", id="no"),
        pytest.param(GOOD.replace(",100,", ",1e99,"), "Line 3: strike", id="1e99"),
        pytest.param(
            GOOD.replace(",100,0.05", ",100,NaN"), "Line 3: tick_size", id="tick NaN"
        ),
        pytest.param(
            GOOD.replace("2026-12-29", "29/12/2026"), "Line 3: expiry", id="another day"
        ),
        pytest.param(GOOD.replace("514,", "-514,"), "Line 3: instrument_token", id="t"),
        pytest.param(GOOD.replace("514,", "0,"), "Line 3: instrument_token", id="t0"),
        pytest.param(
            GOOD.replace("514,", "\uff1514,"),
            "Line 3: instrument_token",
            id="wide digit",
        ),
        pytest.param(
            GOOD.replace("ACME26", "AC\x1b26"), "Line 3: no usable tr", id="e"
        ),
        pytest.param(
            GOOD.replace("CE,ACME", "CE,A\x07"), "Line 3: no usable name", id="b"
        ),
        pytest.param(
            GOOD.replace(",CE,", ",XX,"), "Line 3: unknown instrument_type", id="kind"
        ),
        pytest.param(b"\x1f\x8bbroken", "cannot be read", id="no gzip"),
        pytest.param(gzip.compress(GOOD.encode())[:-9], "cannot be read", id="cut off"),
    ],
)
def test_a_broken_list_names_its_line_and_loads_nothing(
    db: None, given: Callable[[str | bytes], Path], content: str | bytes, said: str
):
    assert said in refused(given(content))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("47298", "0", "Line 2: FinInstrmId"),
        (",65\n", ",-65\n", "Line 2: NewBrdLotQty"),
        ("23500.00", "NaN", "Line 2: StrkPric"),
        ("23500.00", "0", "Line 2: StrkPric"),
        ("23500.00", "many", "Line 2: StrkPric"),
        ("2026-09-15", "soon", "Line 2: XpryDt"),
        ("2026-09-01", "soon", "Line 2: TradDt"),
        (",FO,", ",CM,", "Line 2: not a contract"),
        (",NSE,", ",XYZ,", "Line 2: unknown Src"),
        (",PE,", ",XX,", "Line 2: unknown OptnTp"),
        ("NIFTY2691523500PE", "", "Line 2: no usable FinInstrmNm"),
        (",65\n", "\n", "Line 2: 14 fields, not 15"),
        ("2026-09-01,2026", "x" * 200_000 + ",2026", "Line 2: field larger"),
    ],
)
def test_a_broken_list_of_the_exchange_names_its_line_too(
    db: None, given: Callable[[str | bytes], Path], old: str, new: str, said: str
):
    assert said in refused(given(UDIFF.replace(old, new)))


def test_a_small_file_that_unpacks_to_too_much_is_refused(
    db: None, given: Callable[[str | bytes], Path]
):
    content = bomb()
    assert len(content) < 1_000_000

    assert "more than 50,331,648 bytes" in refused(given(content))


def test_a_file_of_a_hundred_megabytes_is_not_read_to_its_end(db: None, tmp_path: Path):
    path = tmp_path / "list.csv"
    with path.open("wb") as file:
        file.write(GOOD.encode())
        # A hole: it has the size without the bytes.
        file.truncate(100 * 1024 * 1024)

    assert "more than 50,331,648 bytes" in refused(path)


def test_a_folder_is_no_list(db: None, tmp_path: Path):
    assert "cannot be read" in refused(tmp_path)


def test_more_rows_than_any_exchange_lists_are_refused(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(table, "MOST_ROWS", 1)

    with pytest.raises(ImportRefused, match="Line 3: more than 1 rows"):
        parse(GOOD)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.rstrip("\n").encode(),
        GOOD.replace("\n", "\n\n").encode(),
        gzip.compress(GOOD.encode()),
        (HEADER + CALL + STOCK + FUTURE).encode(),
        (GOOD + STOCK + CALL).encode(),
        (HEADER + STOCK + CALL.replace(",ACME,", ",,")).encode(),
    ],
    ids=[
        "byte order mark", "CRLF", "no last line end", "blank lines", "gzip",
        "contracts first", "rows twice", "contracts without a name",
    ],
)  # fmt: skip
def test_what_is_only_written_otherwise_is_loaded(
    db: None, given: Callable[[str | bytes], Path], content: bytes
):
    call_command("import_instruments", given(content))

    option = Instrument.objects.get(symbol="ACME26DEC100CE")
    assert (option.name, option.lot_size) == ("ACME", 65)
    assert option.underlying == Instrument.objects.get(symbol="ACME")


@pytest.mark.parametrize(
    ("symbol", "underlying"),
    [
        ("BANKNIFTY18JAN23500CE", "BANKNIFTY"),
        ("NIFTY2691523500PE", "NIFTY"),
        ("NIFTY26O0623500PE", "NIFTY"),
        ("NIFTY26SEPFUT", "NIFTY"),
        ("NIFTYNXT5026SEPFUT", "NIFTYNXT50"),
        ("M&M26SEP3100.5CE", "M&M"),
        ("BAJAJ-AUTO26SEP9000PE", "BAJAJ-AUTO"),
    ],
)
def test_an_older_list_tells_the_underlying_in_the_symbol(symbol: str, underlying: str):
    kind = "FUT" if symbol.endswith("FUT") else symbol[-2:]
    row = f"514,2,{symbol},,0,2026-12-29,100,0.05,65,{kind},NFO-OPT,NFO\n"

    (listed,) = parse(HEADER + row)

    assert listed.name == underlying


def test_a_contract_on_nothing_is_refused():
    row = "514,2,STRANGE,,0,2026-12-29,100,0.05,65,CE,NFO-OPT,NFO\n"

    with pytest.raises(ImportRefused, match="Line 2: no name"):
        parse(HEADER + row)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Symbol,Lot Size (Apr 2026)\nACME,-5\n", "Line 2: '-5' is no quantity"),
        ("Symbol,Lot Size (Apr 2026)\nACME,5\nACME,6\n", "Line 3: ACME stands twice"),
        ("Symbol,Lot Size (Apr 2026)\nACME\n", "Line 2: 2 filled columns"),
        ("Symbol,Lot Size (Apr 2026)\nAC\0ME,5\n", "Line 2: a NUL"),
        ("Symbol,Lot Size (Apr 2026)\n" + "A" * 40 + ",5\n", "Line 2: 'AAAA"),
        ("Symbol,Lot Size (Apr 2026)\n" + "A" * 200_000, "Line 2: field larger"),
        ("Symbol,Lot Size (someday)\nACME,5\n", "Line 1: no month of expiry"),
    ],
)
def test_a_broken_list_of_lots_names_its_line(
    db: None, given: Callable[[str | bytes], Path], content: str, said: str
):
    Exchange.objects.create(code="NFO", name="Futures and options")

    with pytest.raises(CommandError) as raised:
        call_command("import_contract_sizes", given(content))

    assert said in str(raised.value)
    assert not LotSize.objects.exists()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,ACME,0\n", "Line 2: '0' is no quantity"),
        ("1,ACME,5\n2,ACME,5\n", "Line 3: ACME stands twice"),
        ("1,ACME,NaN\n", "Line 2: 'NaN' is no quantity"),
    ],
)
def test_a_broken_list_of_freeze_quantities_names_its_line(
    db: None, given: Callable[[str | bytes], Path], rows: str, said: str
):
    Exchange.objects.create(code="NFO", name="Futures and options")
    path = given("S.No.,SYMBOL,VOL_FRZ_QTY\n" + rows)

    with pytest.raises(CommandError) as raised:
        call_command("import_contract_sizes", path, "--from=2026-10-01")

    assert said in str(raised.value)
    assert not FreezeQuantity.objects.exists()
