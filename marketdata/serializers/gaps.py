"""The gap map over REST: what may be asked of it and what it answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketdata.gaps.listing import Filter
from marketdata.gaps.runs import runs_of
from marketdata.models import SessionGap

MOST_RUNS = 200


class GapQuery(serializers.Serializer[Any]):
    """Which part of the map; what is left out does not narrow."""

    exchange = serializers.CharField(max_length=16, required=False)
    symbol = serializers.CharField(
        max_length=96, required=False, help_text="EXCHANGE:SYMBOL, or a symbol."
    )
    day = serializers.DateField(required=False)
    from_day = serializers.DateField(required=False)
    to_day = serializers.DateField(required=False)
    status = serializers.ChoiceField(choices=SessionGap.Status.choices, required=False)
    reason = serializers.ChoiceField(
        choices=[choice for choice in SessionGap.Reason.choices if choice[0]],
        required=False,
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("exchange", "symbol"):
            if "\0" in attrs.get(name, ""):
                raise serializers.ValidationError({name: "A name holds no NUL."})
        start, end = attrs.get("from_day"), attrs.get("to_day")
        if start and end and start > end:
            raise serializers.ValidationError({"to_day": "It is before from_day."})
        return attrs


class RunSerializer(serializers.Serializer[Any]):
    """Minutes in a row; ``to_time`` is when the last of them ended."""

    from_time = serializers.DateTimeField()
    to_time = serializers.DateTimeField()
    minutes = serializers.IntegerField()


class SessionGapSerializer(serializers.ModelSerializer[SessionGap]):
    """What one instrument lacks of one session, why, since when, and what is next."""

    symbol = serializers.CharField(source="instrument")
    expected = serializers.IntegerField(help_text="Minutes that are over.")
    missing = serializers.SerializerMethodField()
    quiet = serializers.SerializerMethodField()
    runs = serializers.SerializerMethodField()

    class Meta:
        model = SessionGap
        fields = [
            *("symbol", "day", "opens_at", "closes_at", "surveyed_until", "status"),
            *("reason", "expected", "stored", "missing", "quiet", "runs"),
            *("missing_since", "attempts", "asked_at", "next_attempt_at"),
            "last_error",
        ]

    def get_missing(self, gap: SessionGap) -> int:
        return len(gap.missing)

    def get_quiet(self, gap: SessionGap) -> int:
        return len(gap.quiet)

    @extend_schema_field(RunSerializer(many=True))
    def get_runs(self, gap: SessionGap) -> list[dict[str, Any]]:
        runs = runs_of([*gap.missing, *gap.quiet])[:MOST_RUNS]
        return [
            {
                "from_time": gap.at(run.begin),
                "to_time": gap.at(run.end),
                "minutes": run.length,
            }
            for run in runs
        ]


class ProgressSerializer(serializers.Serializer[Any]):
    """How much of the sessions of one day on one exchange is there, in minutes."""

    day = serializers.DateField()
    exchange = serializers.CharField()
    sessions = serializers.IntegerField(help_text="One for each instrument.")
    open = serializers.IntegerField()
    quiet = serializers.IntegerField()
    expected = serializers.IntegerField()
    stored = serializers.IntegerField()
    missing = serializers.IntegerField()
    quiet_minutes = serializers.IntegerField()
    percent = serializers.FloatField()


class ProgressListSerializer(serializers.Serializer[Any]):
    """The answer of ``/api/v1/gaps/summary``."""

    status = serializers.CharField(default="ok")
    days = ProgressSerializer(many=True)


class RepairSerializer(serializers.Serializer[Any]):
    """How many sessions are asked for now."""

    status = serializers.CharField(default="ok")
    sessions = serializers.IntegerField()


def filter_of(answers: dict[str, Any]) -> Filter:
    """Return the part of the map that a valid query names."""
    return Filter(**{name: value for name, value in answers.items() if value})
