"""Reading stream shards, and noticing what is no longer in them.

A position is (epoch, entry id, ordinal). The epoch is a word kept beside the
stream: when the server lost its memory the word is gone too. The ordinal counts
the entries ever added up to the position; the stream counts them as well, and the
difference is what was trimmed before we came to it.
"""

import secrets
from dataclasses import dataclass, replace
from typing import Any

import redis
from redis.exceptions import ResponseError

Entry = tuple[bytes, list[bytes]]
BEGINNING = b"0-0"


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream has been read."""

    epoch: str
    entry_id: bytes = BEGINNING
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """What a stream says of itself."""

    epoch: str
    length: int = 0
    added: int = 0
    first_id: bytes = BEGINNING
    last_id: bytes = BEGINNING

    @property
    def trimmed(self) -> int:
        """Return how many of the entries ever added are gone."""
        return self.added - self.length


@dataclass(frozen=True, slots=True)
class Loss:
    """Entries that went away unread; how many is unknown after a wipe."""

    reason: str
    entries: int | None
    # Noticed after reading on: it lies somewhere since we last were sure.
    is_overdue: bool = False


def sequence(entry_id: bytes) -> tuple[int, int]:
    """Return an entry id as numbers, which compare as the stream orders them."""
    time, _, number = entry_id.partition(b"-")
    return int(time), int(number or 0)


def reconcile(place: Place | None, look: Look) -> tuple[Place, Loss | None]:
    """Return where to read on, and what was lost before that."""
    start = Place(look.epoch, BEGINNING, look.trimmed)
    if place is None:
        return start, None
    if place.epoch != look.epoch or is_another_stream(place, look):
        return start, Loss("wiped", None)
    if look.trimmed > place.ordinal:
        lost = look.trimmed - place.ordinal
        return replace(place, ordinal=look.trimmed), Loss("trimmed", lost)
    if place.entry_id == look.last_id and look.added > place.ordinal:
        # Trimmed between a look and the read after it: seen once we have caught up.
        lost = look.added - place.ordinal
        ours = replace(place, ordinal=look.added)
        return ours, Loss("trimmed", lost, is_overdue=True)
    return place, None


def is_another_stream(place: Place, look: Look) -> bool:
    """Tell whether the stream was made anew since ``place`` was written."""
    return look.added < place.ordinal or sequence(look.last_id) < sequence(
        place.entry_id
    )


@dataclass(frozen=True, slots=True)
class Part:
    """What a stream held when it was asked, and its entries after a place."""

    look: Look
    entries: list[Entry]


class Streams:
    """The stream shards of one server, read over one connection.

    What the streams hold and what follows in them is asked in one go. Under load
    the next question is asked before the last answer is counted, so that the server
    gathers entries while we count.

    Replies are taken as they come off the wire: turning a hundred thousand entries
    a second into redis-py's pairs and dicts costs more than counting them.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._connection: Any = None
        # What was asked and is not answered yet.
        self._asked: dict[str, bytes] = {}

    def read(
        self, after: dict[str, bytes], *, count: int, block_ms: int
    ) -> dict[str, Part]:
        """Return what follows ``after``, waiting up to ``block_ms`` for the first."""
        if self._asked and self._asked == after:
            found = self._answer()
            # Nothing at that moment may be something now.
            if any(part.entries for part in found.values()):
                return found
        self.close()
        self._ask(after, "COUNT", count, "BLOCK", block_ms)
        return self._answer()

    def read_ahead(self, after: dict[str, bytes], *, count: int) -> None:
        """Ask for what the next :meth:`read` will want, without waiting for it."""
        self._ask(after, "COUNT", count)

    def close(self) -> None:
        """Forget a question: its answer would be taken for that of the next one."""
        if self._connection is not None:
            self._connection.disconnect()
            self._release()

    def _ask(self, after: dict[str, bytes], *options: str | int) -> None:
        commands: list[tuple[Any, ...]] = []
        for key in after:
            commands += [("GET", epoch_key(key)), ("XINFO", "STREAM", key)]
        commands.append(("XREAD", *options, "STREAMS", *after.keys(), *after.values()))
        self._connection = self._client.connection_pool.get_connection()
        self._asked = dict(after)
        try:
            packed = self._connection.pack_commands(commands)
            self._connection.send_packed_command(packed)
        except BaseException:
            self.close()
            raise

    def _answer(self) -> dict[str, Part]:
        try:
            seen = {key: (self._reply(), self._facts()) for key in self._asked}
            entries = {key.decode(): found for key, found in self._reply() or ()}
        except BaseException:
            self.close()
            raise
        self._release()
        return {
            key: Part(self._look(key, epoch, info), entries.get(key, []))
            for key, (epoch, info) in seen.items()
        }

    def _reply(self) -> Any:
        return self._connection.read_response()

    def _facts(self) -> list[Any]:
        try:
            facts: list[Any] = self._reply()
        except ResponseError:
            # There is no such stream (yet, or any more).
            return []
        return facts

    def _release(self) -> None:
        self._client.connection_pool.release(self._connection)
        self._connection, self._asked = None, {}

    def _look(self, key: str, epoch: bytes | None, info: list[Any]) -> Look:
        word = (epoch or self._begin_epoch(key)).decode()
        if not info:
            return Look(word)
        facts = dict(zip(info[::2], info[1::2], strict=True))
        return Look(
            word,
            length=facts[b"length"],
            added=facts[b"entries-added"],
            first_id=facts[b"recorded-first-entry-id"],
            last_id=facts[b"last-generated-id"],
        )

    def _begin_epoch(self, key: str) -> bytes:
        self._client.set(epoch_key(key), secrets.token_hex(8), nx=True)
        epoch: Any = self._client.get(epoch_key(key))
        return bytes(epoch or b"")


def shard_of(token: int, shards: int) -> int:
    """Return the shard on which the ticks of an instrument travel.

    Kite's numbers are ``exchange_token * 256 + segment``: the low byte is the same
    for a whole segment, and would put all options on one shard.
    """
    return token // 256 % shards


def epoch_key(key: str) -> str:
    return f"{key}:epoch"
