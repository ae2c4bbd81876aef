"""What a view asks for before it runs: a principal, a scope, a right on an account.

A desk or an account that the subject may not see is answered like one that is not
there: 404, the same body. One that it sees and may not do this with is 403, and the
attempt is written down.
"""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, NoReturn, ParamSpec

from django.http import Http404, HttpRequest, HttpResponseBase
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import audit
from accounts.authentication import principal_of
from accounts.models import Desk, TradingAccount
from accounts.principals import Principal, Scope
from accounts.roles import Action
from tradingsite.access import open_to
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

        return open_to(scope or "principals")(checked)

    return decorate


def _refusal(request: HttpRequest, status: HTTPStatus) -> HttpResponseBase:
    is_unknown = status == HTTPStatus.UNAUTHORIZED
    return problem(
        request, status, headers={"WWW-Authenticate": BEARER} if is_unknown else None
    )


class IsPrincipal(BasePermission):
    """Anybody who is known: a person, or a key of any scope."""

    scope: Scope | None = None

    def has_permission(self, request: Request, view: APIView) -> bool:
        principal = request.auth
        if not isinstance(principal, Principal):
            return False
        return self.scope is None or principal.may(self.scope)


class MayReadAccounts(IsPrincipal):
    """A person in a session, or a key that was given ``read:accounts``."""

    message = "This API key may not read accounts."
    scope = Scope.READ_ACCOUNTS


def subject_of(request: Request) -> Principal | None:
    """Return who calls; None where the schema is made without a caller."""
    return request.auth if isinstance(request.auth, Principal) else None


def account_for(request: Request, slug: str, action: Action) -> TradingAccount:
    """Return the account on which the caller may do ``action``, or refuse."""
    principal = subject_of(request)
    seen = TradingAccount.objects.for_subject(principal).select_related("desk")
    account = seen.filter(slug=slug).first()
    if account is None:
        raise Http404
    may = TradingAccount.objects.for_subject(principal, action)
    if action is not Action.READ and not may.filter(pk=account.pk).exists():
        _refuse(request, action, target=f"TradingAccount {account.pk}", account=account)
    return account


def desk_for(request: Request, slug: str, action: Action) -> Desk:
    """Return the desk on which the caller may do ``action``, or refuse."""
    principal = subject_of(request)
    desk = Desk.objects.for_subject(principal).filter(slug=slug).first()
    if desk is None:
        raise Http404
    if not Desk.objects.for_subject(principal, action).filter(pk=desk.pk).exists():
        _refuse(request, action, target=f"Desk {desk.pk}")
    return desk


def _refuse(
    request: Request,
    action: Action,
    *,
    target: str,
    account: TradingAccount | None = None,
) -> NoReturn:
    audit.record(
        f"access.{action}",
        source=request._request,
        account=account,
        target=target,
        refused="no role for it",
    )
    raise PermissionDenied
