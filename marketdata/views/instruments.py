"""``/api/v1/instruments/``: lists, one in detail, search, counts, strikes."""

import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata import listing, search
from marketdata.models import Instrument
from marketdata.permissions import MayReadMarket
from marketdata.serializers.instruments import (
    DetailQuery,
    EnabledQuery,
    FoEnabledSerializer,
    InstrumentDetailSerializer,
    InstrumentListSerializer,
    InstrumentStatsSerializer,
    ListedStrikesSerializer,
    ListQuery,
    SearchQuery,
    StrikesQuery,
)
from marketdata.views.named import asked_instrument, instrument_at
from tradingsite.api import asked


class InstrumentListView(APIView):
    """The instruments that fit every filter, in pages."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[ListQuery], responses=InstrumentListSerializer)
    def get(self, request: Request) -> Response:
        question = asked(ListQuery, request)
        found = listing.filtered(question)
        start = question.pop("offset")
        page = found[start : start + question.pop("limit")]
        answer = _list(page, found.order_by().count(), question)
        return Response(InstrumentListSerializer(answer).data)


class InstrumentSearchView(APIView):
    """What a person means who types so, best first."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[SearchQuery], responses=InstrumentListSerializer)
    def get(self, request: Request) -> Response:
        question = asked(SearchQuery, request)
        found = search.find(
            question["q"],
            limit=question.pop("limit"),
            kinds=listing.kinds_of(question.get("classification", "")),
            exchange=question.get("exchange", ""),
        )
        return Response(
            InstrumentListSerializer(_list(found, len(found), question)).data
        )


class InstrumentDetailView(APIView):
    """One instrument by the broker's number, by ``EXCHANGE:SYMBOL`` or an alias."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[DetailQuery], responses=InstrumentDetailSerializer)
    def get(self, request: Request, name: str) -> Response:
        question = asked(DetailQuery, request)
        day = question.get("on") or listing.today(timezone.now())
        if name.isascii() and name.isdigit() and len(name) < len(str(2**63)):
            one = _holder(int(name), day, question.get("exchange", ""))
        else:
            one = instrument_at(name)
        return Response(InstrumentDetailSerializer(listing.described(one, day)).data)


class InstrumentStatsView(APIView):
    """How many instruments of which sort."""

    permission_classes = [MayReadMarket]

    @extend_schema(responses=InstrumentStatsSerializer)
    def get(self, request: Request) -> Response:
        return Response(InstrumentStatsSerializer(listing.counts()).data)


class FoEnabledView(APIView):
    """The indices and stocks on which contracts are listed now."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[EnabledQuery], responses=FoEnabledSerializer)
    def get(self, request: Request) -> Response:
        question = asked(EnabledQuery, request)
        found = listing.enabled(
            question.get("search", ""), nse_only=question["nse_only"]
        )
        answer = _list(found[: question["limit"]], found.order_by().count(), {})
        return Response(FoEnabledSerializer(answer).data)


class StrikesView(APIView):
    """The strikes that are listed for an expiry, or were on a past day."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[StrikesQuery], responses=ListedStrikesSerializer)
    def get(self, request: Request) -> Response:
        question = asked(StrikesQuery, request)
        underlying = asked_instrument(question["underlying"], field="underlying")
        strikes = Instrument.objects.strikes(
            underlying, question["expiry"], on=question.get("on")
        )
        answer = {
            "underlying": str(underlying),
            "expiry": question["expiry"],
            "on": question.get("on"),
            "strikes": strikes,
        }
        return Response(ListedStrikesSerializer(answer).data)


def _holder(token: int, day: datetime.date, exchange: str) -> Instrument:
    try:
        return listing.holder_of(token, day, exchange)
    except Instrument.DoesNotExist as error:
        raise NotFound(str(error), "unknown_token") from None
    except Instrument.MultipleObjectsReturned as error:
        raise NotFound(str(error), "ambiguous_token") from None


def _list(
    found: QuerySet[Instrument] | list[Instrument], total: int, filters: dict[str, Any]
) -> dict[str, Any]:
    return {"total": total, "instruments": list(found), "filters": filters}
