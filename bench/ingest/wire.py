"""How ticks get into Redis: appended to a stream beforehand, or published live."""

import itertools
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import redis

from bench.ticks import Entry

BATCH = 1000
# A subscriber further behind than this is waited for: past the server's limit for
# Pub/Sub it would be cut off, and the original would lose ticks by its own doing.
BEHIND_AT_MOST_BYTES = 4_000_000
SOCKET_TIMEOUT_S = 30

T = TypeVar("T")


def append(client: redis.Redis, stream: str, entries: Iterable[Entry]) -> None:
    """Fill ``stream`` with all the ``entries``."""
    for batch in _batches(entries):
        pipeline = client.pipeline(transaction=False)
        for name, value in batch:
            pipeline.xadd(stream, {name: value})
        pipeline.execute()


def publish(
    client: redis.Redis,
    url: str,
    channel: str,
    payloads: Iterable[bytes],
    is_wanted: Callable[[], bool],
) -> None:
    """Publish as fast as the subscriber reads, never faster than it may be behind.

    Commands are packed beforehand and sent as bytes: the publisher must not be what
    is measured.
    """
    with _connected(url) as link:
        for batch in _batches(payloads):
            link.sendall(b"".join(_packed("PUBLISH", channel, one) for one in batch))
            if b":0" in _read_exactly(link, len(batch) * len(b":1\r\n")):
                raise ConnectionError("Nobody is subscribed: these ticks are lost.")
            while is_wanted() and _behind(client) > BEHIND_AT_MOST_BYTES:
                time.sleep(0.001)


def _packed(*words: str | bytes) -> bytes:
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    lines = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
    return b"*%d\r\n%b" % (len(parts), lines)


def _behind(client: redis.Redis) -> int:
    subscribers = client.client_list(_type="pubsub")
    return max((int(one["omem"]) for one in subscribers), default=0)


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
