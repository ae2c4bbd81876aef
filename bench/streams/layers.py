"""Channels as its documentation has it: a group, and a consumer per socket."""

import asyncio
import json
import os

os.environ["DJANGO_SETTINGS_MODULE"] = "bench.streams.settings"

import django

django.setup()

from typing import Any  # noqa: E402

import redis.asyncio  # noqa: E402
from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

from bench.streams import wire  # noqa: E402


class Everybody(AsyncJsonWebsocketConsumer):  # type: ignore[misc] # untyped package
    """A socket that is told what the group is told."""

    async def connect(self) -> None:
        await self.channel_layer.group_add("bench", self.channel_name)
        await self.accept()

    async def tell(self, message: dict[str, Any]) -> None:
        await self.send_json(message["content"])

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard("bench", self.channel_name)


async def listen() -> None:
    layer = get_channel_layer()
    async with redis.asyncio.from_url(os.environ["REDIS_URL"]).pubsub() as listening:
        await listening.subscribe(wire.channel())
        async for message in listening.listen():
            if message["type"] == "message":
                for key, body in json.loads(message["data"]).items():
                    told = {"type": "tell", "content": wire.update(key, body)}
                    await layer.group_send("bench", told)


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    task = asyncio.create_task(listen())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    task.cancel()
    await send({"type": "lifespan.shutdown.complete"})


_consumer: Any = Everybody.as_asgi()
application = ProtocolTypeRouter(
    {"websocket": URLRouter([path("ws", _consumer)]), "lifespan": lifespan}
)
