"""``/api/v1/gaps``: what is missing of which session, how far it is, and repair."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata.gaps import listing
from marketdata.models import SessionGap
from marketdata.permissions import MayReadMarket, MayRepair
from marketdata.serializers.gaps import (
    GapQuery,
    ProgressListSerializer,
    RepairSerializer,
    SessionGapSerializer,
    filter_of,
)
from tradingsite.api import asked


@extend_schema(parameters=[GapQuery])
class GapListView(ListAPIView[SessionGap]):
    """The sessions that lack something, newest day and most urgent first."""

    permission_classes = [MayReadMarket]
    serializer_class = SessionGapSerializer
    queryset = SessionGap.objects.none()

    def get_queryset(self) -> QuerySet[SessionGap]:
        return listing.gaps(filter_of(asked(GapQuery, self.request)))


class GapSummaryView(APIView):
    """How much of each day is there, by exchange."""

    permission_classes = [MayReadMarket]

    @extend_schema(parameters=[GapQuery], responses=ProgressListSerializer)
    def get(self, request: Request) -> Response:
        days = listing.progress(filter_of(asked(GapQuery, request)))
        return Response(ProgressListSerializer({"status": "ok", "days": days}).data)


class GapRepairView(APIView):
    """Asking for what is missing now, without waiting for the next attempt."""

    permission_classes = [MayRepair]

    @extend_schema(request=GapQuery, responses=RepairSerializer)
    def post(self, request: Request) -> Response:
        question = GapQuery(data=request.data)
        question.is_valid(raise_exception=True)
        chosen = filter_of(question.validated_data)
        sessions = listing.repair_now(chosen, source=request._request)
        answer = {"status": "ok", "sessions": sessions}
        return Response(RepairSerializer(answer).data)
