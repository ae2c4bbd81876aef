"""The four middlewares of the original, in the form they had: BaseHTTPMiddleware."""

import logging
import time
import uuid
from collections import Counter

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.responses import Response

logger = logging.getLogger("original")


class Metrics(BaseHTTPMiddleware):
    """Counts requests by path and status."""

    counts: Counter[tuple[str, int]] = Counter()

    async def dispatch(
        self, request: Request, call_next: RequestResponseEndpoint
    ) -> Response:
        response = await call_next(request)
        self.counts[request.url.path, response.status_code] += 1
        return response


class Errors(BaseHTTPMiddleware):
    """Turns what was raised into a JSON answer."""

    async def dispatch(
        self, request: Request, call_next: RequestResponseEndpoint
    ) -> Response:
        try:
            return await call_next(request)
        except LookupError as error:
            return JSONResponse({"detail": str(error)}, status_code=404)


class RequestLog(BaseHTTPMiddleware):
    """Logs each request with its time, which it also sends back."""

    async def dispatch(
        self, request: Request, call_next: RequestResponseEndpoint
    ) -> Response:
        started = time.time()
        response = await call_next(request)
        taken_s = time.time() - started
        response.headers["X-Process-Time"] = str(taken_s)
        logger.info("%s %s %.3f", request.method, request.url.path, taken_s)
        return response


class CorrelationId(BaseHTTPMiddleware):
    """Takes or makes the id of a request and sends it back."""

    async def dispatch(
        self, request: Request, call_next: RequestResponseEndpoint
    ) -> Response:
        given = request.headers.get("X-Correlation-ID") or str(uuid.uuid4())
        request.state.correlation_id = given
        response = await call_next(request)
        response.headers["X-Correlation-ID"] = given
        return response


def install(app: FastAPI) -> None:
    """Add them in the original's order: the correlation id stands innermost."""
    for middleware in (CorrelationId, RequestLog, Errors, Metrics):
        app.add_middleware(middleware)
