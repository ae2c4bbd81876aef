"""What goes over a socket: JSON in one envelope, encoded once for all who get it.

Each frame is one object, or with ``batch_ms`` an array of such objects::

    {"type": "update", "stream": "quotes", "key": "NSE:ACME", "data": {…}}

A frame from a server is not masked, so the bytes on the wire are the same for
everybody: they are made with the frame, and each socket only writes them.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

MOST_BYTES_IN = 16 * 1024
MOST_BYTES_OUT = 64 * 1024
_ROOM_FOR_ENVELOPE = 1024
# What one text of a group may have, so that a frame has room for it.
MOST_BYTES_A_TEXT = MOST_BYTES_OUT - _ROOM_FOR_ENVELOPE

_TEXT = 0x81  # the only frame of a text message
_LENGTH_IN_2 = 126

_encode = msgspec.json.Encoder(enc_hook=str).encode


class TooLarge(ValueError):  # noqa: N818 - reads as what is wrong
    """A frame that is larger than what any client was promised."""


class Frame:
    """A message, and the same message as it stands on the wire."""

    __slots__ = ("text", "wired")

    def __init__(self, text: bytes) -> None:
        if len(text) > MOST_BYTES_OUT:
            raise TooLarge(f"{len(text)} bytes are more than {MOST_BYTES_OUT}.")
        self.text = text
        self.wired = _head(len(text)) + text


def frame(kind: str, **fields: Any) -> Frame:
    """Return the frame of type ``kind``; fields that are None are left out."""
    said = {name: value for name, value in fields.items() if value is not None}
    return Frame(encode({"type": kind, **said}))


def encode(value: Any) -> bytes:
    """Return ``value`` as JSON; decimals and times become strings."""
    return _encode(value)


def joined(parts: Iterable[Frame]) -> Iterator[tuple[int, Frame]]:
    """Yield arrays of ``parts``, in order, none larger than a frame may be.

    Each with how many of the parts stand in it.
    """
    texts: list[bytes] = []
    size = 2
    for part in parts:
        if size + len(part.text) > MOST_BYTES_OUT and texts:
            yield len(texts), _array(texts)
            texts, size = [], 2
        texts.append(part.text)
        size += len(part.text) + 1
    if texts:
        yield len(texts), _array(texts)


def grouped(texts: list[bytes]) -> Iterator[list[bytes]]:
    """Yield the texts in groups that fit into a frame; one group at least."""
    group: list[bytes] = []
    size = 0
    for text in texts:
        if group and size + len(text) > MOST_BYTES_A_TEXT:
            yield group
            group, size = [], 0
        group.append(text)
        size += len(text) + 1
    yield group


def _array(texts: list[bytes]) -> Frame:
    # One that fills a frame by itself has no room for brackets.
    if len(texts) == 1 and len(texts[0]) + 2 > MOST_BYTES_OUT:
        return Frame(texts[0])
    return Frame(b"[" + b",".join(texts) + b"]")


def _head(length: int) -> bytes:
    if length < _LENGTH_IN_2:
        return bytes((_TEXT, length))
    if length < 1 << 16:
        return bytes((_TEXT, _LENGTH_IN_2)) + length.to_bytes(2)
    return bytes((_TEXT, _LENGTH_IN_2 + 1)) + length.to_bytes(8)
