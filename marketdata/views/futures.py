"""``/api/v1/futures/``: who builds up, what must roll over, where it stands."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata import overview, positioning, resolutions
from marketdata.models import Instrument
from marketdata.permissions import MayReadMarket
from marketdata.serializers.futures import (
    RolloverQuery,
    RolloverSerializer,
    SignalsQuery,
    SignalsSerializer,
    SummaryQuery,
    SummarySerializer,
)
from marketdata.views.named import asked_instrument
from tradingsite.api import asked


class PositionSignalsView(APIView):
    """Bar by bar, who opened and who closed positions."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[SignalsQuery], responses=SignalsSerializer)
    def get(self, request: Request) -> Response:
        question = asked(SignalsQuery, request)
        underlying = asked_instrument(question["symbol"])
        now = timezone.now()
        start = now - timedelta(hours=question["hours"])
        points = positioning.points(
            _contracts(underlying, question),
            resolutions.parse(str(question["resolution"])),
            start=start,
            end=now,
            threshold_percent=question["threshold_pct"],
        )
        answer = {
            "symbol": str(underlying),
            "resolution": question["resolution"],
            "from_time": start,
            "to_time": now,
            "data_points": len(points),
            "is_truncated": len(points) == positioning.MOST_POINTS,
            "series": points,
        }
        return Response(SignalsSerializer(answer).data)


class RolloverMetricsView(APIView):
    """How the open interest spreads over the expiries, and what must move on."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[RolloverQuery], responses=RolloverSerializer)
    def get(self, request: Request) -> Response:
        question = asked(RolloverQuery, request)
        underlying = asked_instrument(question["symbol"])
        contracts = positioning.contracts_of(underlying)
        shares = positioning.shares(
            contracts,
            overview.days_of(contracts),
            positioning.today_of(underlying, timezone.now()),
            threshold_days=question["threshold_days"],
        )
        answer = {
            "symbol": str(underlying),
            "threshold_days": question["threshold_days"],
            "total_oi": sum(share.open_interest for share in shares),
            "expiry_count": len(shares),
            "nearest": positioning.nearest(shares),
            "expiries": shares,
        }
        return Response(RolloverSerializer(answer).data)


class FuturesSummaryView(APIView):
    """The nearest contract as it stands, and all of them with their basis."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[SummaryQuery], responses=SummarySerializer)
    def get(self, request: Request) -> Response:
        underlying = asked_instrument(asked(SummaryQuery, request)["symbol"])
        contracts = positioning.contracts_of(underlying)
        lines = positioning.lines(
            underlying,
            contracts,
            overview.days_of([underlying, *contracts]),
            positioning.today_of(underlying, timezone.now()),
        )
        answer = {
            "symbol": str(underlying),
            "front": positioning.nearest(lines),
            "active_contracts": len(lines),
            "contracts": lines,
        }
        return Response(SummarySerializer(answer).data)


def _contracts(underlying: Instrument, question: dict[str, Any]) -> list[Instrument]:
    """Return all active contracts, or the one that is asked for, active or not."""
    if "contract" not in question:
        return positioning.contracts_of(underlying)
    contract = asked_instrument(question["contract"], field="contract")
    is_future = contract.kind == Instrument.Kind.FUTURE
    if contract.underlying_id != underlying.pk or not is_future:
        raise ValidationError({"contract": f"It is no future of {underlying}."})
    return [contract]
