"""``/api/v1/accounts/…``: what accounts hold, are worth, and were worth."""

import datetime
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import portfolio, syncing
from accounts.brokers import BrokerError, BrokerUnavailable
from accounts.models import AccountSnapshot, PositionChange, TradingAccount
from accounts.permissions import MayReadAccounts, account_for
from accounts.portfolio import Portfolio
from accounts.roles import Action
from accounts.serializers.portfolio import (
    MOST_POINTS,
    AccountSnapshotSerializer,
    CurveQuery,
    CurveSerializer,
    FundsQuery,
    FundsSerializer,
    HoldingsSerializer,
    PositionChangeSerializer,
    PositionsQuery,
    PositionsSerializer,
    RowsQuery,
    SyncedSerializer,
)
from tradingsite.api import asked, problem
from tradingsite.idempotency import idempotent_outside_transaction


class AccountSyncView(APIView):
    """Ask the broker now; the answer counts what came and what changed."""

    permission_classes = [MayReadAccounts]

    @extend_schema(request=None, responses=SyncedSerializer)
    @idempotent_outside_transaction
    def post(self, request: Request, slug: str) -> Response | HttpResponseBase:
        account = account_for(request, slug, Action.SYNC)
        if account.status == TradingAccount.Status.CLOSED:
            return _conflict(request, "account_closed", "The account is closed.")
        try:
            done = syncing.sync(account, by=request._request)
        except syncing.SyncRunning as error:
            return _conflict(request, "sync_running", str(error), {"Retry-After": "2"})
        except BrokerError as error:
            return _failed(request, error)
        shown = {"account_id": account.slug, "status": "success"}
        found = {name: getattr(done, name) for name in done.__dataclass_fields__}
        return Response(SyncedSerializer(shown | found).data)


def _conflict(
    request: Request, code: str, detail: str, headers: Mapping[str, str] | None = None
) -> HttpResponseBase:
    return problem(
        request._request,
        HTTPStatus.CONFLICT,
        code=code,
        detail=detail,
        headers=headers,
    )


def _failed(request: Request, error: BrokerError) -> HttpResponseBase:
    """Answer 503 to what time heals, and 409 to what somebody must heal."""
    if not isinstance(error, BrokerUnavailable):
        return _conflict(request, error.code, str(error))
    return problem(
        request._request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        code=error.code,
        detail=str(error),
        headers={"Retry-After": str(math.ceil(max(error.retry_after_s, 1)))},
    )


class PositionsView(APIView):
    """Positions now, or as of an instant."""

    permission_classes = [MayReadAccounts]

    @extend_schema(parameters=[PositionsQuery], responses=PositionsSerializer)
    def get(self, request: Request, slug: str) -> Response:
        account, question = (
            account_for(request, slug, Action.READ),
            asked(PositionsQuery, request),
        )
        seen = seen_at(account, question)
        rows = _chosen(seen.positions, question)
        if question["status"] == "open":
            rows = [row for row in rows if row["quantity"]]
        answer = _rows_answer(seen, rows) | {"positions": rows}
        return Response(PositionsSerializer(answer).data)


class HoldingsView(APIView):
    """Holdings now, or as of an instant."""

    permission_classes = [MayReadAccounts]

    @extend_schema(parameters=[RowsQuery], responses=HoldingsSerializer)
    def get(self, request: Request, slug: str) -> Response:
        account, question = (
            account_for(request, slug, Action.READ),
            asked(RowsQuery, request),
        )
        seen = seen_at(account, question)
        rows = _chosen(seen.holdings, question | {"product": ""})
        value = portfolio.summed(rows, "market_value")
        answer = _rows_answer(seen, rows) | {"holdings": rows, "total_value": value}
        return Response(HoldingsSerializer(answer).data)


class FundsView(APIView):
    """Funds now, or as of an instant."""

    permission_classes = [MayReadAccounts]

    @extend_schema(parameters=[FundsQuery], responses=FundsSerializer)
    def get(self, request: Request, slug: str) -> Response:
        account, question = (
            account_for(request, slug, Action.READ),
            asked(FundsQuery, request),
        )
        seen = seen_at(account, question)
        rows = portfolio.matching(seen.balances, segment=question["segment"])
        answer = _seen_answer(seen) | {"cash": seen.cash, "funds": rows}
        return Response(FundsSerializer(answer).data)


class SnapshotListView(ListAPIView[AccountSnapshot]):
    """The snapshots of an account, newest first."""

    permission_classes = [MayReadAccounts]

    serializer_class = AccountSnapshotSerializer

    def get_queryset(self) -> Any:
        if not self.kwargs:
            return AccountSnapshot.objects.none()
        account = account_for(self.request, self.kwargs["slug"], Action.READ)
        return AccountSnapshot.objects.of(account).points().order_by("-taken_at")


class CurveView(APIView):
    """The equity curve: net worth per day, or at every snapshot."""

    permission_classes = [MayReadAccounts]

    @extend_schema(parameters=[CurveQuery], responses=CurveSerializer)
    def get(self, request: Request, slug: str) -> Response:
        account, question = (
            account_for(request, slug, Action.READ),
            asked(CurveQuery, request),
        )
        points = curve(account, **question)
        answer = {
            "account_id": account.slug,
            "resolution": question["resolution"],
            "points": points,
        }
        return Response(CurveSerializer(answer).data)


class PositionChangeListView(ListAPIView[PositionChange]):
    """What became of the positions of an account, newest first."""

    permission_classes = [MayReadAccounts]

    serializer_class = PositionChangeSerializer

    def get_queryset(self) -> Any:
        if not self.kwargs:
            return PositionChange.objects.none()
        account = account_for(self.request, self.kwargs["slug"], Action.READ)
        return PositionChange.objects.of(account)


def curve(
    account: TradingAccount, resolution: str, start: datetime.date, end: datetime.date
) -> list[AccountSnapshot]:
    """Return the points of the days from ``start`` through ``end``, oldest first."""
    if resolution == "day":
        rows = AccountSnapshot.objects.last_of_days(account, start, end)
    else:
        rows = AccountSnapshot.objects.of(account).filter(day__gte=start, day__lte=end)
        rows = rows.order_by("taken_at")
    return list(rows.points()[:MOST_POINTS])


def seen_at(account: TradingAccount, question: Mapping[str, Any]) -> Portfolio:
    """Return the account as it is, or as it was ``as_of``; 404 before the first."""
    at = question.get("as_of")
    if at is None:
        return portfolio.live(account, timezone.now())
    seen = portfolio.as_of(account, at)
    if seen is None:
        raise Http404
    return seen


def _chosen(rows: Any, question: Mapping[str, Any]) -> list[Any]:
    return portfolio.matching(
        rows,
        exchange=question["exchange"].upper(),
        product=question["product"].upper(),
        symbol=question["symbol"].upper(),
    )


def _seen_answer(seen: Portfolio) -> dict[str, Any]:
    return {
        "account_id": seen.account.slug,
        "as_of": seen.as_of,
        "is_live": seen.is_live,
        "synced_at": seen.synced_at,
    }


def _rows_answer(seen: Portfolio, rows: list[Any]) -> dict[str, Any]:
    missing = portfolio.without_price(rows)
    return _seen_answer(seen) | {
        "count": len(rows),
        "total_pnl": portfolio.summed(rows, "pnl"),
        "day_pnl": portfolio.summed(rows, "day_pnl"),
        "complete": not missing,
        "missing": missing,
    }
