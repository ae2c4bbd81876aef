"""Refused ticks on their way to the database: all counted, some kept."""

from collections import Counter
from dataclasses import dataclass

from marketdata.ticks import Refusal

KEPT_BYTES = 2_000
KEPT_A_MINUTE = 20
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Kept:
    """A refusal that will be written down."""

    entry_id: str
    reason: str
    detail: str
    payload: str
    payload_bytes: int


def text_of(payload: bytes) -> str:
    """Return the beginning of ``payload`` as text that PostgreSQL takes."""
    return payload[:KEPT_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")


class Quarantine:
    """Counts every refusal and keeps the first few of each reason per minute.

    A broken feed refuses thousands of ticks a second: they must not fill the disk.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._kept: list[Kept] = []
        self._this_minute: Counter[str] = Counter()
        self._minute = 0

    def add(self, refusal: Refusal, entry_id: bytes, now: float) -> None:
        self.counts[refusal.reason] += 1
        if self._minute != now // MINUTE_S:
            self._minute = int(now // MINUTE_S)
            self._this_minute.clear()
        if self._this_minute[refusal.reason] >= KEPT_A_MINUTE:
            return
        self._this_minute[refusal.reason] += 1
        self._kept.append(
            Kept(
                entry_id=entry_id.decode(),
                reason=refusal.reason,
                detail=refusal.detail[:200],
                payload=text_of(refusal.payload),
                payload_bytes=len(refusal.payload),
            )
        )

    def drain(self) -> list[Kept]:
        kept, self._kept = self._kept, []
        return kept
