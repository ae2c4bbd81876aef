import csv
import datetime as dt
import gzip
from collections import defaultdict
from pathlib import Path

import orjson
import pytest

from marketdata.simulator.contracts import IST
from marketdata.simulator.replay.feed import ReplayFeed
from marketdata.simulator.replay.prints import RecordingError
from marketdata.simulator.ticks import Tick
from tests.simulator.builders import make_simulation, shared_data

NSE_LINES = """\
NIFTY,20230102,09:08,18131.70,18131.70,18131.70,18131.70,0,0
NIFTY,20230102,09:16,18133.65,18153.20,18117.05,18141.35,700,50
NIFTY,20230102,09:17,18142.20,18145.70,18131.40,18135.65,300,75
NIFTY,20230103,09:16,18163.20,18163.20,18140.00,18150.10,40,75
"""
CHAIN_LINES = """\
Symbol,Expiry,Strike,CE_LTP,CE_OI,CE_Volume,PE_LTP,PE_OI,PE_Volume,Spot,%Change,timestamp,Max_Pain
NIFTY,2026-02-03,25800.0,21.5,130,4030,0.7,260,650,25788.2,2.789,2026-02-03 11:08:11,1
NIFTY,2026-02-03,25850.0,0.0,0,0,60.7,65,195,25788.2,2.789,2026-02-03 11:08:11,1
"""


def replayed(*paths: Path):
    feed, ticks = ReplayFeed(paths, "NSE"), []
    while not feed.is_exhausted:
        ticks += feed.take(float("inf"), 1_000)
    assert [t.at for t in ticks] == sorted(t.at for t in ticks)
    return ticks


