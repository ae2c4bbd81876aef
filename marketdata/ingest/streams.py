"""Reading stream shards, and noticing what is no longer in them.

A position is (epoch, entry id, ordinal). The epoch is a word kept beside the
stream: when the server lost its memory the word is gone too. The ordinal counts
the entries ever added up to the position; the stream counts them as well, and the
difference is what was trimmed before we came to it.
"""

import secrets
from collections.abc import Mapping
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


class Streams:
    """The stream shards of one server, read through one connection at a time."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def look(self, keys: list[str]) -> dict[str, Look]:
        """Ask each stream what it holds; give it an epoch when it has none."""
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.get(epoch_key(key))
            pipeline.xinfo_stream(key)
        replies = pipeline.execute(raise_on_error=False)
        return {
            key: self._look(key, replies[2 * n], replies[2 * n + 1])
            for n, key in enumerate(keys)
        }

    def read(
        self, after: Mapping[str, bytes], *, count: int, block_ms: int
    ) -> dict[str, list[Entry]]:
        """Return the entries that follow, waiting up to ``block_ms`` for the first.

        The reply is taken as it comes off the wire: turning a hundred thousand
        entries a second into redis-py's pairs and dicts costs more than counting
        them.
        """
        pool = self._client.connection_pool
        connection: Any = pool.get_connection()
        try:
            connection.send_command(
                "XREAD", "COUNT", count, "BLOCK", block_ms, "STREAMS",
                *after.keys(), *after.values(),
            )  # fmt: skip
            reply = connection.read_response()
        except BaseException:
            # An answer that was not read would be taken for that of the next caller.
            connection.disconnect()
            raise
        finally:
            pool.release(connection)
        return {key.decode(): entries for key, entries in reply or ()}

    def _look(self, key: str, epoch: Any, info: Any) -> Look:
        if isinstance(epoch, Exception):
            raise epoch
        epoch = (epoch or self._begin_epoch(key)).decode()
        if isinstance(info, ResponseError):
            # There is no such stream (yet, or any more).
            return Look(epoch)
        if isinstance(info, Exception):
            raise info
        return Look(
            epoch,
            length=info["length"],
            added=info["entries-added"],
            first_id=info["recorded-first-entry-id"],
            last_id=info["last-generated-id"],
        )

    def _begin_epoch(self, key: str) -> bytes:
        self._client.set(epoch_key(key), secrets.token_hex(8), nx=True)
        epoch: Any = self._client.get(epoch_key(key))
        return bytes(epoch or b"")


def epoch_key(key: str) -> str:
    return f"{key}:epoch"
