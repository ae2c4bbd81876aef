"""The truth file: what the stream accepted, tick by tick, to check a reader against.

One JSON line per tick: ``{"id": entry id, "shard": n, "tick": {...}}``, written as
soon as the server has answered. A tick whose fate could not be learnt before the
simulator stopped stands there with ``"unknown": true``.
"""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from marketdata.simulator.entries import Entry


class TruthFile:
    """An append-only record of accepted ticks; without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file: BinaryIO | None = path.open("ab") if path else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()

    def accepted(self, entries: list[tuple[Entry, bytes]]) -> None:
        for entry, entry_id in entries:
            self._write(entry, b'"id":"%s"' % entry_id)
        self._flush()

    def unknown(self, entries: list[Entry]) -> None:
        for entry in entries:
            self._write(entry, b'"id":null,"unknown":true')
        self._flush()

    def _write(self, entry: Entry, mark: bytes) -> None:
        if self._file is None:
            return
        for tick in entry.ticks:
            line = b'{%s,"shard":%d,"tick":%s}\n' % (mark, entry.shard, tick.body)
            self._file.write(line)

    def _flush(self) -> None:
        if self._file:
            self._file.flush()
