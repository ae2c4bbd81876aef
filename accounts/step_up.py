"""Dangerous acts ask for a code that is not older than five minutes.

``fresh_second_factor`` stands before a page or a plain view, ``FreshSecondFactor``
before a REST view, ``demanded`` anywhere else (the admin). A page that was sent with
an old code is not lost: the form that asks for a new one carries it along.
"""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from rest_framework import exceptions
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import log_ins, second_factor
from accounts.authentication import subject_of
from accounts.principals import Principal
from tradingsite.problems import problem, wants_page

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
CODE_FIELD = "second_factor_code"
_TOLD = "Show a code of your second factor that is not older than five minutes."


class StepUpRequired(exceptions.PermissionDenied):
    """The act needs a fresh code: ``POST /api/v1/auth/step-up``."""

    default_code = "step_up_required"
    default_detail = _TOLD


class FreshSecondFactor(BasePermission):
    """A code was shown within five minutes; keys cannot show one."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            return True
        principal = request.auth
        if not isinstance(principal, Principal):
            return False
        if not principal.has_fresh_second_factor(timezone.now()):
            raise StepUpRequired
        return True


def fresh_second_factor(view: View[P]) -> View[P]:
    """Ask for a code before ``view`` unless one was shown within five minutes."""

    @wraps(view)
    def checked(
        request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponseBase:
        return demanded(request) or view(request, *args, **kwargs)

    return checked


def demanded(request: HttpRequest) -> HttpResponse | None:
    """Return what asks for a code; None when one is fresh, or came with the form."""
    subject = subject_of(request)
    if subject is None:
        return None
    user, principal = subject
    if principal.has_fresh_second_factor(timezone.now()):
        return None
    if principal.kind != "session" or not wants_page(request):
        return problem(
            request, HTTPStatus.FORBIDDEN, code="step_up_required", detail=_TOLD
        )
    is_enrolled = second_factor.is_enrolled(user)
    if is_enrolled and request.method == "POST" and not _holds_secrets(request):
        return _ask_with_the_form(request)
    page = "step-up" if is_enrolled else "second-factor"
    return redirect_to(page, request.get_full_path())


def redirect_to(name: str, next_page: str) -> HttpResponse:
    return redirect(f"{reverse(name)}?{urlencode({'next': next_page})}")


def _holds_secrets(request: HttpRequest) -> bool:
    # What must not be written into a page cannot be carried along.
    words = ("password", "secret", "credential", "token")
    names = (name.lower() for name in request.POST if name != "csrfmiddlewaretoken")
    return bool(request.FILES) or any(word in name for name in names for word in words)


def _ask_with_the_form(request: HttpRequest) -> HttpResponse | None:
    """Take the code that came with the form; ask, form and all, when none did."""
    error, status = "", HTTPStatus.OK
    code = request.POST.get(CODE_FIELD)
    if code is not None:
        error = shown(request, code)
        if not error:
            return None
        status = HTTPStatus.FORBIDDEN
    own = {CODE_FIELD, "csrfmiddlewaretoken"}
    carried = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in own
        for value in values
    ]
    context = {"carried": carried, "error": error, "field": CODE_FIELD}
    response = render(request, "accounts/step_up_form.html", context, status=status)
    add_never_cache_headers(response)
    return response


def shown(request: HttpRequest, code: str) -> str:
    """Use ``code`` up for the session of ``request``; return what was wrong."""
    subject = subject_of(request)
    assert subject is not None
    user, principal = subject
    try:
        now = log_ins.show_code(request, user, code)
    except second_factor.CodeError as error:
        return words_of(error)
    log_ins.step_up(request, principal, now)
    return ""


def words_of(error: second_factor.CodeError) -> str:
    """Return a refusal in words for people."""
    minutes = -(-int(error.wait.total_seconds()) // 60)
    if error.wait:
        return f"Too many tries. Try again in {minutes} min."
    return "That code is not accepted. Wait for the next one and try again."
