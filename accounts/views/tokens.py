"""The doors of programs: tokens for a log-in, a fresh code, a ticket for a socket."""

from datetime import datetime, timedelta
from http import HTTPStatus

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import audit, credentials, log_ins, second_factor, tickets, tokens
from accounts.authentication import client_address, origin_of
from accounts.forms import LogInForm
from accounts.models import User
from accounts.permissions import IsPrincipal
from accounts.principals import Principal
from accounts.serializers.log_ins import (
    CodeSerializer,
    CredentialsSerializer,
    NothingSerializer,
    RefreshSerializer,
    TicketRequestSerializer,
    TicketSerializer,
    TokensSerializer,
)
from tradingsite.problems import BEARER

_KEPT_NOWHERE = {"Cache-Control": "no-store"}
_REFUSED = "The name, the password or the code is not accepted."


class NotAccepted(exceptions.AuthenticationFailed):
    """One answer for whatever was wrong: nobody learns which of them it was."""

    default_detail = _REFUSED
    default_code = "credentials_not_accepted"
    auth_header = BEARER


class TooManyTries(exceptions.Throttled):
    """Somebody guesses; ``Retry-After`` says for how long nothing is looked at."""

    default_code = "too_many_tries"

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait=max(1.0, wait.total_seconds()))


class OpenView(APIView):
    """A door that looks at nothing but the body."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        # Without an authenticator, the framework would make a 403 of each 401.
        return BEARER


class TokenView(OpenView):
    """Name, password and code for a pair of tokens."""

    @extend_schema(
        request=CredentialsSerializer, responses={200: TokensSerializer}, auth=[]
    )
    def post(self, request: Request) -> Response:
        asked = CredentialsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        user = _known(request, asked.validated_data)
        proven_at = _proven(request, user, asked.validated_data["totp"])
        family = log_ins.family_of(
            user,
            scopes=frozenset(asked.validated_data["scopes"]),
            origin=origin_of(request._request),
            proven_at=proven_at,
        )
        pair = tokens.begin(family, now=timezone.now())
        log_ins.prune(timezone.now())
        audit.record(
            "token.issued",
            source=request._request,
            target=f"TokenFamily {family.public_id}",
        )
        return answer_with(pair)


def _known(request: Request, asked: dict[str, str]) -> User:
    """Return who knows the password; the page's own form counts the tries."""
    form = LogInForm(request._request, data=asked)
    is_valid = form.is_valid()
    user = form.get_user() if is_valid else None
    if isinstance(user, User):
        return user
    refused = "Too many tries." if form.wait else "Wrong name or password."
    audit.record("token.issued", source=request._request, refused=refused)
    if form.wait:
        raise TooManyTries(form.wait)
    raise NotAccepted


def _proven(request: Request, user: User, code: str) -> datetime | None:
    """Return when a code was shown; None for who needs none."""
    if not second_factor.is_due(user):
        return None
    try:
        return log_ins.show_code(request._request, user, code)
    except second_factor.CodeError as error:
        if error.wait:
            raise TooManyTries(error.wait) from error
        raise NotAccepted from error


class RefreshView(OpenView):
    """A refresh token for a new pair; the old one is good for nothing after it."""

    @extend_schema(
        request=RefreshSerializer, responses={200: TokensSerializer}, auth=[]
    )
    def post(self, request: Request) -> Response:
        asked = RefreshSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        text = asked.validated_data["refresh_token"]
        try:
            return answer_with(tokens.refresh(text, now=timezone.now()))
        except tokens.RefreshError as error:
            raise NotAccepted("The refresh token is not accepted.") from error


class RevokeView(OpenView):
    """A refresh token whose log-in is to end; the answer is the same for any text."""

    @extend_schema(
        request=RefreshSerializer, responses={204: NothingSerializer}, auth=[]
    )
    def post(self, request: Request) -> Response:
        asked = RefreshSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        text = asked.validated_data["refresh_token"]
        shown = credentials.parse(text, credentials.REFRESH_PREFIX)
        if shown and tokens.revoke_shown(shown, now=timezone.now()):
            audit.record("log_in.ended", source=request._request)
        return Response(status=HTTPStatus.NO_CONTENT)


def answer_with(pair: tokens.Pair) -> Response:
    body = {
        "access_token": pair.access,
        "refresh_token": pair.refresh,
        "token_type": "Bearer",
        "expires_in": pair.expires_in_s,
    }
    return Response(TokensSerializer(body).data, headers=_KEPT_NOWHERE)


class StepUpView(APIView):
    """A code, so that what is dangerous may be done for the next five minutes."""

    permission_classes = [IsPrincipal]

    @extend_schema(request=CodeSerializer, responses={204: NothingSerializer})
    def post(self, request: Request) -> Response:
        asked = CodeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        principal, user = request.auth, request.user
        assert isinstance(principal, Principal)
        if principal.kind == "api_key" or not isinstance(user, User):
            raise exceptions.PermissionDenied("A key has no second factor.")
        try:
            now = log_ins.show_code(
                request._request, user, asked.validated_data["code"]
            )
        except second_factor.CodeError as error:
            if error.wait:
                raise TooManyTries(error.wait) from error
            raise exceptions.PermissionDenied(
                "The code is not accepted.", code="code_not_accepted"
            ) from error
        log_ins.step_up(request._request, principal, now)
        return Response(status=HTTPStatus.NO_CONTENT)


class TicketView(APIView):
    """A ticket for one socket, within 30 seconds, from this address."""

    permission_classes = [IsPrincipal]

    @extend_schema(request=TicketRequestSerializer, responses={201: TicketSerializer})
    def post(self, request: Request) -> Response:
        asked = TicketRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        principal = request.auth
        assert isinstance(principal, Principal)
        text = tickets.issue(
            principal,
            address=client_address(request._request),
            scopes=frozenset(asked.validated_data["scopes"]),
            now=timezone.now(),
        )
        body = {"ticket": text, "expires_in": int(tickets.LIFE.total_seconds())}
        return Response(
            TicketSerializer(body).data,
            status=HTTPStatus.CREATED,
            headers=_KEPT_NOWHERE,
        )
