"""Who is at the other end of a socket, and whether a page of ours opened it.

A browser sends its session cookie with a socket that any page opens, and asks nobody.
So a socket with a session is believed only with the exact Origin of this site. A
program shows an API key, a token or a ticket instead: in the Authorization header, as
the subprotocol ``auth.<token>``, or in its first frame.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable
from urllib.parse import parse_qsl

from django.conf import settings
from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    SuspiciousOperation,
)
from django.http import HttpRequest, QueryDict
from django.http.cookie import parse_cookie
from django.utils.module_loading import import_string
from redis.exceptions import RedisError

from tradingsite.addresses import client_address
from tradingsite.ratelimit import Asker, family_of, take
from tradingsite.streaming.codes import Close

SUBPROTOCOL = "tradingsite.v1"
_TOKEN_PREFIX = "auth."  # noqa: S105 - what stands before a token


@runtime_checkable
class Principal(Hashable, Protocol):
    """What the ground floor needs to know of who is asking."""

    @property
    def user_id(self) -> int: ...

    def may(self, scope: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Caller:
    """Who opened a socket, and from where."""

    principal: Principal
    address: str = ""


class Refused(Exception):  # noqa: N818 - reads as what happened
    """The socket is closed with a code, and the reason in words."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Handshake(HttpRequest):
    """The request that asked for a socket, as the doors of HTTP know requests."""

    def __init__(self, scope: dict[str, Any], token: str | None = None) -> None:
        super().__init__()
        self.scope = scope
        self._is_secure = scope.get("scheme") == "wss"
        self.method = "GET"
        self.path = self.path_info = scope["path"]
        client = scope.get("client") or ("", 0)
        server = scope.get("server") or ("", 0)
        self.META = {
            "REMOTE_ADDR": client[0],
            "SERVER_NAME": server[0],
            "SERVER_PORT": str(server[1]),
            "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        }
        for name, value in scope["headers"]:
            meta = f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
            self.META[meta] = value.decode("latin-1")
        if token is not None:
            self.META["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        self.COOKIES = parse_cookie(self.META.get("HTTP_COOKIE", ""))
        self.GET = cast("Any", _asked(self.META["QUERY_STRING"]))

    def _get_scheme(self) -> str:
        return "https" if self._is_secure else "http"

    def showing(self, token: str) -> "Handshake":
        """Return the same handshake with a token, as if it had brought it."""
        return Handshake(self.scope, token)

    @property
    def session_key(self) -> str | None:
        return self.COOKIES.get(settings.SESSION_COOKIE_NAME) or None

    @property
    def shows_token(self) -> bool:
        return bool(self.META.get("HTTP_AUTHORIZATION"))

    def is_from_own_page(self) -> bool:
        """Tell whether the Origin is exactly ours."""
        origin = self.META.get("HTTP_ORIGIN")
        if not origin:
            return False
        try:
            own = f"{self.scheme}://{self.get_host()}"
        except DisallowedHost:
            return False
        return origin == own or origin in settings.CSRF_TRUSTED_ORIGINS


def _asked(query: str) -> QueryDict:
    """Return the fields of an address, however many: each is looked at for secrets.

    The server's limit on the length of a request line is limit enough.
    """
    found = QueryDict(mutable=True)
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        found.appendlist(name, value)
    return found


def token_in(subprotocols: list[str]) -> str | None:
    """Return the token that a browser offered as a subprotocol, if it did."""
    offered = (p for p in subprotocols if p.startswith(_TOKEN_PREFIX))
    first = next(offered, None)
    return None if first is None else first.removeprefix(_TOKEN_PREFIX)


def identify(handshake: Handshake) -> Caller | None:
    """Return who opened the socket, or None; asks the database and Redis.

    Raises ``Refused`` for who may not come in whatever else they show.
    """
    try:
        count(handshake)
        principal = import_string(settings.STREAM_PRINCIPAL_OF)(handshake)
    except SuspiciousOperation as error:
        raise Refused(Close.UNAUTHENTICATED, str(error)) from error
    except PermissionDenied as error:
        raise Refused(Close.FORBIDDEN, str(error)) from error
    return None if principal is None else Caller(principal, client_address(handshake))


def count(handshake: Handshake) -> None:
    """Count the handshake against what its asker may ask; without Redis it is not."""
    family = family_of(handshake.path)
    if family is None or not settings.RATE_LIMIT_PLANS:
        return
    asker: Asker = import_string(settings.RATE_LIMIT_ASKER)(handshake)
    allowances = asker.allowances(family)
    try:
        verdict = take(allowances) if allowances else None
    except RedisError:
        # The places of sockets are still counted, by each process.
        return
    if verdict is not None and not verdict.is_allowed:
        reason = f"too many sockets opened; come back in {verdict.reset_s} s"
        raise Refused(Close.TOO_MANY, reason)
