"""What is answered when no view did: a page for people, a problem for programs."""

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.views import defaults
from django.views.csrf import csrf_failure

from tradingsite.problems import problem, trouble, wants_page

# Where a request keeps that its token was refused.
CSRF_REFUSED = "tradingsite.csrf_refused"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_page(request):
        return defaults.bad_request(request, exception)
    return problem(request, HTTPStatus.BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_page(request):
        return defaults.permission_denied(request, exception)
    return problem(request, HTTPStatus.FORBIDDEN)


def csrf_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Refuse a form without its token; marked, so that the audit can tell why."""
    request.META[CSRF_REFUSED] = True
    if wants_page(request):
        return csrf_failure(request, reason=reason)
    return problem(request, HTTPStatus.FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if wants_page(request):
        return defaults.page_not_found(request, exception)
    return problem(request, HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a mistake of ours, or trouble that a middleware met and no view saw."""
    if answer := trouble(request, sys.exc_info()[1]):
        return answer
    if wants_page(request):
        return defaults.server_error(request)
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR)