def rebuilt(ticks: list[Tick], length_s: int = 60):
    """Build bars from the bodies alone: open, high, low, close, volume by opening."""
    prices, volumes = defaultdict(list), defaultdict(list)
    for tick in ticks:
        body = orjson.loads(tick.body)
        at = body.get("ts", body.get("timestamp"))
        opened_at = int(at // length_s) * length_s
        prices[opened_at].append(body.get("price", body.get("last_price")))
        volumes[opened_at].append(body["volume"])
    return {
        at: (p[0], max(p), min(p), p[-1], volumes[at][-1] - volumes[at][0])
        for at, p in prices.items()
    }


def filed(lines: list[str]):
    """Read the NSE text by other means: the stamp is the end of the minute."""
    bars = {}
    for row in csv.reader(lines):
        ended = dt.datetime.fromisoformat(f"{row[1]}T{row[2]}")
        opened_at = int(ended.replace(tzinfo=IST).timestamp()) - 60
        bars[opened_at] = (*map(float, row[3:7]), int(row[7]))
    return bars


@pytest.fixture
def nse_file(tmp_path: Path):
    path = tmp_path / "nifty.txt"
    path.write_text(NSE_LINES)
    return path


@pytest.fixture
def chain_file(tmp_path: Path):
    path = tmp_path / "chain.csv"
    path.write_text(CHAIN_LINES)
    return path


def test_replayed_bars_equal_their_file(nse_file: Path):
    assert rebuilt(replayed(nse_file)) == filed(NSE_LINES.splitlines())


def test_a_shifted_stamp_would_be_noticed(nse_file: Path):
    shifted = {at + 60: bar for at, bar in filed(NSE_LINES.splitlines()).items()}
    assert rebuilt(replayed(nse_file)) != shifted


def test_a_gzipped_file_is_read_alike(nse_file: Path, tmp_path: Path):
    packed = tmp_path / "nifty.txt.gz"
    packed.write_bytes(gzip.compress(NSE_LINES.encode()))
    assert [t.body for t in replayed(packed)] == [t.body for t in replayed(nse_file)]


def test_the_volume_counts_from_the_start_of_each_day(nse_file: Path):
    last = {}
    for tick in replayed(nse_file):
        last[dt.datetime.fromtimestamp(tick.at, IST).date()] = tick.volume
    assert list(last.values()) == [1_000, 40]


def test_a_chain_snapshot_prints_each_option_that_was_traded(chain_file: Path):
    bodies = [orjson.loads(tick.body) for tick in replayed(chain_file)]
    assert [(b["tradingsymbol"], b["price"], b["oi"]) for b in bodies[1:]] == [
        ("NIFTY2620325800CE", 21.5, 130),
        ("NIFTY2620325800PE", 0.7, 260),
        ("NIFTY2620325850PE", 60.7, 65),
    ]
    assert bodies[0]["last_price"] == 25788.2
    assert {b["lot_size"] for b in bodies[1:]} == {65}
    taken_at = dt.datetime(2026, 2, 3, 11, 8, 11, tzinfo=IST).timestamp()
    assert {b.get("ts", b.get("timestamp")) for b in bodies} == {taken_at}


OTHER_LINES = """\
Expiry,symbol,STRIKE,CE_LTP,CE_OI,CE_Volume,PE_LTP,PE_OI,PE_Volume,Spot,Note,Timestamp
24-Feb-2026,M&M,3450,"1,075.50",400,600,-,,,3500.5,x,2026-02-03T04:32:00+00:00

24-Feb-2026,IDEA,10.5,0.9,"142,950",71475.0,0.2,71475,0,0.0,,2026-02-03 10:02:00
24-Feb-2026,IDEA,11,0.5,71475,71475,0.4,71475,0,,,2026-02-03 10:02:00
24-Feb-2026,FINNIFTY,27300,90,60,180,80,120,60,27310,,2026-02-03 10:02:00
"""


@pytest.fixture
def other_file(tmp_path: Path):
    path = tmp_path / "stocks.csv"
    path.write_bytes(gzip.compress(OTHER_LINES.encode()))
    return path


def test_a_chain_of_another_shape_is_read_alike(other_file: Path):
    ticks = replayed(other_file)

    assert {(t.contract.key, t.price, t.volume, t.open_interest) for t in ticks} == {
        ("NSE:M&M", 3500.5, 0, 0),
        ("NFO:M&M26FEB3450CE", 1075.5, 600, 400),
        ("NFO:IDEA26FEB10.5CE", 0.9, 71475, 142950),
        ("NFO:IDEA26FEB10.5PE", 0.2, 0, 71475),
        ("NFO:IDEA26FEB11CE", 0.5, 71475, 71475),
        ("NFO:IDEA26FEB11PE", 0.4, 0, 71475),
        ("NSE:FINNIFTY", 27310, 0, 0),
        ("NFO:FINNIFTY26FEB27300CE", 90, 180, 60),
        ("NFO:FINNIFTY26FEB27300PE", 80, 60, 120),
    }
    taken_at = dt.datetime(2026, 2, 3, 10, 2, tzinfo=IST).timestamp()
    assert {tick.at for tick in ticks} == {taken_at}


def test_an_underlying_without_a_spot_is_listed_without_a_price(other_file: Path):
    listed = ReplayFeed((other_file,), "NSE").universe(0.0).by_key

    assert listed["NSE:IDEA"].kind == "stock"
    assert listed["NSE:FINNIFTY"].kind == "index"
    tokens = [contract.token for contract in listed.values()]
    assert len(set(tokens)) == len(tokens)
    # The lot of an unknown owner is what its quantities are multiples of.
    lots = {c.underlying: c.lot_size for c in listed.values() if c.kind == "option"}
    assert lots == {"M&M": 200, "IDEA": 71475, "FINNIFTY": 60}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("3450,", "0,", "above 0"),
        ("0.9,", "-0.9,", "no price"),
        ("0.9,", "inf,", "no price"),
        ("71475.0", "many", "could not convert"),
        ("24-Feb-2026,IDEA,11", "Tuesday,IDEA,11", "no day"),
        ("2026-02-03 10:02:00", "noon", "Invalid isoformat"),
    ],
)
def test_a_bad_line_of_a_chain_is_named(other_file: Path, old: str, new: str, why: str):
    other_file.write_text(OTHER_LINES.replace(old, new, 1))

    with pytest.raises(RecordingError, match=rf"stocks.csv, line \d: .*{why}"):
        ReplayFeed((other_file,), "NSE")


