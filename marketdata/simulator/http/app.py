"""The ASGI application: reads a request, meets the faults, asks a view, answers."""

import asyncio
import logging
from urllib.parse import parse_qs

from marketdata.simulator.asgi import Receive, Scope, Send
from marketdata.simulator.http.messages import ApiError, Request, Response, refusal
from marketdata.simulator.http.routes import found
from marketdata.simulator.simulation import Simulation

logger = logging.getLogger(__name__)

_MOST_BYTES = 1024 * 1024


class Application:
    """The doors of one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _send(send, await self._answered(scope, receive))
        elif scope["type"] == "websocket":
            await self._simulation.order_feed.serve(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive) -> Response:
        try:
            request = await _read(scope, receive)
            if not request.path.startswith("/faults"):
                await self._meet_fault(request.path)
            view, parts = found(request.method, request.path)
            return await view(self._simulation, _with_parts(request, parts))
        except ApiError as error:
            return refusal(error)
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            message = "Something went wrong"
            return refusal(ApiError(message, status=500, error_type="GeneralException"))

    async def _meet_fault(self, path: str) -> None:
        fault = self._simulation.faults.drawn(path)
        if fault is None:
            return
        await asyncio.sleep(fault.delay_s())
        if fault.status:
            raise ApiError(
                "A fault was asked for",
                status=fault.status,
                error_type="NetworkException",
            )


async def _read(scope: Scope, receive: Receive) -> Request:
    body = bytearray()
    is_more = True
    while is_more:
        message = await receive()
        body += message.get("body", b"")
        is_more = message.get("more_body", False)
        if len(body) > _MOST_BYTES:
            raise ApiError("The body is too large", status=413)
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=parse_qs(scope["query_string"].decode(), keep_blank_values=True),
        body=bytes(body),
        headers={name.decode(): text.decode() for name, text in scope["headers"]},
    )


def _with_parts(request: Request, parts: dict[str, str]) -> Request:
    return Request(
        method=request.method,
        path=request.path,
        query=request.query,
        body=request.body,
        headers=request.headers,
        parts=parts,
    )


async def _send(send: Send, response: Response) -> None:
    headers = [
        (b"content-type", response.content_type),
        (b"content-length", str(len(response.body)).encode()),
    ]
    await send(
        {"type": "http.response.start", "status": response.status, "headers": headers}
    )
    await send({"type": "http.response.body", "body": response.body})
