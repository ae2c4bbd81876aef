"""From a file to the lines of a list: unpacked, recognized by its headings, read."""

import csv
import gzip
import io
import zlib
from datetime import date
from pathlib import Path

from marketdata.imports.instruments import kite, nse
from marketdata.imports.instruments.listed import Listed
from marketdata.imports.refusal import ImportRefused

# Kite's whole list has about 10 MB; a small file may unpack to much more.
MOST_BYTES = 128 * 1024 * 1024


def read(path: Path) -> str:
    """Return the text of a file, plain or gzipped."""
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = _unpacked(content)
        return content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ImportRefused(f"{path.name} cannot be read: {error}.") from error


def parse(text: str) -> list[Listed]:
    """Return the lines of a list in any of the shapes we know."""
    if "\0" in text:
        raise ImportRefused("This is not a text.")
    if nse.is_ours(_headings(text)):
        return list(nse.listed(text))
    return list(kite.listed(text))


def stated_day(text: str) -> date | None:
    """Return the day that a list says it is of; most say nothing."""
    return nse.stated_day(text) if nse.is_ours(_headings(text)) else None


def _unpacked(content: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        unpacked = file.read(MOST_BYTES + 1)
    if len(unpacked) > MOST_BYTES:
        raise ImportRefused(f"It unpacks to more than {MOST_BYTES:,} bytes.")
    return unpacked


def _headings(text: str) -> list[str]:
    first = text[:4096].partition("\n")[0]
    return next(csv.reader([first.rstrip("\r")]), [])
