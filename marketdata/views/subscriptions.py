"""``/api/v1/monitor/session`` and who wants what: subscriptions at the ticker."""

import uuid
from collections.abc import Sequence

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata.models import Instrument, SubscriptionSession, TickerSubscription
from marketdata.permissions import MayReadMarket
from marketdata.serializers.subscriptions import (
    ReleasedSerializer,
    SessionChange,
    SessionRequest,
    SessionSerializer,
    SubscriptionSerializer,
)
from marketdata.subscriptions import sessions
from marketdata.ticker import TickerRefused, TickerUnavailable, ticker

MOST_SESSIONS = 20


class TickerAway(APIException):
    """The ticker service does not answer: nothing was changed, try again."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "ticker_unavailable"
    default_detail = "The ticker service does not answer; nothing was subscribed."
    wait = 5


class SessionsView(APIView):
    """Beginning a session: all of its instruments are subscribed to, or none."""

    permission_classes = [MayReadMarket]

    @extend_schema(request=SessionRequest, responses={201: SessionSerializer})
    def post(self, request: Request) -> Response:
        question = SessionRequest(data=request.data)
        question.is_valid(raise_exception=True)
        instruments = _instruments(question.validated_data["tokens"])
        _refuse_too_many(request)
        try:
            session = sessions.begin(_wish(request, question), instruments, ticker())
        except TickerRefused as error:
            raise ValidationError({"tokens": [str(error)]}) from error
        except TickerUnavailable as error:
            raise TickerAway from error
        return _answer(session, status.HTTP_201_CREATED)

    @extend_schema(responses=SessionSerializer(many=True))
    def get(self, request: Request) -> Response:
        mine = _mine(request).prefetch_related("wants__instrument")
        return Response(SessionSerializer(mine, many=True).data)


class SessionView(APIView):
    """One session: looked at, renewed or changed, released."""

    permission_classes = [MayReadMarket]

    @extend_schema(responses=SessionSerializer)
    def get(self, request: Request, session_id: uuid.UUID) -> Response:
        return _answer(get_object_or_404(_mine(request), pk=session_id))

    @extend_schema(request=SessionChange, responses=SessionSerializer)
    def patch(self, request: Request, session_id: uuid.UUID) -> Response:
        session = get_object_or_404(_mine(request), pk=session_id)
        question = SessionChange(data=request.data)
        question.is_valid(raise_exception=True)
        given = question.validated_data
        sessions.renew(
            session,
            lease=question.lease,
            mode=given.get("requested_mode", session.mode),
            frame=given.get("timeframe", session.timeframe),
        )
        return _answer(session)

    @extend_schema(responses=ReleasedSerializer)
    def delete(self, request: Request, session_id: uuid.UUID) -> Response:
        session = get_object_or_404(_mine(request), pk=session_id)
        released = sessions.end(session, ticker())
        tokens = [instrument.broker_token for instrument in released]
        answer = {"status": "ok", "released": [token for token in tokens if token]}
        return Response(ReleasedSerializer(answer).data)


class SubscriptionListView(ListAPIView[TickerSubscription]):
    """Who wants what: each instrument at the ticker service, with its count."""

    permission_classes = [MayReadMarket]
    serializer_class = SubscriptionSerializer

    def get_queryset(self) -> QuerySet[TickerSubscription]:
        alive = Q(instrument__wants__session__expires_at__gt=Now())
        return (
            TickerSubscription.objects.select_related("instrument")
            .annotate(
                wanted_by=Count("instrument__wants", filter=alive),
                owners=ArrayAgg(
                    "instrument__wants__session__owner",
                    filter=alive,
                    distinct=True,
                    default=[],
                ),
            )
            .order_by("instrument")
        )


def _mine(request: Request) -> QuerySet[SubscriptionSession]:
    return SubscriptionSession.objects.live().filter(user_id=request.user.pk or 0)


def _refuse_too_many(request: Request) -> None:
    if _mine(request).count() >= MOST_SESSIONS:
        raise ValidationError(
            {"tokens": [f"At most {MOST_SESSIONS} sessions at a time: release one."]}
        )


def _instruments(tokens: Sequence[int]) -> list[Instrument]:
    wanted = set(tokens)
    active = Instrument.objects.filter(is_active=True, broker_token__in=wanted)
    by_token = {each.broker_token: each for each in active.order_by("id")}
    if unknown := sorted(wanted - set(by_token)):
        named = ", ".join(str(token) for token in unknown[:5])
        raise ValidationError({"tokens": [f"No active instrument: {named}."]})
    return [by_token[token] for token in dict.fromkeys(tokens)]


def _wish(request: Request, question: SessionRequest) -> sessions.Wish:
    given = question.validated_data
    return sessions.Wish(
        owner=str(request.auth and getattr(request.auth, "kind", "api")),
        user_id=request.user.pk,
        mode=given.get("requested_mode", "FULL"),
        timeframe=given.get("timeframe", ""),
        account_id=given["account_id"],
        lease=question.lease,
    )


def _answer(session: SubscriptionSession, code: int = status.HTTP_200_OK) -> Response:
    context = {"states": sessions.states(session)}
    return Response(SessionSerializer(session, context=context).data, status=code)