def test_files_are_merged_in_order_of_time(nse_file: Path, chain_file: Path):
    assert len(replayed(chain_file, nse_file)) == 16 + 4


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("NIFTY,20230102,09:18,18131,18100,18131,18131,0,0", "do not fit"),
        ("NIFTY,20230102,09:18,x,1,1,1,0,0", "could not convert"),
        ("NIFTY,20230102,09:18,nan,nan,nan,nan,0,0", "do not fit"),
        ("NIFTY,20231302,09:18,1,1,1,1,0,0", "does not match"),
    ],
)
def test_a_bad_line_is_named(nse_file: Path, line: str, why: str):
    nse_file.write_text(NSE_LINES + line + "\n")
    with pytest.raises(RecordingError, match=rf"nifty.txt, line 5: .*{why}"):
        ReplayFeed((nse_file,), "NSE")


def test_an_unknown_file_is_refused(tmp_path: Path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader,\n")
    with pytest.raises(RecordingError, match="neither bars nor an option chain"):
        ReplayFeed((path,), "NSE")


def test_the_replayed_contracts_are_the_listed_ones(chain_file: Path):
    simulation = make_simulation(replay=(chain_file,), exchange="NSE")
    keys = set(simulation.prices.universe().by_key)
    assert keys == {
        "NSE:NIFTY",
        "NFO:NIFTY2620325800CE",
        "NFO:NIFTY2620325800PE",
        "NFO:NIFTY2620325850PE",
    }


def snapshot_rows(path: Path):
    return csv.DictReader(path.read_text().splitlines())


needs_data = pytest.mark.skipif(
    not (shared_data() / "ohlc").is_dir(),
    reason="the recorded files are not here (TRADINGSITE_SHARED_DATA)",
)


@needs_data
def test_the_real_january_equals_its_file():
    path = shared_data() / "ohlc" / "nifty_1min_2023-01.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    assert rebuilt(replayed(path)) == filed(lines)


@needs_data
def test_the_real_yahoo_week_equals_its_file():
    path = shared_data() / "ohlc" / "yahoo_nifty_1min_2025-09-04_10.csv"
    rows = list(csv.reader(path.read_text().splitlines()))[3:]
    expected = {
        int(dt.datetime.fromisoformat(at).timestamp()): (
            *map(float, (opening, high, low, close)),
            int(volume),
        )
        for at, close, high, low, opening, volume in rows
    }
    assert rebuilt(replayed(path)) == expected


@needs_data
def test_the_real_futures_morning_equals_its_file():
    path = shared_data() / "ohlc" / "nifty_fut_5min_2026-04-07.csv"
    rows = list(csv.reader(path.read_text().splitlines()))[1:]
    expected = {
        int(dt.datetime.fromisoformat(row[0]).replace(tzinfo=IST).timestamp()): (
            *map(float, row[1:5]),
            int(row[5]),
        )
        for row in rows
    }
    assert rebuilt(replayed(path), 300) == expected


@needs_data
def test_the_real_chain_prints_every_price_it_holds():
    folder = shared_data() / "options" / "kite_chain_2026-02-03"
    paths = sorted(folder.glob("*.csv"))
    rows = [row for path in paths for row in snapshot_rows(path)]
    traded = sum(float(r[side]) > 0 for r in rows for side in ("CE_LTP", "PE_LTP"))
    ticks = replayed(*paths)
    assert sum(tick.contract.kind == "option" for tick in ticks) == traded
    assert {t.contract.underlying for t in ticks} == {
        "NIFTY",
        "BANKNIFTY",
        "MIDCPNIFTY",
    }
