"""Who is asking: a person in a session, or a program with an API key.

``principal_of(request)`` answers for plain views; the two REST classes answer the
same for Django REST framework. An unknown id and a wrong secret take the same
path, and nobody is told which of the two it was.
"""

from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from accounts import audit, credentials
from accounts.addresses import client_address
from accounts.models import ApiKey, User
from accounts.principals import ALL_SCOPES, Principal
from tradingsite.problems import BEARER

__all__ = [
    "ApiKeyAuthentication",
    "KeyInQuery",
    "Principal",
    "SessionAuthentication",
    "client_address",
    "principal_of",
]

_SCHEME = "Bearer "
# Compared with when no key has the id, so that both refusals do the same work.
_NO_HASH = "0" * 64
_REMEMBERED = "tradingsite.subject"

Subject = tuple[User, Principal]


class KeyInQuery(SuspiciousOperation):
    """An API key came in an address, where logs and histories keep it: 400."""


def principal_of(request: HttpRequest) -> Principal | None:
    """Return who is asking, or None; remembered for the rest of the request.

    A request that shows a key is judged by the key alone, never by its session.
    """
    subject = _subject_of(request)
    return None if subject is None else subject[1]


def _subject_of(request: HttpRequest) -> Subject | None:
    if _REMEMBERED not in request.META:
        request.META[_REMEMBERED] = _identify(request)
    subject: Subject | None = request.META[_REMEMBERED]
    return subject


def _identify(request: HttpRequest) -> Subject | None:
    _refuse_key_in_query(request)
    text = _bearer(request)
    if text is not None:
        key = _key_of(request, text)
        return None if key is None else (key.user, key.principal())
    user = getattr(request, "user", None)
    return (user, _session_principal(user)) if isinstance(user, User) else None


def _session_principal(user: User) -> Principal:
    return Principal(
        user_id=user.pk,
        username=user.get_username(),
        kind="session",
        key_id=None,
        scopes=ALL_SCOPES,
        is_staff=user.is_staff,
    )


def _bearer(request: HttpRequest) -> str | None:
    header = str(request.META.get("HTTP_AUTHORIZATION", ""))
    text = header.removeprefix(_SCHEME).strip()
    is_key = header.startswith(_SCHEME) and text.startswith(credentials.PREFIX)
    return text if is_key else None


def _key_of(request: HttpRequest, text: str) -> ApiKey | None:
    """Return the key that ``text`` proves, when it may be used now and from here."""
    shown = credentials.parse(text)
    key = None if shown is None else _proven(shown)
    now = timezone.now()
    if key is None or not key.is_usable(now=now, address=client_address(request)):
        return None
    key.used(now)
    return key


def _proven(shown: credentials.KeyText) -> ApiKey | None:
    """Return the key with this id if the secret is right."""
    key = ApiKey.objects.with_id(shown.public_id)
    is_right = shown.proves(_NO_HASH if key is None else key.secret_hash)
    return key if is_right else None


def _refuse_key_in_query(request: HttpRequest) -> None:
    """Refuse a key in the address, and revoke it: it must be taken for leaked."""
    values = " ".join(value for _, many in request.GET.lists() for value in many)
    shown = credentials.find_all(values)
    if not shown:
        return
    for key in map(_proven, shown):
        if key is not None:
            _revoke_leaked(request, key)
    raise KeyInQuery("An API key stood in the address, so it was revoked.")


@transaction.atomic
def _revoke_leaked(request: HttpRequest, key: ApiKey) -> None:
    if ApiKey.objects.filter(pk=key.pk).revoke(timezone.now()):
        change = audit.Change(after={"because": "it stood in an address"})
        target = f"API key {key.pk} ({key})"
        audit.record(
            "key.revoked",
            source=audit.unknown(request),
            target=target,
            change=change,
        )


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """``Authorization: Bearer tsk_…`` for the REST API."""

    def authenticate(self, request: Request) -> Subject | None:
        plain = request._request
        try:
            subject = _subject_of(plain)
        except KeyInQuery as error:
            raise exceptions.ParseError(str(error), code="key_in_query") from error
        if _bearer(plain) is None:
            return None
        if subject is None:
            raise exceptions.AuthenticationFailed("The API key is not accepted.")
        return subject

    def authenticate_header(self, request: Request) -> str:
        return BEARER


class SessionAuthentication(authentication.SessionAuthentication):
    """A logged-in page that calls the REST API, with CSRF checked."""

    def authenticate(self, request: Request) -> Subject | None:
        found = super().authenticate(request)
        if found is None or not isinstance(found[0], User):
            return None
        return found[0], _session_principal(found[0])
