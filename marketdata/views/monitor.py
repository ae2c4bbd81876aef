"""``/api/v1/monitor/``: what there is to watch around an underlying, and how it is."""

from typing import Any

from django.db.models import Count
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata import monitor, overview, positioning, quotes, search
from marketdata.chain import OptionSide, Strike
from marketdata.models import Instrument
from marketdata.monitor import Around
from marketdata.overview import Day
from marketdata.permissions import MayReadMarket
from marketdata.serializers.monitor import (
    MetadataSerializer,
    SearchQuery,
    SearchSerializer,
    SnapshotQuery,
    SnapshotSerializer,
    StatusSerializer,
    WatchQuery,
)
from marketdata.views.named import asked_instrument
from tradingsite.api import asked

Tokens = dict[int, int | None]


class MetadataView(APIView):
    """The contracts around an underlying, by the numbers they are subscribed with."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[WatchQuery], responses=MetadataSerializer)
    def get(self, request: Request) -> Response:
        question = asked(WatchQuery, request)
        underlying, chains = _watched(question)
        tokens = monitor.broker_tokens(chains)
        answer = _head(underlying) | {
            "futures": positioning.contracts_of(underlying),
            "options": [_listed(around, tokens) for around in chains],
            "meta": question,
        }
        return Response(MetadataSerializer(answer).data)


class SnapshotView(APIView):
    """Every option around the money as it stands, under its token or symbol."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[SnapshotQuery], responses=SnapshotSerializer)
    def get(self, request: Request) -> Response:
        question = asked(SnapshotQuery, request)
        underlying, chains = _watched(question)
        tokens = monitor.broker_tokens(chains)
        standing = [one for around in chains for one in _standing(around, tokens)]
        key = question["key"]
        found = {str(one[key]): one for one in standing if one[key] is not None}
        answer = _head(underlying) | {"options": found}
        return Response(SnapshotSerializer(answer).data)


class SearchView(APIView):
    """Instruments by a part of their symbol or name."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[SearchQuery], responses=SearchSerializer)
    def get(self, request: Request) -> Response:
        question = asked(SearchQuery, request)
        found = search.find(question["query"], limit=question["limit"])
        answer = {"count": len(found), "instruments": found}
        return Response(SearchSerializer(answer).data)


class StatusView(APIView):
    """How well the ticks arrive, and how much there is to watch."""

    permission_classes = [MayReadMarket]

    @extend_schema(responses=StatusSerializer)
    def get(self, request: Request) -> Response:
        active = Instrument.objects.filter(is_active=True).order_by()
        counts = dict(active.values_list("kind").annotate(Count("pk")))
        exchanges = set(active.values_list("exchange_id", flat=True).distinct())
        feed = overview.feed(timezone.now(), exchanges)
        answer = {
            "feed": feed.state,
            "is_running": feed.state == "live",
            "is_open": feed.is_open,
            "last_tick_at": feed.last_tick_at,
            "tick_age_s": feed.tick_age_s,
            "lag_s": feed.lag_s,
            "open_gaps": feed.open_gaps,
            "quarantined": feed.quarantined,
            "instruments": counts,
        }
        return Response(StatusSerializer(answer).data)


def _watched(question: dict[str, Any]) -> tuple[Instrument, list[Around]]:
    underlying = asked_instrument(question["symbol"])
    chains = monitor.options(
        underlying,
        now=timezone.now(),
        expiries=question["expiry_limit"],
        levels=question["otm_levels"],
    )
    return underlying, chains


def _head(underlying: Instrument) -> dict[str, Any]:
    day = overview.days_of([underlying]).get(underlying.pk, Day())
    return {
        "symbol": str(underlying),
        "underlying": {"underlying": underlying, "day": day},
    }


def _listed(around: Around, tokens: Tokens) -> dict[str, Any]:
    return {
        "expiry": around.expiry.expires_on,
        "relative_label": around.expiry.label,
        "atm_strike": around.chain.metrics.atm_strike,
        "strike_gap": around.step,
        "strikes": [
            {
                "strike": row.strike,
                "call": _contract(row.call, tokens),
                "put": _contract(row.put, tokens),
            }
            for row in around.strikes
        ],
    }


def _contract(side: OptionSide | None, tokens: Tokens) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "token": tokens.get(side.instrument_id),
        "tradingsymbol": side.symbol,
        "lot_size": side.lot_size,
    }


def _standing(around: Around, tokens: Tokens) -> list[dict[str, Any]]:
    return [
        _quote(around, row, side, name) | {"token": tokens.get(side.instrument_id)}
        for row in around.strikes
        for name, side in (("CE", row.call), ("PE", row.put))
        if side is not None
    ]


def _quote(around: Around, row: Strike, side: OptionSide, name: str) -> dict[str, Any]:
    seen_at = None if side.last_at is None else side.last_at.timestamp()
    return {
        "tradingsymbol": side.symbol,
        "expiry": around.expiry.expires_on,
        "strike": row.strike,
        "type": name,
        "state": quotes.freshness(seen_at, around.chain.at),
        "last_update": side.last_at,
        "price": side.price,
        "bid": side.bid,
        "ask": side.ask,
        "volume": side.volume,
        "oi": side.open_interest,
        "oi_change": side.open_interest_change,
        "iv": side.iv,
        "delta": side.delta,
        "gamma": side.gamma,
        "theta": side.theta,
        "vega": side.vega,
    }
