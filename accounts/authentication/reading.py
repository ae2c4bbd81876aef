"""What a request shows of itself: its address, its bearer, its session's cookie."""

import re
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest

from tradingsite.addresses import client_address

_SCHEME = "Bearer "
_AGENT = 200
_ADDRESS = 45
TOKEN_SHAPE = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)


class KeyInQuery(SuspiciousOperation):
    """A key or a token came in an address, where logs and histories keep it: 400."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where somebody logs in from, as they see it in the list of their log-ins."""

    address: str
    agent: str


def origin_of(request: HttpRequest) -> Origin:
    """Return where ``request`` comes from, cut to what is kept."""
    agent = str(request.META.get("HTTP_USER_AGENT", ""))
    # A server says it in Latin-1; NUL is nothing that a database keeps.
    return Origin(client_address(request)[:_ADDRESS], agent.replace("\0", "")[:_AGENT])


def bearer_of(request: HttpRequest) -> str | None:
    """Return what is shown as a bearer: ``tsk_…`` or a token; None without one."""
    header = str(request.META.get("HTTP_AUTHORIZATION", ""))
    if header[: len(_SCHEME)].lower() != _SCHEME.lower():
        return None
    return header[len(_SCHEME) :].strip()


def session_key_of(request: HttpRequest) -> str | None:
    return request.COOKIES.get(settings.SESSION_COOKIE_NAME) or None


def query_values(request: HttpRequest) -> str:
    """Return the values of the query in one text; empty when no secret can be there."""
    raw = str(request.META.get("QUERY_STRING", ""))
    if not raw:
        return ""
    return " ".join(value for _, many in request.GET.lists() for value in many)
