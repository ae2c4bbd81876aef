"""``/api/v1/depth/{symbol}``: the order book, what it tells, and what a trade costs."""

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata import depth, quotes
from marketdata.depth import Side
from marketdata.models import Instrument
from marketdata.permissions import MayReadMarket
from marketdata.quotes import SeenBook
from marketdata.serializers.depth import CostQuery, CostSerializer, DepthSerializer
from marketdata.views.named import instrument_at
from tradingsite.api import asked


class DepthView(APIView):
    """The five best prices of each side and all that is measured of them."""

    permission_classes = [MayReadMarket]

    @extend_schema(responses=DepthSerializer)
    def get(self, request: Request, symbol: str) -> Response:
        instrument = instrument_at(symbol)
        seen = quotes.last_book(instrument)
        answer = _head(instrument, seen) | {
            "origin": seen.origin,
            "buy": seen.book.side(Side.BUY),
            "sell": seen.book.side(Side.SELL),
            "measured": depth.measure(seen.book),
        }
        return Response(DepthSerializer(answer).data)


class CostView(APIView):
    """What it costs to trade a quantity at once, against the mid price."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[CostQuery], responses=CostSerializer)
    def get(self, request: Request, symbol: str) -> Response:
        question = asked(CostQuery, request)
        instrument = instrument_at(symbol)
        seen = quotes.last_book(instrument)
        cost = depth.cost_to_trade(
            seen.book, Side(question["side"]), question["quantity"]
        )
        return Response(CostSerializer(_head(instrument, seen) | {"cost": cost}).data)


def _head(instrument: Instrument, seen: SeenBook) -> dict[str, Any]:
    return {
        "symbol": str(instrument),
        "state": quotes.freshness(seen.at, timezone.now()),
        "as_of": None if seen.at is None else datetime.fromtimestamp(seen.at, UTC),
    }
