"""``/api/v1/options/payoff`` and ``/scenarios``: what a set of legs is worth."""

from typing import Any

import numpy as np
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from marketdata.chain import ChainExpiry, panels
from marketdata.chain.metrics import Array
from marketdata.chain.position import (
    LegAsked,
    Position,
    PositionLeg,
    UnpricedLegError,
    position,
)
from marketdata.models import Instrument
from marketdata.payoff import Kind
from marketdata.permissions import MayReadMarket
from marketdata.serializers.options import legs as wire
from marketdata.views.named import asked_instrument
from marketdata.views.options import called, listed, past

GREEKS = ("delta", "gamma", "theta", "vega")


class PayoffView(APIView):
    """The profile of a set of legs at its nearest expiry, and its value now."""

    permission_classes = [MayReadMarket]

    @extend_schema(request=wire.PayoffQuery, responses=wire.PayoffSerializer)
    def post(self, request: Request) -> Response:
        question = _asked(wire.PayoffQuery, request)
        underlying = asked_instrument(question["symbol"])
        held = _position(underlying, question)
        spots = held.around(question["range_pct"], question["points"])
        answer = _payoff(held, spots) | {"symbol": str(underlying)}
        return Response(wire.PayoffSerializer(answer).data)


class ScenariosView(APIView):
    """Profits over a grid of spot moves, shifts of volatility and days."""

    permission_classes = [MayReadMarket]

    @extend_schema(request=wire.ScenariosQuery, responses=wire.ScenariosSerializer)
    def post(self, request: Request) -> Response:
        question = _asked(wire.ScenariosQuery, request)
        underlying = asked_instrument(question["symbol"])
        held = _position(underlying, question)
        spots = held.spot * (1 + np.array(question["spot_moves_pct"]) / 100)
        answer = {
            "symbol": str(underlying),
            "spot": held.spot,
            "observed_at": held.observed_at,
            "spots": spots.tolist(),
            "scenarios": [
                {
                    "days": days,
                    "iv_shift": shift,
                    "profits": panels.known(
                        held.profits(spots, days=days, volatility_shift=shift)
                    ),
                }
                for days in question["days"]
                for shift in question["iv_shifts"]
            ],
        }
        return Response(wire.ScenariosSerializer(answer).data)


def _asked(question: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    serializer = question(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _position(underlying: Instrument, question: dict[str, Any]) -> Position:
    at = past(question)
    known = listed(underlying, at)
    asked = [_leg(known, place, leg) for place, leg in enumerate(question["legs"])]
    try:
        return position(asked, at)
    except UnpricedLegError as error:
        field = {str(error.place): {error.field: str(error)}}
        raise ValidationError({"legs": field}, "unpriced_leg") from None


def _leg(known: list[ChainExpiry], place: int, leg: dict[str, Any]) -> LegAsked:
    return LegAsked(
        kind=Kind(leg["kind"]),
        expiry=called(leg["expiry"], known, field=f"legs.{place}.expiry"),
        quantity=leg["quantity"],
        strike=leg.get("strike"),
        price=leg.get("price"),
        iv=leg.get("iv"),
    )


def _payoff(held: Position, spots: Array) -> dict[str, Any]:
    profile = held.profile(spots)
    return {
        "spot": held.spot,
        "observed_at": held.observed_at,
        "horizon": min(leg.expires_on for leg in held.legs),
        "legs": [_leg_body(leg) for leg in held.legs],
        "net_premium": held.net_premium,
        **{greek: held.total(greek) for greek in GREEKS},
        "spots": spots.tolist(),
        "at_expiry": panels.known(profile.profits),
        "now": panels.known(held.profits(spots)),
        "break_evens": profile.break_evens,
        "max_profit": profile.max_profit,
        "max_loss": profile.max_loss,
        "profit_is_unlimited": profile.slope > 0,
        "loss_is_unlimited": profile.slope < 0,
        "risk_reward": profile.risk_reward,
        "is_exact": profile.is_exact,
    }


def _leg_body(leg: PositionLeg) -> dict[str, Any]:
    return {
        "kind": leg.asked.kind,
        "expiry": leg.expires_on,
        "strike": leg.asked.strike,
        "quantity": leg.asked.quantity,
        "price": leg.leg.entry_price,
        "last_price": leg.last_price,
        "iv": leg.leg.volatility,
        **{greek: getattr(leg, greek) for greek in GREEKS},
    }
