"""A client of the streams that comes back by itself and resumes where it was.

Needs ``pip install websockets``. Of a stream that loses nothing every event is
yielded once, in order, whatever happens to connections and servers in between::

    client = Streams(["wss://desk.example.com/ws/desk"], token="tsk_…")
    async for message in client.follow(quotes=["NSE:ACME"]):
        print(message)

A socket that names in its address what it follows is followed without a name::

    client = Streams(["wss://desk.example.com/ws/positions/north-1"], token="tsk_…")
    async for message in client.follow():
        print(message)
"""

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

# Whoever is told one of these would only be told it again.
FINAL_CODES = {1002, 1007, 1009, 4400, 4401, 4403, 4404}
LONGEST_WAIT_S = 30.0
# A connection that lasted so long was a good one: the next is tried at once.
LASTING_S = 5.0

Message = dict[str, Any]


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The server will not have this client; the text says why."""


class Streams:
    """One socket at a time, to the first of ``urls`` that answers."""

    def __init__(self, urls: Sequence[str], *, token: str) -> None:
        self._urls = itertools.cycle(urls)
        self._token = token
        self._after: dict[str, dict[str, dict[str, Any]]] = {}
        self._newest: dict[str, Any] = {}
        self._wait_s = 0.0
        # What a server that stops has asked for.
        self._asked_s: float | None = None
        self._welcome_at: float | None = None

    async def follow(self, **streams: Sequence[str]) -> AsyncGenerator[Message, None]:
        """Yield what the streams tell of these keys, without end.

        Without any, what the address names.
        """
        while True:
            self._welcome_at = None
            try:
                async for message in self._once(streams):
                    yield message
            except ConnectionClosed as closed:
                if closed.rcvd and closed.rcvd.code in FINAL_CODES:
                    raise Refused(closed.rcvd.reason) from closed
            except (OSError, InvalidHandshake, TimeoutError):
                pass
            await asyncio.sleep(self._next_wait_s())

    async def _once(
        self, streams: dict[str, Sequence[str]]
    ) -> AsyncGenerator[Message, None]:
        url = next(self._urls)
        if self._newest and not streams:
            url = f"{url}?{urlencode(self._newest)}"
        async with connect(url, open_timeout=5, proxy=None) as socket:
            await socket.send(json.dumps({"type": "auth", "token": self._token}))
            for stream, keys in streams.items():
                asked: Message = {
                    "type": "subscribe",
                    "stream": stream,
                    "keys": list(keys),
                }
                if stream in self._after:
                    asked["after"] = self._after[stream]
                await socket.send(json.dumps(asked))
            async for text in socket:
                said = json.loads(text)
                for message in said if isinstance(said, list) else [said]:
                    self._note(message)
                    yield message

    def _note(self, message: Message) -> None:
        """Remember the position that a message brings, and when to come back."""
        # Of a snapshot of several frames nothing is known before the last of them.
        if "seq" in message and message.get("is_last", True):
            position = {name: message[name] for name in ("epoch", "seq")}
            self._newest = position
            self._after.setdefault(message["stream"], {})[message["key"]] = position
        elif message["type"] == "welcome":
            self._welcome_at = time.monotonic()
        elif message["type"] == "bye":
            self._asked_s = message["reconnect_after_ms"] / 1000

    def _next_wait_s(self) -> float:
        """Return how long to wait now, and longer each time that nothing lasts."""
        now = time.monotonic()
        if self._welcome_at is not None and now - self._welcome_at >= LASTING_S:
            self._wait_s = 0.0
        asked_s, self._asked_s = self._asked_s, None
        wait_s = self._wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._wait_s = min(max(0.1, 2 * self._wait_s), LONGEST_WAIT_S)
        return wait_s if asked_s is None else asked_s
