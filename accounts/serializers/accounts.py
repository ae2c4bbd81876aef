"""What programs are told about the subject and its accounts."""

from rest_framework import serializers

from accounts.models import Desk, TradingAccount
from accounts.principals import Principal
from tradingsite.api import StrictSerializer

SLUG = r"^[-a-z0-9_]{1,40}$"


class PrincipalSerializer(serializers.Serializer[Principal]):
    """Who is asking, by which door, and what the door allows."""

    username = serializers.CharField()
    kind = serializers.ChoiceField(choices=["session", "api_key", "token"])
    key_id = serializers.CharField(allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField())
    is_staff = serializers.BooleanField()
    second_factor_at = serializers.DateTimeField(allow_null=True)


class TradingAccountSerializer(serializers.ModelSerializer[TradingAccount]):
    """An account under its public slug; nothing of the broker's credentials."""

    account_id = serializers.CharField(source="slug")
    desk = serializers.CharField(source="desk.slug")

    class Meta:
        model = TradingAccount
        fields = ["account_id", "name", "desk", "broker", "status", "is_paper"]


class DeskSerializer(serializers.ModelSerializer[Desk]):
    """A desk under its public slug."""

    desk_id = serializers.CharField(source="slug")

    class Meta:
        model = Desk
        fields = ["desk_id", "name", "is_active"]


class NewAccountSerializer(StrictSerializer):
    """An account to be opened on a desk."""

    account_id = serializers.RegexField(SLUG, source="slug")
    name = serializers.CharField(max_length=100)
    desk = serializers.RegexField(SLUG)
    broker = serializers.ChoiceField(choices=TradingAccount.Broker.choices)
    broker_client_id = serializers.CharField(max_length=32)
    is_paper = serializers.BooleanField(default=False)


class ChangedAccountSerializer(StrictSerializer):
    """What may change of an account: never whose it is, nor where it trades."""

    name = serializers.CharField(max_length=100, required=False)
    status = serializers.ChoiceField(
        choices=TradingAccount.Status.choices, required=False
    )
