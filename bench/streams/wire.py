"""What is told to everybody, and the few lines of WebSocket that a bench needs."""

import base64
import hashlib
import json
import os

ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TOPIC = "bench"
KEYS = [f"k{number}" for number in range(20)]
MARK = b'"n":'
PING = 0x9
# As large as a quote with its day and its book.
FILLER = "x" * 170


def event(number: int, filler: str = FILLER) -> dict[str, object]:
    """Return the message ``number``: 287 bytes of JSON, with its envelope."""
    return {"n": f"{number:08d}", "price": 24_512.35, "volume": 123_456, "f": filler}


def update(key: str, body: dict[str, object]) -> dict[str, object]:
    """Return the envelope that the product has around it."""
    return {"type": "update", "stream": TOPIC, "key": key, "data": body}


def channel() -> str:
    """Return the Redis channel that all servers listen to."""
    return f"{os.environ['REDIS_PREFIX']}:stream:{TOPIC}"


def text_frame(text: bytes) -> bytes:
    """Return a frame as a server sends it: not masked."""
    if len(text) < 126:
        return bytes((0x81, len(text))) + text
    return bytes((0x81, 126)) + len(text).to_bytes(2) + text


def masked_frame(text: bytes) -> bytes:
    """Return a short frame as a client sends it; a mask of zeros changes nothing."""
    if len(text) < 126:
        return bytes((0x81, 0x80 | len(text))) + b"\0\0\0\0" + text
    return bytes((0x81, 0xFE)) + len(text).to_bytes(2) + b"\0\0\0\0" + text


def accept_of(key: bytes) -> bytes:
    """Return what proves that a handshake was understood."""
    return base64.b64encode(hashlib.sha1(key + ACCEPT).digest())  # noqa: S324 - RFC 6455


def payload(number: int, filler: str = FILLER) -> bytes:
    """Return what is published: the event of one key."""
    return json.dumps({KEYS[number % len(KEYS)]: event(number, filler)}).encode()


def frames_in(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return the (opcode, payload) of each whole frame of a server, and the rest."""
    found, at = [], 0
    while len(data) >= at + 2:
        size, head = data[at + 1], 2
        if size >= 126:
            head = 4 if size == 126 else 10
            size = int.from_bytes(data[at + 2 : at + head])
        if len(data) < at + head + size:
            break
        found.append((data[at] & 0x0F, data[at + head : at + head + size]))
        at += head + size
    return found, data[at:]


def pong_frame(payload: bytes) -> bytes:
    """Return the answer of a client to a ping."""
    return bytes((0x8A, 0x80 | len(payload))) + b"\0\0\0\0" + payload
