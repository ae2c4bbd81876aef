"""What stands around every request to write down what it was refused.

A 401 or 403 is a refusal whoever gave it, CSRF too. On an address of an account a 404
is one as well: whether the account is somebody else's or nobody's, the same work is
done, so that the time it takes tells neither.
"""

from http import HTTPStatus
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from accounts.audit import refusals
from accounts.audit.recording import record
from accounts.models import AuditEntry, TradingAccount
from tradingsite.middleware import GetResponse

REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
# Names under which an address holds the slug of an account.
ACCOUNT_WORDS = ("account", "account_id")
ACTION = "request.refused"
_CSRF_REFUSED = "tradingsite.csrf_refused"


@sync_and_async_middleware
def refused_attempts(get_response: GetResponse) -> GetResponse:
    """Write what was refused, in a transaction of its own, before the answer goes."""
    if iscoroutinefunction(get_response):

        async def noted_async(request: HttpRequest) -> HttpResponseBase:
            with refusals.keeping() as kept:
                response: HttpResponseBase = await get_response(request)
            if kept or _is_refusal(request, response):
                await sync_to_async(_write)(request, response, kept)
            return response

        return noted_async

    def noted(request: HttpRequest) -> HttpResponseBase:
        with refusals.keeping() as kept:
            response: HttpResponseBase = get_response(request)
        if kept or _is_refusal(request, response):
            _write(request, response, kept)
        return response

    return noted


def _is_refusal(request: HttpRequest, response: HttpResponseBase) -> bool:
    if response.status_code in REFUSED:
        return True
    return response.status_code == HTTPStatus.NOT_FOUND and bool(_slug_of(request))


def _write(
    request: HttpRequest, response: HttpResponseBase, kept: list[AuditEntry]
) -> None:
    """Write what the view told, or else what its answer tells."""
    if not kept:
        with refusals.keeping() as kept:
            record(
                ACTION,
                source=request,
                account=_account_of(request),
                target=f"{request.method} {request.path}",
                refused=_reason(request, response),
            )
    refusals.write(kept)


def _slug_of(request: HttpRequest) -> str:
    match = request.resolver_match
    kwargs = match.kwargs if match else {}
    return next((str(kwargs[word]) for word in ACCOUNT_WORDS if word in kwargs), "")


def _account_of(request: HttpRequest) -> TradingAccount | None:
    slug = _slug_of(request)
    return TradingAccount.objects.filter(slug=slug).first() if slug else None


def _reason(request: HttpRequest, response: HttpResponseBase) -> str:
    """Return the code of the answer, and that it was CSRF where it was."""
    data: Any = getattr(response, "data", None)
    code = str(data.get("code", "")) if isinstance(data, dict) else ""
    detail = str(data.get("detail", "")) if isinstance(data, dict) else ""
    if detail.startswith("CSRF") or request.META.get(_CSRF_REFUSED):
        return "csrf"
    return code or HTTPStatus(response.status_code).name.lower()
