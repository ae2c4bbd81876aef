"""``/api/v1/options/``: chains, their history, and what a set of legs is worth."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata import chain
from marketdata.chain import ChainExpiry, bodies, contracts, panels
from marketdata.chain.grid import Grid, grid
from marketdata.models import Instrument
from marketdata.permissions import MayReadMarket
from marketdata.serializers.options import answers, questions
from marketdata.views.named import asked_instrument
from tradingsite.api import asked

# When nobody says: how far back a series reaches, and over how many expiries.
SPAN = timedelta(hours=6)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
EXPIRIES = 2


class IndicatorsView(APIView):
    """Which indicators a page may show of a chain, and how."""

    permission_classes = [MayReadMarket]

    @extend_schema(responses=answers.PanelsSerializer)
    def get(self, request: Request) -> Response:
        return Response(answers.PanelsSerializer({"indicators": panels.PANELS}).data)


class ExpiriesView(APIView):
    """Which expiries an underlying has options for, labeled."""

    permission_classes = [MayReadMarket]

    @extend_schema(
        parameters=[questions.ExpiriesQuery], responses=answers.ExpiriesSerializer
    )
    def get(self, request: Request) -> Response:
        question = asked(questions.ExpiriesQuery, request)
        underlying = asked_instrument(question["symbol"])
        as_of = question.get("as_of") or contracts.day_of(underlying, timezone.now())
        answer = {
            "symbol": str(underlying),
            "as_of_date": as_of,
            "expiries": chain.expiries_of(underlying, as_of),
        }
        return Response(answers.ExpiriesSerializer(answer).data)


class ChainView(APIView):
    """The chain of an expiry now, or as it stood at any past minute."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[questions.ChainQuery], responses=answers.ChainSerializer)
    def get(self, request: Request) -> Response:
        question = asked(questions.ChainQuery, request)
        at = past(question)
        underlying = asked_instrument(question["symbol"])
        expiry = one_expiry(underlying, question.get("expiry"), at)
        found = chain.snapshot(expiry, at, prefer=chain.Origin(question["iv"]))
        body = bodies.of_chain(found, around=question["strikes"])
        body["metrics"] = answers.MetricsSerializer(found.metrics).data
        return Response(body)


class StrikeDistributionView(APIView):
    """An indicator across the strikes of some expiries."""

    permission_classes = [MayReadMarket]

    @extend_schema(
        parameters=[questions.DistributionQuery],
        responses=answers.DistributionSerializer,
    )
    def get(self, request: Request) -> Response:
        question = asked(questions.DistributionQuery, request)
        at = past(question)
        underlying = asked_instrument(question["symbol"])
        found = some_expiries(underlying, question["expiry"], at)
        answer = question | {
            "symbol": str(underlying),
            "series": [
                bodies.of_distribution(chain.snapshot(expiry, at), question)
                for expiry in found
            ],
        }
        return Response(answers.DistributionSerializer(answer).data)


class MoneynessSeriesView(APIView):
    """An indicator over time, a line per moneyness and expiry."""

    permission_classes = [MayReadMarket]

    @extend_schema(
        parameters=[questions.MoneynessQuery], responses=answers.MoneynessSerializer
    )
    def get(self, request: Request) -> Response:
        question = asked(questions.MoneynessQuery, request)
        start, end = span(question)
        underlying = asked_instrument(question["symbol"])
        lines: list[dict[str, Any]] = []
        for expiry in some_expiries(underlying, question["expiry"], end):
            cells = _grid(expiry, question, start, end)
            lines += bodies.of_moneyness(expiry, cells, question) if cells else []
        answer = question | {"symbol": str(underlying), "series": lines}
        return Response(answers.MoneynessSerializer(answer).data)


