"""Labels over REST, in the shape that charts have for them.

What a chart calls ``metadata`` names the bar and may hold more; what more there is
comes back as it was sent, within a limit.
"""

import json
from typing import Any

from rest_framework import serializers

from marketdata import resolutions
from marketdata.models import Label
from marketdata.serializers.fields import FiniteField, SymbolField

MOST_TAGS = 20
MOST_EXTRA_BYTES = 4096
DEEPEST = 4
FARTHEST_S = 31 * 86_400
# Names that charts and other tools have for the same lengths.
_LENGTHS = {
    "1min": "1", "2min": "2", "3min": "3", "5min": "5", "10min": "10", "15min": "15",
    "30min": "30", "1hour": "60", "60min": "60", "1day": "1D", "1week": "1W",
    "1month": "1M", "1m": "1", "2m": "2", "3m": "3", "5m": "5", "10m": "10",
    "15m": "15", "30m": "30", "1h": "60", "1d": "1D", "1w": "1W",
}  # fmt: skip


class TimeframeField(serializers.CharField):
    """The length of a bar: ``5``, ``5min``, ``1D``; never read as another length."""

    default_error_messages = {"unknown": "No bars of this length are kept."}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=8, **options)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        try:
            return resolutions.parse(_LENGTHS.get(name, name)).code
        except resolutions.UnknownResolutionError:
            self.fail("unknown")


class PinnedCursorSerializer(serializers.Serializer[Any]):
    """Where a pinned chart stood."""

    cursorUtc = serializers.DateTimeField()  # noqa: N815 - the chart's own name
    timeframe = TimeframeField()
    playbackSpeed = FiniteField(  # noqa: N815 - the chart's own name
        min_value=0, max_value=10_000, required=False
    )
    isFollowingMain = serializers.BooleanField(required=False)  # noqa: N815 - the same
    windowStartUtc = serializers.DateTimeField(required=False)  # noqa: N815 - the same
    windowEndUtc = serializers.DateTimeField(required=False)  # noqa: N815 - the same


class LabelMetadataSerializer(serializers.Serializer[Any]):
    """Which bar is meant, where on it, and what else the chart wants back."""

    timeframe = TimeframeField()
    nearest_candle_timestamp_utc = serializers.DateTimeField()
    sample_offset_seconds = serializers.IntegerField(
        min_value=-FARTHEST_S, max_value=FARTHEST_S
    )
    price = FiniteField(min_value=0, max_value=1e12, required=False, allow_null=True)
    pinnedCursorState = PinnedCursorSerializer(required=False)  # noqa: N815 - the chart's own

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        checked = super().to_internal_value(data)
        extra = {
            name: value
            for name, value in data.items()
            if name not in self.fields or name == "pinnedCursorState"
        }
        if not _is_small(extra):
            raise serializers.ValidationError(
                f"At most {MOST_EXTRA_BYTES} bytes more, {DEEPEST} levels deep, no NUL."
            )
        checked.pop("pinnedCursorState", None)
        return {**checked, "extra": extra}


class TagsField(serializers.ListField):
    """A few short words."""

    def __init__(self, **options: Any) -> None:
        word = serializers.CharField(max_length=32)
        super().__init__(child=word, max_length=MOST_TAGS, **options)


class LabelSerializer(serializers.ModelSerializer[Label]):
    """One label as charts read it."""

    symbol = serializers.CharField(source="instrument.__str__")
    metadata = serializers.SerializerMethodField()
    tags = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Label
        fields = [
            "id",
            "user_id",
            "symbol",
            "label_type",
            "metadata",
            "tags",
            "created_at",
            "updated_at",
        ]

    def get_metadata(self, label: Label) -> dict[str, Any]:
        price = {} if label.price is None else {"price": label.price}
        return {
            "timeframe": label.resolution,
            "nearest_candle_timestamp_utc": label.bar_at,
            "sample_offset_seconds": label.offset_s,
            **price,
            **label.extra,
        }


class NewLabelSerializer(serializers.Serializer[Any]):
    """A label that is to be made."""

    symbol = SymbolField()
    label_type = serializers.ChoiceField(choices=Label.Type.choices)
    metadata = LabelMetadataSerializer()
    tags = TagsField(default=list)


class ChangedLabelSerializer(serializers.Serializer[Any]):
    """What of a label is to change."""

    label_type = serializers.ChoiceField(choices=Label.Type.choices, required=False)
    metadata = LabelMetadataSerializer(required=False)
    tags = TagsField(required=False)


class LabelsQuery(serializers.Serializer[Any]):
    """Whose bars, of which length, from when to when."""

    symbol = SymbolField(required=False)
    timeframe = TimeframeField(required=False)
    from_timestamp = serializers.DateTimeField(required=False)
    to_timestamp = serializers.DateTimeField(required=False)
    limit = serializers.IntegerField(min_value=1, max_value=5000, default=1000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("from_timestamp"), attrs.get("to_timestamp")
        if start and end and end <= start:
            raise serializers.ValidationError(
                {"to_timestamp": "It must come after from_timestamp."}
            )
        return attrs


class RemovedLabelSerializer(serializers.Serializer[Any]):
    """Which label is to go: by id, or by the bar it is on."""

    id = serializers.UUIDField(required=False)
    symbol = SymbolField(required=False)
    timeframe = TimeframeField(required=False)
    timestamp = serializers.DateTimeField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        missing = [
            name for name in ("symbol", "timeframe", "timestamp") if name not in attrs
        ]
        if "id" not in attrs and missing:
            raise serializers.ValidationError(
                dict.fromkeys(missing, "Give the id, or what names the bar.")
            )
        return attrs


class LabelsSerializer(serializers.Serializer[Any]):
    """The labels that fit, oldest bar first."""

    labels = LabelSerializer(many=True)
    is_truncated = serializers.BooleanField()


class WrittenLabelSerializer(serializers.Serializer[Any]):
    """What became of a label."""

    id = serializers.UUIDField(allow_null=True)
    success = serializers.BooleanField(default=True)
    message = serializers.CharField()


def _is_small(extra: dict[str, Any]) -> bool:
    if not _is_flat(extra, DEEPEST):
        return False
    text = json.dumps(extra)
    return len(text) <= MOST_EXTRA_BYTES and "\\u0000" not in text


def _is_flat(value: Any, levels: int) -> bool:
    """Tell whether lists and objects are nested no deeper than ``levels``."""
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_flat(one, levels - 1) for one in inner)


def columns(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return ``metadata`` as the columns of a label."""
    return {
        "resolution": metadata["timeframe"],
        "bar_at": metadata["nearest_candle_timestamp_utc"],
        "offset_s": metadata["sample_offset_seconds"],
        "price": metadata.get("price"),
        "extra": metadata["extra"],
    }
