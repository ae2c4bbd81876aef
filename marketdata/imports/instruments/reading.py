"""From a file to the lines of a list: unpacked, recognized by its headings, read."""

import gzip
import io
import zlib
from datetime import date
from pathlib import Path

from marketdata.imports.instruments import kite, nse, table
from marketdata.imports.instruments.listed import Listed
from marketdata.imports.refusal import ImportRefused

# Kite's whole list has about 10 MB; a small file may unpack to much more.
MOST_BYTES = 48 * 1024 * 1024
GZIP = b"\x1f\x8b"


def read(path: Path) -> str:
    """Return the text of a file, plain or gzipped, if it is one of a usable size."""
    try:
        with path.open("rb") as file:
            content = _bounded(file.read(MOST_BYTES + 1))
        if content.startswith(GZIP):
            content = _unpacked(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ImportRefused(f"{path.name} cannot be read: {error}.") from error
    return _decoded(content)


def parse(text: str) -> list[Listed]:
    """Return the lines of a list in any of the shapes we know."""
    text = text.removeprefix("\N{BYTE ORDER MARK}")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ImportRefused(f"Line {line}: a NUL; this is not a text.")
    source = nse if nse.is_ours(table.headings(text)) else kite
    found = list(source.listed(text))
    if not found:
        raise ImportRefused("Line 1: no row follows; the list is empty.")
    return found


def stated_day(text: str) -> date | None:
    """Return the day that a list says it is of; most say nothing."""
    return nse.stated_day(text) if nse.is_ours(table.headings(text)) else None


def _unpacked(content: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        return _bounded(file.read(MOST_BYTES + 1))


def _bounded(content: bytes) -> bytes:
    if len(content) > MOST_BYTES:
        raise ImportRefused(f"It has more than {MOST_BYTES:,} bytes.")
    return content


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ImportRefused(f"Line {line}: this is no text in UTF-8.") from error
