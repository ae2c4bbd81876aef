"""One's own API keys: the page and the API that make, list and revoke them."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit
from accounts.authentication import principal_of
from accounts.forms import OwnKeyForm
from accounts.models import ApiKey
from accounts.permissions import IsPrincipal
from accounts.principals import Principal
from accounts.serializers.keys import (
    ApiKeySerializer,
    IssuedKeySerializer,
    NewKeySerializer,
)
from accounts.serializers.log_ins import NothingSerializer
from accounts.step_up import FreshSecondFactor, fresh_second_factor


def issued(
    source: HttpRequest | Principal, principal: Principal, choices: dict[str, Any]
) -> ApiKey:
    """Make a key of ``principal`` with what was chosen, and tell the audit."""
    with transaction.atomic():
        key = ApiKey.objects.issue(
            user_id=principal.user_id, now=timezone.now(), **choices
        )
        audit.record(
            "key.issued",
            source=source,
            target=f"ApiKey {key.public_id}",
            change=audit.Change(after={"scopes": key.scopes, "name": key.name}),
        )
    return key


def revoked(
    source: HttpRequest | Principal, principal: Principal | None, public_id: str
) -> None:
    """Revoke a key of ``principal``; it is felt everywhere within a second."""
    keys = ApiKey.objects.for_subject(principal).filter(public_id=public_id)
    with transaction.atomic():
        if not keys.revoke(timezone.now()):
            raise Http404
        audit.record("key.revoked", source=source, target=f"ApiKey {public_id}")


@never_cache
@login_required
@require_safe
def list_keys(request: HttpRequest) -> HttpResponse:
    """Show one's own keys."""
    keys = ApiKey.objects.for_subject(principal_of(request))
    context = {"keys": keys.prefetch_related("accounts")}
    return render(request, "accounts/keys.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
@fresh_second_factor
def make_key(request: HttpRequest) -> HttpResponse:
    """Ask what a new key is for; show it, this once, in the answer itself."""
    principal = principal_of(request)
    assert principal is not None
    form = OwnKeyForm(request.POST or None, principal=principal)
    if request.method == "POST" and form.is_valid():
        key = issued(request, principal, form.choices())
        return render(request, "accounts/key_issued.html", {"key": key})
    return render(request, "accounts/key_new.html", {"form": form})


@login_required
@require_POST
def revoke_key(request: HttpRequest, public_id: str) -> HttpResponse:
    """Revoke one of one's own keys."""
    revoked(request, principal_of(request), public_id)
    messages.success(request, "The key was revoked.")
    return redirect("keys")


class ApiKeyListView(ListAPIView[ApiKey]):
    """The keys of the caller; a key sees none, and makes none."""

    serializer_class = ApiKeySerializer
    permission_classes = [IsPrincipal, FreshSecondFactor]

    def get_queryset(self) -> QuerySet[ApiKey]:
        subject = (
            self.request.auth if isinstance(self.request.auth, Principal) else None
        )
        return ApiKey.objects.for_subject(subject).prefetch_related("accounts")

    @extend_schema(request=NewKeySerializer, responses={201: IssuedKeySerializer})
    def post(self, request: Request) -> Response:
        principal = request.auth
        assert isinstance(principal, Principal)
        asked = NewKeySerializer(data=request.data, context={"principal": principal})
        asked.is_valid(raise_exception=True)
        key = issued(principal, principal, asked.choices())
        return Response(
            IssuedKeySerializer(key).data,
            status=HTTPStatus.CREATED,
            headers={"Cache-Control": "no-store"},
        )


class ApiKeyView(APIView):
    """One key of the caller."""

    permission_classes = [IsPrincipal]

    @extend_schema(request=None, responses={204: NothingSerializer})
    def delete(self, request: Request, public_id: str) -> Response:
        principal = request.auth
        assert isinstance(principal, Principal)
        revoked(principal, principal, public_id)
        return Response(status=HTTPStatus.NO_CONTENT)
