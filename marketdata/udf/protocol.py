"""The wire rules of TradingView's protocol: questions in, bodies out.

The client looks at the body only, never at the HTTP status, so a refusal is a JSON
body with ``s: error`` and a sentence that the chart can show.
"""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Protocol

import orjson
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

from tradingsite.access import open_to

# Twelve digits of seconds reach past the year 30000; milliseconds have thirteen.
_INTEGER = re.compile(r"-?[0-9]{1,12}")

_SCOPE = "read:market"

UdfView = Callable[[HttpRequest], HttpResponse]


class Principal(Protocol):
    """What this floor needs to know of who is asking; the door above knows more."""

    @property
    def user_id(self) -> int: ...

    def may(self, scope: str) -> bool: ...


class UdfError(Exception):
    """A question that has no answer, in the words its asker will read."""


def json_body(body: bytes, *, status: int = 200) -> HttpResponse:
    return HttpResponse(body, content_type="application/json", status=status)


def answer(value: Any) -> HttpResponse:
    return json_body(orjson.dumps(value))


def refusal(message: str, *, status: int = 200) -> HttpResponse:
    body = orjson.dumps({"s": "error", "errmsg": message})
    return json_body(body, status=status)


def integer(request: HttpRequest, name: str) -> int | None:
    """Return the integer parameter ``name`` of the request, None when absent."""
    return whole_number(request.GET, name)


def whole_number(asked: Mapping[str, str], name: str) -> int | None:
    """Return the integer called ``name``, None when absent; refuse anything else."""
    text = asked.get(name, "")
    if not text:
        return None
    if not _INTEGER.fullmatch(text):
        raise UdfError(f"{name} must be a whole number")
    return int(text)


def endpoint(view: UdfView) -> UdfView:
    """Let only a principal ask, by GET; turn refusals into the protocol's error."""

    @wraps(view)
    def door(request: HttpRequest) -> HttpResponse:
        response = _answered(view, request)
        # The open bar changes with every tick: nobody may keep an answer.
        response["Cache-Control"] = "no-store"
        return response

    return open_to(_SCOPE)(door)


def _answered(view: UdfView, request: HttpRequest) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        return refusal("only GET is understood here", status=405)
    try:
        return _shut_out(request) or view(request)
    except UdfError as refused:
        return refusal(str(refused))
    except SuspiciousOperation as suspicious:
        return refusal(str(suspicious), status=400)


def principal_of(request: HttpRequest) -> Principal | None:
    """Return who is asking, as the door above knows it."""
    found: Principal | None = import_string(settings.PRINCIPAL_OF)(request)
    return found


def _shut_out(request: HttpRequest) -> HttpResponse | None:
    principal = principal_of(request)
    if principal is None:
        return refusal("log in, or send an API key", status=401)
    if not principal.may(_SCOPE):
        return refusal("this API key may not read market data", status=403)
    return None
