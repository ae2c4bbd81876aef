"""The original's hub: FastAPI, a queue of 500 per socket, JSON made for each of them.

Rebuilt from its review: a listener hands what Redis publishes to ``broadcast``, which
puts it into every queue and throws the oldest away where one is full.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import redis.asyncio
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from bench.streams import wire

QUEUE = 500


class RealTimeHub:
    """Every subscriber has a queue; a full one loses its oldest message."""

    def __init__(self) -> None:
        self.queues: set[asyncio.Queue[dict[str, Any]]] = set()

    def subscribe(self) -> asyncio.Queue[dict[str, Any]]:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(QUEUE)
        self.queues.add(queue)
        return queue

    async def broadcast(self, message: dict[str, Any]) -> None:
        for queue in list(self.queues):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(message)


async def listen(hub: RealTimeHub) -> None:
    async with redis.asyncio.from_url(os.environ["REDIS_URL"]).pubsub() as listening:
        await listening.subscribe(wire.channel())
        async for message in listening.listen():
            if message["type"] == "message":
                for key, body in json.loads(message["data"]).items():
                    await hub.broadcast(wire.update(key, body))


@contextlib.asynccontextmanager
async def lifespan(application: FastAPI) -> AsyncIterator[None]:
    application.state.hub = RealTimeHub()
    task = asyncio.create_task(listen(application.state.hub))
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.websocket("/ws")
async def stream(socket: WebSocket) -> None:
    await socket.accept()
    queue = app.state.hub.subscribe()
    try:
        while True:
            await socket.send_json(await queue.get())
    except (WebSocketDisconnect, RuntimeError):
        pass
    finally:
        app.state.hub.queues.discard(queue)
