"""What a view asks for before it runs: a principal, or one with a scope."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase

from accounts.authentication import principal_of
from tradingsite.problems import BEARER, problem

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def principal_required(view: View[P]) -> View[P]:
    """Answer 401 to whoever is not known; otherwise call ``view``."""
    return scope_required(None)(view)


def scope_required(scope: str | None) -> Callable[[View[P]], View[P]]:
    """Answer 403 to a key that was not given ``scope``."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(
            request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            principal = principal_of(request)
            if principal is None:
                return _refusal(request, HTTPStatus.UNAUTHORIZED)
            if scope is not None and not principal.may(scope):
                return _refusal(request, HTTPStatus.FORBIDDEN)
            return view(request, *args, **kwargs)

        return checked

    return decorate


def _refusal(request: HttpRequest, status: HTTPStatus) -> HttpResponseBase:
    is_unknown = status == HTTPStatus.UNAUTHORIZED
    return problem(
        request, status, headers={"WWW-Authenticate": BEARER} if is_unknown else None
    )
