"""``/api/v1/labels``: what a user notes on charts; nobody sees another's."""

import uuid
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from marketdata.models import Label
from marketdata.permissions import MayReadMarket, user_id_of
from marketdata.serializers.labels import (
    ChangedLabelSerializer,
    LabelSerializer,
    LabelsQuery,
    LabelsSerializer,
    NewLabelSerializer,
    RemovedLabelSerializer,
    WrittenLabelSerializer,
    columns,
)
from marketdata.views.named import asked_instrument
from tradingsite.api import asked
from tradingsite.streaming import journal

MOST_LABELS = 20_000


class LabelListView(APIView):
    """The caller's labels; made by POST, removed by DELETE with a body."""

    permission_classes = [MayReadMarket]

    @extend_schema(
        operation_id="labels_list", parameters=[LabelsQuery], responses=LabelsSerializer
    )
    def get(self, request: Request) -> Response:
        question = asked(LabelsQuery, request)
        found = list(_fitting(request, question)[: question["limit"] + 1])
        answer = {
            "labels": found[: question["limit"]],
            "is_truncated": len(found) > question["limit"],
        }
        return Response(LabelsSerializer(answer).data)

    @extend_schema(request=NewLabelSerializer, responses={201: WrittenLabelSerializer})
    @transaction.atomic
    def post(self, request: Request) -> Response:
        wanted = _checked(NewLabelSerializer(data=request.data))
        if _own(request).count() >= MOST_LABELS:
            raise ValidationError(f"At most {MOST_LABELS:,} labels.", "too_many_labels")
        label = Label.objects.create(
            user_id=user_id_of(request),
            instrument=asked_instrument(wanted["symbol"]),
            label_type=wanted["label_type"],
            tags=wanted["tags"],
            **columns(wanted["metadata"]),
        )
        tell(label, "label.create")
        return _written(label.id, "created", HTTPStatus.CREATED)

    @extend_schema(
        operation_id="labels_remove",
        request=RemovedLabelSerializer,
        responses=WrittenLabelSerializer,
    )
    @transaction.atomic
    def delete(self, request: Request) -> Response:
        wanted = _checked(RemovedLabelSerializer(data=request.data))
        return _removed(get_object_or_404(_meant(request, wanted)[:1]))


class LabelView(APIView):
    """One label of the caller."""

    permission_classes = [MayReadMarket]

    @extend_schema(responses=LabelSerializer)
    def get(self, request: Request, label_id: uuid.UUID) -> Response:
        return Response(LabelSerializer(_one(request, label_id)).data)

    @extend_schema(request=ChangedLabelSerializer, responses=WrittenLabelSerializer)
    @transaction.atomic
    def patch(self, request: Request, label_id: uuid.UUID) -> Response:
        wanted = _checked(ChangedLabelSerializer(data=request.data))
        label = get_object_or_404(_own(request).select_for_update(), id=label_id)
        metadata = wanted.pop("metadata", None)
        for name, value in (wanted | (columns(metadata) if metadata else {})).items():
            setattr(label, name, value)
        label.save()
        tell(label, "label.update")
        return _written(label.id, "updated")

    @extend_schema(responses=WrittenLabelSerializer)
    @transaction.atomic
    def delete(self, request: Request, label_id: uuid.UUID) -> Response:
        return _removed(_one(request, label_id))


def tell(label: Label, what: str) -> None:
    """Tell the charts of its user: ``label.create``, ``label.update`` or ``.delete``.

    In the transaction that wrote the label, so that neither is without the other.
    """
    journal.record(label.stream, {"type": what, "label": LabelSerializer(label).data})


def _own(request: Request) -> QuerySet[Label]:
    return Label.objects.of_user(user_id_of(request))


def _one(request: Request, label_id: uuid.UUID) -> Label:
    found = _own(request).select_related("instrument")
    return get_object_or_404(found, id=label_id)


def _fitting(request: Request, question: dict[str, Any]) -> QuerySet[Label]:
    found = _own(request).select_related("instrument")
    if "symbol" in question:
        found = found.filter(instrument=asked_instrument(question["symbol"]))
    if "timeframe" in question:
        found = found.filter(resolution=question["timeframe"])
    if "from_timestamp" in question:
        found = found.filter(bar_at__gte=question["from_timestamp"])
    if "to_timestamp" in question:
        found = found.filter(bar_at__lt=question["to_timestamp"])
    return found


def _meant(request: Request, wanted: dict[str, Any]) -> QuerySet[Label]:
    own = _own(request)
    if "id" in wanted:
        return own.filter(id=wanted["id"])
    return own.filter(
        instrument=asked_instrument(wanted["symbol"]),
        resolution=wanted["timeframe"],
        bar_at=wanted["timestamp"],
    )


def _removed(label: Label) -> Response:
    tell(label, "label.delete")
    label_id = label.id
    label.delete()
    return _written(label_id, "deleted")


def _checked(serializer: Any) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _written(
    label_id: uuid.UUID, message: str, status: int = HTTPStatus.OK
) -> Response:
    answer = {"id": label_id, "success": True, "message": f"Label {message}."}
    return Response(WrittenLabelSerializer(answer).data, status=status)
