"""One error shape for every door: ``application/problem+json`` (RFC 9457).

``problem(...)`` answers plain views (Django REST framework's: ``tradingsite.api``),
and ``answer_to(error)`` tells which trouble that is nobody's mistake (a busy
database, a time limit, a breaker) is which answer, wherever it was raised. ``code``
is stable and for programs, ``detail`` is for people, and neither tells what exists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

import orjson
import psycopg
import psycopg_pool
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tradingsite.breaker import BreakerOpen
from tradingsite.deadline import DeadlineExceeded
from tradingsite.logs import correlation_id

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 2
# What a 401 says one may come with.
BEARER = 'Bearer realm="api"'
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
PROGRAM_PATHS = ("/api/", "/udf/", "/health/", "/metrics")

CODES = {
    HTTPStatus.BAD_REQUEST: "invalid",
    HTTPStatus.UNAUTHORIZED: "not_authenticated",
    HTTPStatus.FORBIDDEN: "permission_denied",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal_error",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
    HTTPStatus.GATEWAY_TIMEOUT: "deadline_exceeded",
}
# The server is going down, full, or gone: another try may find it well again.
BUSY_STATES = (
    psycopg.errors.TooManyConnections,
    psycopg.errors.AdminShutdown,
    psycopg.errors.CannotConnectNow,
    psycopg.errors.CrashShutdown,
    psycopg.errors.LockNotAvailable,
)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What went wrong, as the caller is told."""

    status: int
    code: str = ""
    detail: str = ""
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    # Further members of the body, as the standard allows.
    members: Mapping[str, str] = field(default_factory=dict)

    def body(self, request: HttpRequest | None) -> dict[str, Any]:
        status = HTTPStatus(self.status)
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": status.phrase,
            "status": self.status,
            "detail": self.detail or status.description or status.phrase,
            "instance": request.path if request else "",
            "request_id": correlation_id.get(),
            "code": self.code or CODES.get(status, status.name.lower()),
        }
        if self.errors:
            body["errors"] = list(self.errors)
        return body | dict(self.members)

    def response(self, request: HttpRequest | None) -> HttpResponse:
        return HttpResponse(
            orjson.dumps(self.body(request)),
            content_type=CONTENT_TYPE,
            status=self.status,
            headers=dict(self.headers),
        )

    def page(self) -> HttpResponse:
        """Return it for people; only for statuses that have a page of their own."""
        page = loader.get_template(f"{int(self.status)}.html").render()
        return HttpResponse(page, status=self.status, headers=dict(self.headers))


BUSY = Problem(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    code="database_busy",
    detail="The database has no room for this request now; try again.",
    headers={"Retry-After": str(RETRY_AFTER_S)},
)
LATE = Problem(
    status=HTTPStatus.GATEWAY_TIMEOUT,
    code="deadline_exceeded",
    detail="The request took too long. Outcome unknown: a write may have been done.",
)
AWAY = Problem(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    code="dependency_unavailable",
    detail="A service this needs is away for a moment; try again.",
    headers={"Retry-After": str(RETRY_AFTER_S)},
)
OVERLOADED = Problem(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    code="overloaded",
    detail="Too many requests are being worked on; try again.",
    headers={"Retry-After": str(RETRY_AFTER_S)},
)


def late(method: str, path: str, idempotency_key: str) -> Problem:
    """Return what to say of a request that ran out of time and goes on by itself."""
    if method in SAFE_METHODS:
        return replace(LATE, detail="The request took too long.")
    if not idempotency_key:
        return LATE
    return replace(
        LATE,
        headers={"Idempotency-Key": idempotency_key},
        members={"instance": path, "idempotency_key": idempotency_key},
    )


def trouble(request: HttpRequest, error: BaseException | None) -> HttpResponse | None:
    """Answer trouble that is nobody's mistake, to a person or to a program."""
    found = None if error is None else answer_to(error)
    if found is None:
        return None
    if found is LATE:
        key = request.headers.get("Idempotency-Key", "")
        found = late(str(request.method), request.path, key)
    return found.page() if wants_page(request) else found.response(request)


def wants_page(request: HttpRequest) -> bool:
    """Tell a person with a browser from a program."""
    return is_for_people(request.path, request.headers.get("Accept", ""))


def is_for_people(path: str, accept: str) -> bool:
    """Tell whether a page is wanted at ``path``; some doors are for programs only."""
    return not path.startswith(PROGRAM_PATHS) and "text/html" in accept


def problem(
    request: HttpRequest | None,
    status: int,
    *,
    code: str = "",
    detail: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Return the answer that tells a caller what went wrong."""
    return Problem(
        status=status, code=code, detail=detail, errors=errors, headers=headers or {}
    ).response(request)


def answer_to(error: BaseException) -> Problem | None:
    """Return what to say of trouble that is nobody's mistake; None for a real one."""
    if isinstance(error, DeadlineExceeded):
        return LATE
    if isinstance(error, BreakerOpen | RedisConnectionError | RedisTimeoutError):
        return AWAY
    if isinstance(error, OperationalError | InterfaceError):
        return _answer_to_database(error.__cause__)
    return None


def _answer_to_database(cause: BaseException | None) -> Problem | None:
    if isinstance(cause, psycopg.errors.QueryCanceled):
        return LATE
    if isinstance(cause, psycopg_pool.PoolTimeout | psycopg_pool.TooManyRequests):
        return BUSY
    if isinstance(cause, BUSY_STATES):
        return BUSY
    # No SQLSTATE: the server said nothing, because the connection failed or broke.
    if isinstance(cause, psycopg.Error) and cause.sqlstate is None:
        return BUSY
    return None
