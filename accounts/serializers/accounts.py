"""What programs are told about the subject and its accounts."""

from rest_framework import serializers

from accounts.models import TradingAccount
from accounts.principals import Principal


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
