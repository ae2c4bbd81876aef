"""``/api/v1/admin/calendar/holidays``: staff keep holidays and special sessions.

Whatever changes moves the expiries that it moves, in the same transaction.
"""

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from marketdata.imports import holidays
from marketdata.imports.foretelling import foretell
from marketdata.imports.refusal import ImportRefused
from marketdata.models import Holiday
from marketdata.permissions import MayKeepCalendar
from marketdata.serializers.calendar import (
    HolidayEditSerializer,
    HolidayListQuery,
    ImportedSerializer,
)
from tradingsite.api import CsvParser, asked
from tradingsite.auditing import difference, fields_of, tell


class HolidayListView(generics.ListCreateAPIView[Holiday]):
    """The days that differ, newest first; another one is added by POST."""

    permission_classes = [MayKeepCalendar]
    serializer_class = HolidayEditSerializer

    @extend_schema(parameters=[HolidayListQuery])
    def get(self, request: Request) -> Response:
        return self.list(request)

    def get_queryset(self) -> QuerySet[Holiday]:
        question = asked(HolidayListQuery, self.request)
        found = Holiday.objects.order_by("-day", "exchange_id")
        if "calendar" in question:
            found = found.filter(exchange_id=question["calendar"])
        if "year" in question:
            found = found.filter(day__year=question["year"])
        return found

    @transaction.atomic
    def perform_create(self, serializer: BaseSerializer[Holiday]) -> None:
        row = serializer.save()
        tell(
            "holiday.added", source=self.request._request, row=row, after=fields_of(row)
        )
        foretell()


class HolidayView(generics.RetrieveUpdateDestroyAPIView[Holiday]):
    """One day that differs."""

    permission_classes = [MayKeepCalendar]
    serializer_class = HolidayEditSerializer
    queryset = Holiday.objects.all()

    @transaction.atomic
    def perform_update(self, serializer: BaseSerializer[Holiday]) -> None:
        was = fields_of(self.get_object())
        row = serializer.save()
        before, after = difference(was, fields_of(row))
        tell(
            "holiday.changed",
            source=self.request._request,
            row=row,
            before=before,
            after=after,
        )
        foretell()

    @transaction.atomic
    def perform_destroy(self, instance: Holiday) -> None:
        tell(
            "holiday.deleted",
            source=self.request._request,
            row=instance,
            before=fields_of(instance),
        )
        instance.delete()
        foretell()


class HolidayImportView(APIView):
    """Many days from a CSV file: all of them, or none and the line that is wrong."""

    permission_classes = [MayKeepCalendar]
    parser_classes = [CsvParser]

    @extend_schema(request={"text/csv": OpenApiTypes.STR}, responses=ImportedSerializer)
    def post(self, request: Request) -> Response:
        try:
            rows = holidays.parse(dict(request.data).get("text", ""))
        except ImportRefused as error:
            raise ValidationError({"file": str(error)}, "import_refused") from None
        with transaction.atomic():
            answer = {"rows": len(rows), "written": holidays.load(rows)}
            tell(
                "holidays.imported",
                source=request._request,
                target="Holidays",
                after=answer,
            )
        return Response(ImportedSerializer(answer).data)
