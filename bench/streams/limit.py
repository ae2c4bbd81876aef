"""The limit: one frame made by hand and written to every transport of uvloop."""

import asyncio
import json
import os
import sys
from typing import cast

import redis.asyncio
import uvloop

from bench.streams import wire


class Client(asyncio.Protocol):
    """A connection that only ever listens."""

    def __init__(self, everybody: set[asyncio.Transport]) -> None:
        self._everybody = everybody
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own kind, which is no subclass.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._transport in self._everybody:
            return
        self._head += data
        if b"\r\n\r\n" not in self._head:
            return
        lines = self._head.split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines[1:] if b": " in line)
        accept = wire.accept_of(headers[b"Sec-WebSocket-Key"])
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._everybody.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._everybody.discard(self._transport)


async def serve(port: int) -> None:
    everybody: set[asyncio.Transport] = set()
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Client(everybody), "127.0.0.1", port, backlog=4096)
    async with redis.asyncio.from_url(os.environ["REDIS_URL"]).pubsub() as listening:
        await listening.subscribe(wire.channel())
        async for message in listening.listen():
            if message["type"] != "message":
                continue
            for key, body in json.loads(message["data"]).items():
                text = json.dumps(wire.update(key, body), separators=(",", ":"))
                made = wire.text_frame(text.encode())
                for transport in everybody:
                    transport.write(made)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
