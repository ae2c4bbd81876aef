"""Which kind of recording a file is, told from its first line."""

import gzip
import heapq
import re
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

from marketdata.simulator.replay import bars, chains
from marketdata.simulator.replay.prints import Listing, Print, RecordingError

_GZIP = b"\x1f\x8b"
_NSE_LINE = re.compile(r"[A-Z0-9&-]+,\d{8},\d\d:\d\d,")


def prints(paths: tuple[Path, ...], listing: Listing) -> list[Print]:
    """Return the prints of all files in order of time."""
    files = [_file_prints(path, listing) for path in paths]
    return list(heapq.merge(*files, key=attrgetter("at")))


def _file_prints(path: Path, listing: Listing) -> Iterator[Print]:
    lines = _lines(path)
    first = lines[0] if lines else ""
    if _NSE_LINE.match(first):
        return bars.nse_text(path.name, lines, listing)
    if first.startswith("Price,Close"):
        return bars.yahoo(path.name, lines, listing)
    if first.startswith("date,open,high,low,close,volume"):
        return bars.futures(path.name, lines, listing)
    if chains.is_chain(first):
        return chains.snapshot(path.name, lines, listing)
    raise RecordingError(path.name, 1, "neither bars nor an option chain that we know")


def _lines(path: Path) -> list[str]:
    raw = path.read_bytes()
    try:
        text = gzip.decompress(raw) if raw[:2] == _GZIP else raw
        return text.decode("utf-8-sig").splitlines()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise RecordingError(path.name, 1, error) from error
