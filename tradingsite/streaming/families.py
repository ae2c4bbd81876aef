"""A family of values that is computed, and what of it each socket has to be told."""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tradingsite.streaming.frames import (
    MOST_BYTES_A_TEXT,
    Frame,
    encode,
    frame,
    grouped,
)
from tradingsite.streaming.sender import Sender

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Family:
    """What a key stands for at the moment.

    ``as_of`` is the newest observation in it, in epoch seconds, None before the first;
    what is older than ``lasts_s`` is called stale. ``basis`` is for the feed alone: by
    it the feed knows that nothing has changed.
    """

    parts: Mapping[str, Any]
    as_of: float | None
    lasts_s: float = 10.0
    basis: Any = None


class FollowedFamily:
    """A family, as this process knows it, and the sockets that follow it."""

    def __init__(self, stream: str, key: str, name: str) -> None:
        self.stream = stream
        self.key = key
        self.name = name
        self.family: Family | None = None
        self.is_known = asyncio.Event()
        self.has_failed = False
        self.due_at = 0.0
        # Those who wait for the first values.
        self.joining = 0
        self._readers: dict[Sender, None] = {}
        self._texts: dict[str, bytes] = {}
        self._snapshot: list[Frame] = []
        self._begun_at = time.time()
        self._is_stale = False

    @property
    def is_wanted(self) -> bool:
        return bool(self._readers or self.joining)

    def admit(self, sender: Sender) -> None:
        """Send all of it, and from now on what changes."""
        if not self._snapshot:
            self._snapshot = list(self._snapshot_frames())
        for number, part in enumerate(self._snapshot):
            sender.offer(part, (self.stream, self.key, number))
        if self._is_stale:
            self._tell_state(sender)
        self._readers[sender] = None

    def dismiss(self, sender: Sender) -> None:
        self._readers.pop(sender, None)

    def take(self, family: Family, texts: dict[str, bytes]) -> None:
        """Send what differs from what was known; what is gone is told as null."""
        texts = {part: text for part, text in texts.items() if self._fits(part, text)}
        changed = {
            part: text for part, text in texts.items() if text != self._texts.get(part)
        }
        gone = {
            part: encode(part) + b":null" for part in self._texts if part not in texts
        }
        self.family, self._texts = family, texts
        if changed or gone:
            self._snapshot = []
            self._deliver(changed | gone)

    def _fits(self, part: str, text: bytes) -> bool:
        if len(text) <= MOST_BYTES_A_TEXT:
            return True
        logger.warning("%s of %s is too large to be told.", part, self.name)
        return False

    def judge(self) -> None:
        """Tell when the values have become stale, and when they move again."""
        if self.is_known.is_set() and self._is_stale != self._is_old():
            self._is_stale = not self._is_stale
            for sender in self._readers:
                self._tell_state(sender)

    def _is_old(self) -> bool:
        family = self.family
        if self.has_failed or family is None or family.as_of is None:
            return True
        return time.time() - family.as_of > family.lasts_s

    def _tell_state(self, sender: Sender) -> None:
        named = {"stream": self.stream, "key": self.name}
        as_of = self.family.as_of if self.family else None
        since = round(self._begun_at if as_of is None else as_of, 3)
        made = (
            frame("stale", **named, since=since)
            if self._is_stale
            else frame("live", **named)
        )
        sender.offer(made, (self.stream, self.key, "state"))

    def _deliver(self, changed: dict[str, bytes]) -> None:
        parts = iter(changed)
        single: dict[str, Frame] = {}
        for texts in grouped(list(changed.values())):
            together = self._frame("update", texts)
            names = [next(parts) for _ in texts]
            for sender in self._readers:
                if sender.keeps_up:
                    sender.offer(together)
                    continue
                # Each in a slot of its own, where the next round replaces it.
                for part in names:
                    if part not in single:
                        single[part] = self._frame("update", [changed[part]])
                    sender.offer(single[part], (self.stream, self.key, "part", part))

    def _snapshot_frames(self) -> Iterator[Frame]:
        groups = list(grouped(list(self._texts.values())))
        for number, texts in enumerate(groups, 1):
            yield self._frame("snapshot", texts, is_last=number == len(groups))

    def _frame(self, kind: str, texts: list[bytes], **more: bool) -> Frame:
        head = encode({"type": kind, "stream": self.stream, "key": self.name, **more})
        return Frame(b'%b,"data":{%b}}' % (head[:-1], b",".join(texts)))
