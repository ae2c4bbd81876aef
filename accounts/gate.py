"""The gate: who must show a second factor sees nothing before it is shown."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from accounts import second_factor
from accounts.authentication import KeyInQuery, subject_of
from accounts.authentication.reading import bearer_of
from accounts.step_up import redirect_to
from tradingsite.middleware import BothWorlds
from tradingsite.problems import problem, wants_page

# The way to a second factor, and out.
OPEN = frozenset({"login", "login-code", "logout", "second-factor", "step-up"})
# Doors of their own, which ask for what they need.
OPEN_TO_PROGRAMS = frozenset({"accounts:token", "accounts:refresh", "accounts:step-up"})


def forget_session(request: HttpRequest) -> None:
    """Let nobody be logged in to ``request``, whatever cookie it brought."""
    nobody = AnonymousUser()

    async def nobody_async() -> AnonymousUser:
        return nobody

    request.user = nobody
    request.auser = nobody_async


class SecondFactorGate(BothWorlds):
    """Lets a restricted principal go nowhere but to its second factor."""

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., Any],
        args: list[Any],
        kwargs: dict[str, Any],
    ) -> HttpResponse | None:
        if bearer_of(request) is not None:
            # Judged by it alone: else a stranger's key would carry somebody's session
            # past this gate, and past the question for a fresh code.
            forget_session(request)
        match = request.resolver_match
        name = match.view_name if match else ""
        if name in OPEN or name in OPEN_TO_PROGRAMS:
            return None
        try:
            subject = subject_of(request)
        except KeyInQuery:
            # The view says so, in the shape of its own door.
            return None
        if subject is None or not subject[1].is_restricted:
            return None
        if not wants_page(request):
            return problem(
                request,
                HTTPStatus.FORBIDDEN,
                code="second_factor_required",
                detail="This log-in needs a second factor first.",
            )
        is_enrolled = second_factor.is_enrolled(subject[0])
        return redirect_to(
            "step-up" if is_enrolled else "second-factor", request.get_full_path()
        )
