"""Sessions of subscriptions over REST: what is asked for, what became of it."""

import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from marketdata.models import Mode, SubscriptionSession, TickerSubscription

MOST_TOKENS = 200
LEAST_LEASE_S, LONGEST_LEASE_S = 30, 86_400
FRAME = r"^[0-9]{0,3}[A-Za-z]{0,5}$"


class SessionChange(serializers.Serializer[Any]):
    """What of a session may change; any change renews its lease."""

    requested_mode = serializers.ChoiceField(choices=Mode.choices, required=False)
    timeframe = serializers.RegexField(FRAME, max_length=8, required=False)
    lease_s = serializers.IntegerField(
        min_value=LEAST_LEASE_S,
        max_value=LONGEST_LEASE_S,
        default=3600,
        help_text="The session ends so many seconds after it was last renewed.",
    )

    @property
    def lease(self) -> datetime.timedelta:
        return datetime.timedelta(seconds=self.validated_data["lease_s"])


class SessionRequest(SessionChange):
    """The instruments of a new session, by the broker's number."""

    tokens = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**62),
        min_length=1,
        max_length=MOST_TOKENS,
    )
    account_id = serializers.RegexField(r"^[\w.-]+$", max_length=60, default="primary")


class HeldSerializer(serializers.Serializer[Any]):
    """One instrument of a session, and how far it is at the ticker service."""

    token = serializers.IntegerField(source="broker_token")
    symbol = serializers.CharField(source="*")
    state = serializers.SerializerMethodField()

    def get_state(self, instrument: Any) -> str:
        states: dict[int, str] = self.context.get("states", {})
        return states.get(instrument.pk, "pending")


class SessionSerializer(serializers.ModelSerializer[SubscriptionSession]):
    """A session: whose, in which mode, until when."""

    session_id = serializers.UUIDField(source="id")
    requested_mode = serializers.CharField(source="mode")
    instruments = serializers.SerializerMethodField()

    class Meta:
        model = SubscriptionSession
        fields = [
            *("session_id", "owner", "requested_mode", "timeframe", "account_id"),
            *("created_at", "expires_at", "instruments"),
        ]

    @extend_schema_field(HeldSerializer(many=True))
    def get_instruments(self, session: SubscriptionSession) -> Any:
        instruments = [want.instrument for want in session.wants.all()]
        return HeldSerializer(instruments, many=True, context=self.context).data


class ReleasedSerializer(serializers.Serializer[Any]):
    """What nobody wants any more now that a session has ended."""

    status = serializers.CharField(default="ok")
    released = serializers.ListField(child=serializers.IntegerField())


class SubscriptionSerializer(serializers.ModelSerializer[TickerSubscription]):
    """One instrument at the ticker service, and how many want it here."""

    symbol = serializers.CharField(source="instrument")
    wanted_by = serializers.IntegerField()
    owners = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = TickerSubscription
        fields = [
            *("symbol", "token", "state", "mode", "account_id", "held_since"),
            *("wanted_by", "owners", "last_error"),
        ]
