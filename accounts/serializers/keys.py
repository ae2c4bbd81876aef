"""What programs are told of API keys, and what they choose for a new one."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from accounts.models import ApiKey, TradingAccount
from accounts.models.keys import LONGEST_LIFE, check_networks, validate_network
from accounts.principals import Principal
from accounts.serializers.log_ins import ScopesField, StrictSerializer


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key, without what would let anybody in."""

    id = serializers.CharField(source="public_id")
    accounts: Any = serializers.SlugRelatedField(
        slug_field="slug", many=True, read_only=True
    )
    state = serializers.CharField()

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "state",
            "scopes",
            "all_accounts",
            "accounts",
            "allowed_networks",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        ]


class IssuedKeySerializer(ApiKeySerializer):
    """A key that was just made; ``key`` is shown this once."""

    key = serializers.CharField(source="text")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]


class NewKeySerializer(StrictSerializer):
    """What a new key is for; never more than who asks may do."""

    name = serializers.CharField(max_length=100)
    scopes = ScopesField(default=["read:market"])
    all_accounts = serializers.BooleanField(default=False)
    accounts = serializers.ListField(
        child=serializers.SlugField(), default=list, max_length=100
    )
    allowed_networks = serializers.ListField(
        child=serializers.CharField(max_length=43), default=list, max_length=20
    )
    life_days = serializers.IntegerField(
        min_value=1, max_value=LONGEST_LIFE.days, default=LONGEST_LIFE.days
    )

    @property
    def principal(self) -> Principal:
        principal: Principal = self.context["principal"]
        return principal

    def validate_scopes(self, scopes: set[str]) -> list[str]:
        if not set(scopes) <= self.principal.scopes:
            raise serializers.ValidationError("You do not have all of these.")
        return sorted(scopes)

    def validate_accounts(self, slugs: list[str]) -> list[TradingAccount]:
        found = list(
            TradingAccount.objects.for_subject(self.principal).filter(slug__in=slugs)
        )
        if len(found) != len(set(slugs)):
            raise serializers.ValidationError("One of these accounts does not exist.")
        return found

    def validate_allowed_networks(self, networks: list[str]) -> list[str]:
        try:
            for network in networks:
                validate_network(network)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages) from error
        return networks

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        try:
            check_networks(attrs["scopes"], attrs["allowed_networks"])
        except DjangoValidationError as error:
            raise serializers.ValidationError(
                {"allowed_networks": error.messages}
            ) from error
        return attrs

    def choices(self) -> dict[str, Any]:
        """Return what ``ApiKey.objects.issue`` takes."""
        chosen = dict(self.validated_data)
        chosen["life"] = timedelta(days=chosen.pop("life_days"))
        return chosen