class StrikeHistoryView(APIView):
    """Call and put of one strike over time."""

    permission_classes = [MayReadMarket]

    @extend_schema(
        parameters=[questions.StrikeHistoryQuery],
        responses=answers.StrikeHistorySerializer,
    )
    def get(self, request: Request) -> Response:
        question = asked(questions.StrikeHistoryQuery, request)
        start, end = span(question)
        underlying = asked_instrument(question["symbol"])
        expiry = one_expiry(underlying, question.get("expiry"), end)
        cells = _grid(expiry, question, start, end)
        answer = question | {
            "symbol": str(underlying),
            "expiry": expiry.expires_on,
            "candles": bodies.of_strike(cells, question["strike"]) if cells else [],
        }
        return Response(answers.StrikeHistorySerializer(answer).data)


class ExpiryMetricsView(APIView):
    """The ratios, max pain and volatility of an expiry over time."""

    permission_classes = [MayReadMarket]

    @extend_schema(
        parameters=[questions.OneExpiryQuery], responses=answers.ExpiryMetricsSerializer
    )
    def get(self, request: Request) -> Response:
        question = asked(questions.OneExpiryQuery, request)
        start, end = span(question)
        underlying = asked_instrument(question["symbol"])
        expiry = one_expiry(underlying, question.get("expiry"), end)
        cells = _grid(expiry, question, start, end)
        answer = question | {
            "symbol": str(underlying),
            "expiry": expiry.expires_on,
            "relative_label": expiry.label,
            "series": bodies.of_metrics(cells) if cells else [],
        }
        return Response(answers.ExpiryMetricsSerializer(answer).data)


def past(question: dict[str, Any]) -> datetime | None:
    """Return the instant that was asked about; None means now."""
    at: datetime | None = question.get("at")
    if at is None:
        return None
    if not EARLIEST <= at <= timezone.now():
        raise ValidationError({"at": "Must be a past instant after the year 2000."})
    return at


def span(question: dict[str, Any]) -> tuple[datetime, datetime]:
    """Return the range that was asked about, its start on a whole interval.

    It ends now at the latest, whatever was asked.
    """
    end = min(question.get("to") or timezone.now(), timezone.now())
    if end < EARLIEST:
        raise ValidationError({"to": "Must be after the year 2000."})
    start = question.get("from") or end - SPAN
    if not timedelta() < end - start <= questions.MOST_SPAN:
        raise ValidationError({"from": "Must be at most five days before to."})
    step_s = question["resolution"] * 60
    whole = datetime.fromtimestamp(start.timestamp() // step_s * step_s, UTC)
    return whole, end


def listed(underlying: Instrument, at: datetime | None) -> list[ChainExpiry]:
    """Return the expiries as seen at ``at``; refuse an underlying without options."""
    day = contracts.day_of(underlying, at or timezone.now())
    known = chain.expiries_of(underlying, day)
    if not known:
        why = f"No options on {underlying} are listed."
        raise ValidationError({"symbol": why}, "no_options")
    return known


def called(name: str, known: Sequence[ChainExpiry], *, field: str) -> ChainExpiry:
    """Return the expiry called ``name``, or refuse ``field``."""
    try:
        return chain.expiry_called(name, known)
    except chain.UnknownExpiryError:
        why = f"No expiry is called {name}."
        raise ValidationError({field: why}, "unknown_expiry") from None


def one_expiry(
    underlying: Instrument, name: str | None, at: datetime | None
) -> ChainExpiry:
    """Return the expiry called ``name`` as seen at ``at``; without one, the nearest."""
    return some_expiries(underlying, [name] if name else [], at)[0]


def some_expiries(
    underlying: Instrument, names: Sequence[str], at: datetime | None
) -> list[ChainExpiry]:
    """Return the expiries called ``names``, else the nearest ones."""
    known = listed(underlying, at)
    found = [called(name, known, field="expiry") for name in names]
    return found or known[:EXPIRIES]


def _grid(
    expiry: ChainExpiry, question: dict[str, Any], start: datetime, end: datetime
) -> Grid | None:
    return grid(expiry, start=start, end=end, minutes=question["resolution"])
