"""The socket that tells of an account's orders as they change.

The first message authenticates, within ten seconds; after that ``ping`` is answered
with ``pong``, and a socket that says nothing for a minute is closed.
"""

import asyncio
import re
import time
from collections import Counter
from typing import Any

import orjson

from marketdata.simulator.asgi import Receive, Scope, Send
from marketdata.simulator.orders.order import Order

_PATH = re.compile(r"/advanced/ws/orders/(?P<account_id>[^/]{1,64})/?$")
_AUTH_S = 10.0
_SILENCE_S = 60.0
_SEND_S = 5.0
_MOST_WAITING = 1_000
_MOST_PER_ACCOUNT = 100
_REFUSED, _TOO_MANY, _TOO_SLOW, _SILENT = 4401, 4429, 4408, 4409


class OrderFeed:
    """Everybody who listens to orders, by account."""

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[bytes | None]]] = {}
        self._sockets: Counter[str] = Counter()

    def tell(self, order: Order) -> None:
        message = orjson.dumps(
            {
                "type": "order_update",
                "account_id": order.account_id,
                "data": order.payload(),
                "timestamp": time.time(),
            }
        )
        for queue in self._queues.get(order.account_id, ()):
            if queue.full():
                continue
            is_last = queue.qsize() == _MOST_WAITING - 1
            queue.put_nowait(None if is_last else message)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket until it leaves, is silent, or is too slow."""
        await receive()
        match = _PATH.match(scope["path"])
        if match is None:
            await send({"type": "websocket.close", "code": 4404})
            return
        account_id = match["account_id"]
        await send({"type": "websocket.accept"})
        if self._sockets[account_id] >= _MOST_PER_ACCOUNT:
            await send({"type": "websocket.close", "code": _TOO_MANY})
            return
        self._sockets[account_id] += 1
        try:
            await self._talk(account_id, receive, send)
        finally:
            self._sockets[account_id] -= 1

    async def _talk(self, account_id: str, receive: Receive, send: Send) -> None:
        if not await _is_authenticated(receive):
            await _say(send, {"type": "error", "message": "Authentication failed"})
            await send({"type": "websocket.close", "code": _REFUSED})
            return
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_WAITING)
        self._queues.setdefault(account_id, set()).add(queue)
        await _say(send, {"type": "authenticated", "account_id": account_id})
        await _say(send, {"type": "connected", "account_id": account_id})
        sending = asyncio.create_task(_forward(queue, send))
        listening = asyncio.create_task(_listen(receive, send))
        try:
            await asyncio.wait(
                {sending, listening}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            self._queues[account_id].discard(queue)
            for task in (sending, listening):
                task.cancel()
            await asyncio.gather(sending, listening, return_exceptions=True)


async def _is_authenticated(receive: Receive) -> bool:
    try:
        message = await asyncio.wait_for(receive(), _AUTH_S)
        body = orjson.loads(message.get("text") or message.get("bytes") or b"")
    except (TimeoutError, orjson.JSONDecodeError):
        return False
    if not isinstance(body, dict) or body.get("type") != "auth":
        return False
    key = body.get("api_key")
    return isinstance(key, str) and bool(key)


async def _listen(receive: Receive, send: Send) -> None:
    while True:
        try:
            message = await asyncio.wait_for(receive(), _SILENCE_S)
        except TimeoutError:
            await send({"type": "websocket.close", "code": _SILENT})
            return
        if message["type"] == "websocket.disconnect":
            return
        if (message.get("text") or "").strip().strip('"') == "ping":
            await send({"type": "websocket.send", "text": "pong"})


async def _forward(queue: "asyncio.Queue[bytes | None]", send: Send) -> None:
    while (message := await queue.get()) is not None:
        frame = {"type": "websocket.send", "text": message.decode()}
        await asyncio.wait_for(send(frame), _SEND_S)
    await send({"type": "websocket.close", "code": _TOO_SLOW})


async def _say(send: Send, message: dict[str, Any]) -> None:
    text = orjson.dumps(message).decode()
    await asyncio.wait_for(send({"type": "websocket.send", "text": text}), _SEND_S)
