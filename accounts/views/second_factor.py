"""The pages of one's own security: the second factor and the recovery codes."""

from typing import cast

import segno
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from accounts import audit, log_ins, second_factor
from accounts.authentication import principal_of
from accounts.forms import CodeForm
from accounts.models import RecoveryCode, SecondFactor, User
from accounts.step_up import demanded, fresh_second_factor
from accounts.views.log_in import safe_next


@never_cache
@login_required
@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Show how one's own account is kept."""
    user = cast("User", request.user)
    context = {
        "factor": SecondFactor.objects.confirmed().filter(user=user).first(),
        "codes_left": RecoveryCode.objects.filter(user=user, used_at=None).count(),
        "is_required": second_factor.is_required_of(user),
    }
    return render(request, "accounts/security.html", context)


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """Show a new secret, and put it in place once a code of it was shown."""
    user = cast("User", request.user)
    is_enrolled = second_factor.is_enrolled(user)
    # To replace one is dangerous; to get a first one is the way out of the gate.
    if is_enrolled and (ask := demanded(request)):
        return ask
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        now = timezone.now()
        if second_factor.confirm(user, form.cleaned_data["code"], now=now):
            return _enrolled(request, user)
        form.add_error("code", "That is not the code it shows. Check the clock.")
    secret = second_factor.proposed(user)
    if secret is None or request.method == "GET":
        secret = second_factor.propose(user)
    context = {
        "form": form,
        "secret": " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        "picture": _picture_of(second_factor.uri_of(user, secret)),
        "is_replacing": is_enrolled,
        "is_required": second_factor.is_required_of(user),
    }
    return render(request, "accounts/second_factor.html", context)


def _enrolled(request: HttpRequest, user: User) -> HttpResponse:
    principal = principal_of(request)
    assert principal is not None
    log_ins.step_up(request, principal, timezone.now())
    log_ins.end_others(principal, now=timezone.now())
    audit.record("second_factor.enrolled", source=request, target=f"User {user.pk}")
    return _show_recovery_codes(request, user)


def _picture_of(uri: str) -> SafeString:
    """Return a QR code as SVG; black on white also in the dark, or nothing reads it."""
    code = segno.make(uri, error="m", micro=False)
    return SafeString(
        code.svg_inline(scale=5, border=4, dark="#000", light="#fff", omitsize=True)
    )


@never_cache
@login_required
@require_POST
@fresh_second_factor
def renew_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Put new recovery codes in the place of the old, and show them this once."""
    user = cast("User", request.user)
    audit.record("recovery_codes.renewed", source=request, target=f"User {user.pk}")
    return _show_recovery_codes(request, user)


def _show_recovery_codes(request: HttpRequest, user: User) -> HttpResponse:
    context = {
        "codes": RecoveryCode.objects.renew(user.pk),
        "next_page": safe_next(request, request.GET.get("next", "")),
    }
    return render(request, "accounts/recovery_codes.html", context)
