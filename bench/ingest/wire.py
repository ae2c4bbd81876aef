"""How ticks get into Redis: all of them wait there before a consumer's clock starts.

For the product they are appended to a stream. Pub/Sub keeps nothing, so for the
original they are published to a subscriber that does not read yet, and the server
holds them for it.
"""

import contextlib
import itertools
import socket
from collections.abc import Iterable, Iterator
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import redis

from bench.ticks import Entry

BATCH = 1000
LIMIT = "client-output-buffer-limit"
SOCKET_TIMEOUT_S = 30

T = TypeVar("T")


def append(client: redis.Redis, stream: str, entries: Iterable[Entry]) -> None:
    """Fill ``stream`` with all the ``entries``."""
    for batch in _batches(entries):
        pipeline = client.pipeline(transaction=False)
        for name, value in batch:
            pipeline.xadd(stream, {name: value})
        pipeline.execute()


@contextlib.contextmanager
def patient(client: redis.Redis) -> Iterator[None]:
    """Let the server hold what a subscriber has not read, however much that is.

    Past its usual limit it would cut the original off, and ticks would be lost.
    """
    before = str(client.config_get(LIMIT)[LIMIT])
    client.config_set(LIMIT, "pubsub 0 0 0")
    try:
        yield
    finally:
        client.config_set(LIMIT, before)


def publish(url: str, channel: str, payloads: Iterable[bytes]) -> None:
    """Publish everything to the one who is subscribed."""
    with _connected(url) as link:
        for batch in _batches(payloads):
            link.sendall(b"".join(_packed("PUBLISH", channel, one) for one in batch))
            if b":0" in _read_exactly(link, len(batch) * len(b":1\r\n")):
                raise ConnectionError("Nobody is subscribed: these ticks are lost.")


def _packed(*words: str | bytes) -> bytes:
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    lines = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"*%d\r\n%b" % (len(parts), lines)


def _connected(url: str) -> socket.socket:
    address = urlsplit(url)
    link = socket.create_connection(
        (address.hostname or "127.0.0.1", address.port or 6379), SOCKET_TIMEOUT_S
    )
    if address.password:
        words = ("AUTH", *filter(None, [address.username]), unquote(address.password))
        link.sendall(_packed(*words))
        _read_exactly(link, len(b"+OK\r\n"))
    return link


def _read_exactly(link: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        more = link.recv(count - len(received))
        if not more:
            raise ConnectionError("Redis closed the publisher's connection.")
        received += more
    return bytes(received)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, BATCH)):
        yield batch
