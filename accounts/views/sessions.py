"""Where one is logged in: the page and the API that list it and end it."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit, log_ins
from accounts.authentication import principal_of
from accounts.models import Session, TokenFamily
from accounts.permissions import IsPrincipal
from accounts.principals import Principal
from accounts.serializers.log_ins import LogInSerializer, NothingSerializer


def log_ins_of(principal: Principal | None) -> list[dict[str, Any]]:
    """Return the log-ins of a person that still stand, the newest use first."""
    now = timezone.now()
    sessions = Session.objects.for_subject(principal).alive(now)
    families = TokenFamily.objects.for_subject(principal).alive(now)
    rows = [
        *(_row(one, "session", one.last_seen_at, one.expire_date) for one in sessions),
        *(_row(one, "token", one.last_used_at, one.expires_at) for one in families),
    ]
    for row in rows:
        row["is_current"] = principal is not None and row["id"] == principal.proof_id
    return sorted(rows, key=lambda row: row["last_seen_at"], reverse=True)


def _row(
    one: Session | TokenFamily, kind: str, last_seen_at: Any, ends_at: Any
) -> dict[str, Any]:
    return {
        "id": one.public_id,
        "kind": kind,
        "address": one.address,
        "agent": one.agent,
        "started_at": one.started_at,
        "last_seen_at": last_seen_at,
        "ends_at": ends_at,
        "second_factor_at": one.second_factor_at,
    }


@never_cache
@login_required
@require_safe
def list_log_ins(request: HttpRequest) -> HttpResponse:
    """Show where one is logged in."""
    rows = log_ins_of(principal_of(request))
    return render(request, "accounts/sessions.html", {"rows": rows})


@login_required
@require_POST
def end_log_in(request: HttpRequest, public_id: str) -> HttpResponse:
    """End one of one's own log-ins."""
    principal = principal_of(request)
    if principal is None or not log_ins.end(principal, public_id, now=timezone.now()):
        raise Http404
    audit.record("log_in.ended", source=request, target=f"LogIn {public_id}")
    messages.success(request, "That log-in was ended.")
    return redirect("sessions")


@login_required
@require_POST
def end_other_log_ins(request: HttpRequest) -> HttpResponse:
    """End all of one's own log-ins but this one."""
    principal = principal_of(request)
    assert principal is not None
    count = log_ins.end_others(principal, now=timezone.now())
    audit.record("log_in.ended", source=request, target=f"{count} others")
    messages.success(request, f"{count} other log-ins were ended.")
    return redirect("sessions")


class LogInListView(APIView):
    """The log-ins of the caller that still stand; a key has none."""

    permission_classes = [IsPrincipal]

    @extend_schema(responses=LogInSerializer(many=True))
    def get(self, request: Request) -> Response:
        principal = request.auth
        assert isinstance(principal, Principal)
        return Response(LogInSerializer(log_ins_of(principal), many=True).data)


class LogInView(APIView):
    """One log-in of the caller."""

    permission_classes = [IsPrincipal]

    @extend_schema(request=None, responses={204: NothingSerializer})
    def delete(self, request: Request, public_id: str) -> Response:
        principal = request.auth
        assert isinstance(principal, Principal)
        if not log_ins.end(principal, public_id, now=timezone.now()):
            raise Http404
        audit.record("log_in.ended", source=principal, target=f"LogIn {public_id}")
        return Response(status=HTTPStatus.NO_CONTENT)
