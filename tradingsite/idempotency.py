"""Commands that may be sent twice and are carried out once.

The client puts a key of its own making in ``Idempotency-Key``; the view is marked::

    @idempotent
    def post(self, request): ...

The effect, and the answer under ``UNIQUE (principal, route, key)``, are written in
one transaction, held by an advisory lock: a crash at any moment leaves both or
neither, and no half-done row that somebody would have to clear. What comes back for
a key: the same request again, the first answer with ``Idempotent-Replayed: true``;
another request, 422; while the first is at work, 409 with ``Retry-After``. An answer
that tells of no effect (4xx, 5xx, an exception) is not kept: the key stays free.
"""

import hashlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.http.request import RawPostDataException
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from tradingsite import claims
from tradingsite.api import problem
from tradingsite.models.idempotency import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
LONGEST_KEY = 255
KEPT_HEADERS = ("Location",)
MOST_PRUNED = 5_000
# Longer than a request may take.
CLAIMED_S = 60.0

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def idempotent(view: View) -> View:
    """Carry out the command of a view, or of a method of one, once per key."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> HttpResponseBase:
        # A method gets ``self`` first.
        request = next(arg for arg in args if isinstance(arg, HttpRequest | Request))
        plain = request._request if isinstance(request, Request) else request
        key = plain.headers.get(HEADER, "")
        if not _is_key(key):
            return _no_key(plain)
        command = partial(view, *args, **kwargs)
        return _carry_out_once(plain, _scope(request, plain, key), command)

    return guarded  # type: ignore[return-value]


def idempotent_outside_transaction(view: View) -> View:
    """Carry out a command once per key that must not be inside a transaction.

    For commands that call somebody outside, write in transactions of their own, and
    do no harm when they are carried out again: after a crash between the effect and
    its answer, the same key carries it out a second time. A claim keeps two requests
    with one key apart.
    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> HttpResponseBase:
        request = next(arg for arg in args if isinstance(arg, HttpRequest | Request))
        plain = request._request if isinstance(request, Request) else request
        key = plain.headers.get(HEADER, "")
        if not _is_key(key):
            return _no_key(plain)
        command = partial(view, *args, **kwargs)
        return _carry_out_under_claim(plain, _scope(request, plain, key), command)

    return guarded  # type: ignore[return-value]


def prune(age: timedelta) -> int:
    """Forget the answers older than ``age``, a bounded number at a time."""
    old = IdempotencyKey.objects.filter(created_at__lt=Now() - age)
    chosen = list(old.order_by("created_at").values_list("pk", flat=True)[:MOST_PRUNED])
    deleted, _ = IdempotencyKey.objects.filter(pk__in=chosen).delete()
    return deleted


def _scope(request: HttpRequest | Request, plain: HttpRequest, key: str) -> list[str]:
    """Return what a key belongs to: who sent it, where, and the key itself."""
    principal = getattr(request, "auth", None) or getattr(plain, "principal", None)
    user_id = getattr(principal, "user_id", None)
    user_id = user_id or getattr(getattr(request, "user", None), "pk", None)
    if user_id is None:
        raise PermissionDenied
    match = plain.resolver_match
    route = (match.view_name or match.route) if match else plain.path
    return [f"user:{user_id}", f"{plain.method} {route}"[:200], key]


def _is_key(key: str) -> bool:
    return key.isascii() and key.isprintable() and 0 < len(key) <= LONGEST_KEY


def _no_key(request: HttpRequest) -> HttpResponse:
    return problem(
        request,
        HTTPStatus.BAD_REQUEST,
        code="idempotency_key_required",
        detail=f"{HEADER} must hold 1 to {LONGEST_KEY} ASCII characters.",
    )


def _in_use(request: HttpRequest) -> HttpResponse:
    return problem(
        request,
        HTTPStatus.CONFLICT,
        code="idempotency_key_in_use",
        detail="The first request with this key is still at work.",
        headers={"Retry-After": "1"},
    )


def _stored(scope: list[str]) -> IdempotencyKey | None:
    return IdempotencyKey.objects.filter(
        principal=scope[0], route=scope[1], key=scope[2]
    ).first()


def _carry_out_under_claim(
    request: HttpRequest, scope: list[str], command: Callable[[], HttpResponseBase]
) -> HttpResponse:
    digest = _digest(request)
    name = hashlib.sha256("\n".join(scope).encode()).hexdigest()
    lease = claims.acquire(f"idempotency:{name}", uuid.uuid4().hex, CLAIMED_S)
    if lease is None:
        return _in_use(request)
    try:
        stored = _stored(scope)
        if stored is not None:
            return _replay(request, stored, digest)
        answer = _plain_answer(command())
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            with transaction.atomic():
                claims.fence(lease)
                _keep(scope, digest, answer)
        return answer
    finally:
        claims.discard(lease)


def _carry_out_once(
    request: HttpRequest, scope: list[str], command: Callable[[], HttpResponseBase]
) -> HttpResponse:
    digest = _digest(request)
    with transaction.atomic():
        if not claims.try_serialize("\n".join(["idempotency", *scope])):
            return _in_use(request)
        stored = _stored(scope)
        if stored is not None:
            return _replay(request, stored, digest)
        answer = _plain_answer(command())
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            transaction.set_rollback(True)
        elif answer.status_code < HTTPStatus.BAD_REQUEST:
            _keep(scope, digest, answer)
    return answer


def _replay(request: HttpRequest, stored: IdempotencyKey, digest: str) -> HttpResponse:
    if stored.request_hash != digest:
        return problem(
            request,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            code="idempotency_key_reused",
            detail="This key was used for another request.",
        )
    return HttpResponse(
        bytes(stored.body),
        status=stored.status,
        content_type=stored.content_type,
        headers={**stored.headers, REPLAYED: "true"},
    )


def _keep(scope: list[str], digest: str, answer: HttpResponse) -> None:
    IdempotencyKey.objects.create(
        principal=scope[0],
        route=scope[1],
        key=scope[2],
        request_hash=digest,
        status=answer.status_code,
        content_type=answer.headers.get("Content-Type", ""),
        headers={
            name: answer.headers[name]
            for name in KEPT_HEADERS
            if name in answer.headers
        },
        body=answer.content,
        created_at=timezone.now(),
    )


def _plain_answer(answer: HttpResponseBase) -> HttpResponse:
    """Return ``answer`` as bytes that can be kept and sent again unchanged."""
    if isinstance(answer, Response):
        names = {name: answer.headers[name] for name in answer.headers}
        names["Content-Type"] = answer.content_type or JSONRenderer.media_type
        body = JSONRenderer().render(answer.data)
        return HttpResponse(body, status=answer.status_code, headers=names)
    if not isinstance(answer, HttpResponse):
        raise TypeError("A streamed answer cannot be kept for a retry.")
    return answer


def _digest(request: HttpRequest) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    try:
        digest.update(request.body)
    except RawPostDataException:
        # A form that was read already: its fields and files say the same.
        digest.update(request.POST.urlencode().encode())
        for name, files in sorted(request.FILES.lists()):
            for file in files:
                digest.update(f"\n{name}\n{file.name}\n".encode())
                digest.update(file.read())
                file.seek(0)
    return digest.hexdigest()
