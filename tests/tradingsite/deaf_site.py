"""A control: sockets on Channels' core layer, whose groups live in Redis alone."""

import asyncio
import json
import os
from typing import Any

from channels_redis.core import RedisChannelLayer

from tradingsite.redis.channels import channel_host

layer = RedisChannelLayer(
    hosts=[channel_host(os.environ["REDIS_URL"], [], "") | {"socket_timeout": 30}]
)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return
    await receive()
    await send({"type": "websocket.accept"})
    channel = await layer.new_channel()
    await layer.group_add("everybody", channel)
    await say(send, {"type": "joined"})
    passing = asyncio.create_task(pass_on(channel, send))
    while (message := await receive())["type"] == "websocket.receive":
        said = json.loads(message["text"])
        if said["type"] == "tell":
            await layer.group_send("everybody", {"type": "told", "n": said["n"]})
        await say(send, {"type": "done"})
    passing.cancel()


async def pass_on(channel: str, send: Any) -> None:
    while True:
        try:
            await say(send, await layer.receive(channel))
        except OSError:
            await asyncio.sleep(0.1)


async def say(send: Any, message: dict[str, Any]) -> None:
    await send({"type": "websocket.send", "text": json.dumps(message)})
