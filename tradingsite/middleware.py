"""What stands around every request: its id, its log line, its time limit.

Each works for both worlds without a hop between threads: natively in async
(``iscoroutinefunction(get_response)``) and in sync. Under ASGI the id, the limit
and the bound on concurrency are enforced before Django, by ``tradingsite.limits``;
here they serve WSGI and the test client, and pass the budget on to the SQL.
"""

import asyncio
import io
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.decorators import sync_and_async_middleware
from whitenoise.middleware import WhiteNoiseMiddleware

from tradingsite import deadline as request_deadline
from tradingsite import logs, metrics, problems

CORRELATION_HEADER = "X-Correlation-ID"
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SLOW_S = 1.0
# Asked for every few seconds by machines: told only to who wants to hear it.
QUIET_PATHS = ("/health/", "/metrics", "/static/")
# Where the log's words about who asked stand in the scope of an ASGI request.
TOLD = "tradingsite.told"
# Stands in the scope of a request whose answer is kept for a while by who asks: what
# is said in it must be what the database says now.
EXACT = "tradingsite.exact"

logger = logging.getLogger("tradingsite.requests")

GetResponse = Callable[[HttpRequest], Any]
View = Callable[[HttpRequest], Awaitable[HttpResponse]]


def chosen_id(offered: str) -> str:
    """Return the id that the caller offers, if it is sane; else a new one."""
    return offered if SANE_ID.fullmatch(offered) else uuid.uuid4().hex


@sync_and_async_middleware
def correlation_id(get_response: GetResponse) -> GetResponse:
    """Take or make the id of the request, and return it with every answer."""
    if iscoroutinefunction(get_response):

        async def identified_async(request: HttpRequest) -> HttpResponseBase:
            chosen = chosen_id(request.headers.get(CORRELATION_HEADER, ""))
            # Never reset: the body may still be streamed after this returns, and
            # the context ends with the request's task.
            logs.correlation_id.set(chosen)
            response: HttpResponseBase = await get_response(request)
            response.headers[CORRELATION_HEADER] = chosen
            return response

        return identified_async

    def identified(request: HttpRequest) -> HttpResponseBase:
        chosen = chosen_id(request.headers.get(CORRELATION_HEADER, ""))
        token = logs.correlation_id.set(chosen)
        try:
            response: HttpResponseBase = get_response(request)
        finally:
            logs.correlation_id.reset(token)
        response.headers[CORRELATION_HEADER] = chosen
        return response

    return identified


@sync_and_async_middleware
def request_log(get_response: GetResponse) -> GetResponse:
    """Write one line per answer and measure how long it took."""
    if iscoroutinefunction(get_response):

        async def logged_async(request: HttpRequest) -> HttpResponseBase:
            started_at = time.perf_counter()
            response: HttpResponseBase = await get_response(request)
            note_answer(request, response, time.perf_counter() - started_at)
            return response

        return logged_async

    def logged(request: HttpRequest) -> HttpResponseBase:
        started_at = time.perf_counter()
        response: HttpResponseBase = get_response(request)
        note_answer(request, response, time.perf_counter() - started_at)
        return response

    return logged


def note_answer(
    request: HttpRequest, response: HttpResponseBase, took_s: float
) -> None:
    """Count and log an answer; the query string stays out, it may hold secrets."""
    method, status = str(request.method), response.status_code
    match = request.resolver_match
    route = match.route if match else "unmatched"
    told = principal_fields(request)
    if isinstance(request, ASGIRequest):
        cast("dict[str, Any]", request.scope)[TOLD] = told
    metrics.current().requests.labels(method, route, status).observe(took_s)
    log_answer(method, request.path, route, status, took_s, told)


def log_answer(
    method: str,
    path: str,
    route: str,
    status: int,
    took_s: float,
    told: dict[str, Any],
) -> None:
    """Write the line of one answer; ``told`` says who asked."""
    is_ordinary = status < 400 and took_s < SLOW_S
    logger.log(
        level_of(path, is_ordinary=is_ordinary),
        "%s %s %d",
        method,
        path,
        status,
        extra={
            "method": method,
            "route": route,
            "status": status,
            "duration_ms": round(took_s * 1000, 1),
            "is_ordinary": is_ordinary,
            **told,
        },
    )


def level_of(path: str, *, is_ordinary: bool) -> int:
    """Return how loud the line of this request is."""
    if is_ordinary:
        return logging.DEBUG if path.startswith(QUIET_PATHS) else logging.INFO
    return logging.WARNING


def principal_fields(request: HttpRequest) -> dict[str, Any]:
    """Return who asked, as far as the request was asked about it."""
    _, principal = request.META.get("tradingsite.subject") or (None, None)
    if principal is None:
        return {}
    # Named so that the masking of secrets leaves it readable.
    return {"user_id": principal.user_id, "credential": principal.key_id or "session"}


@sync_and_async_middleware
def deadline(get_response: GetResponse) -> GetResponse:
    """Give the request its budget; its statements and its calls keep to it."""
    if iscoroutinefunction(get_response):

        async def limited_async(request: HttpRequest) -> HttpResponseBase:
            with request_deadline.budget(settings.REQUEST_TIMEOUT_S):
                response: HttpResponseBase = await get_response(request)
            return response

        return limited_async

    def limited(request: HttpRequest) -> HttpResponseBase:
        with request_deadline.budget(settings.REQUEST_TIMEOUT_S):
            response: HttpResponseBase = get_response(request)
        return response

    return limited


class BothWorlds:
    """Passes requests on, natively in async and in sync."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)


class BusyDatabase(BothWorlds):
    """Answers 503 or 504 when a view met a full database, a limit or a breaker."""

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        return problems.trouble(request, error)


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc] # untyped package
    """Serves static files; natively async, so that nothing above it turns sync."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if not iscoroutinefunction(self.get_response):
            return super().__call__(request)
        if not request.path_info.startswith(self.static_prefix):
            return self.get_response(request)
        return self.serve_async(request)

    async def serve_async(self, request: HttpRequest) -> HttpResponseBase:
        return await asyncio.to_thread(self.read, request) or await self.get_response(
            request
        )

    def read(self, request: HttpRequest) -> HttpResponse | None:
        """Return the file whole: assets are small, and sync streams block the loop."""
        path = request.path_info
        found = self.find_file(path) if self.autorefresh else self.files.get(path)
        if found is None:
            return None
        answer = found.get_response(request.method, request.META)
        with answer.file or io.BytesIO() as file:
            response = HttpResponse(file.read(), status=int(answer.status))
        del response["Content-Type"]
        for name, value in answer.headers:
            response[name] = value
        return response


class HealthFirst(BothWorlds):
    """Answers ``/health/`` before anything that needs a host name or a session."""

    def __call__(self, request: HttpRequest) -> Any:
        view = self.view_of(request)
        if view is None:
            return self.get_response(request)
        if iscoroutinefunction(self.get_response):
            return view(request)
        return async_to_sync(view)(request)

    def view_of(self, request: HttpRequest) -> View | None:
        if not request.path_info.startswith("/health/"):
            return None
        try:
            match = resolve(request.path_info)
        except Resolver404:
            return None
        request.resolver_match = match
        return match.func
