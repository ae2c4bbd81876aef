"""What programs send to log in, and what they are told of log-ins."""

from typing import Any

from rest_framework import serializers

from accounts.principals import ALL_SCOPES, Scope

LONGEST_PASSWORD = 1024


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: a typo must not pass in silence."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        unknown = set(getattr(self, "initial_data", {})) - set(self.fields)
        if unknown:
            raise serializers.ValidationError(
                dict.fromkeys(sorted(unknown), "There is no such field."), "unknown"
            )
        return attrs


class NothingSerializer(serializers.Serializer[Any]):
    """No body."""


class ScopesField(serializers.MultipleChoiceField):
    """Scopes, all of them where none are named."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("default", ALL_SCOPES)
        super().__init__(
            choices=[(scope.value, scope.value) for scope in Scope],
            allow_empty=False,
            **kwargs,
        )


class CredentialsSerializer(StrictSerializer):
    """Name, password and code of a program's log-in."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(
        max_length=LONGEST_PASSWORD, trim_whitespace=False, style={"type": "password"}
    )
    totp = serializers.CharField(
        max_length=40, required=False, default="", allow_blank=True
    )
    scopes = ScopesField()


class TokensSerializer(serializers.Serializer[Any]):
    """A pair of tokens; the access token is good for ``expires_in`` seconds."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField()


class RefreshSerializer(StrictSerializer):
    """A refresh token."""

    refresh_token = serializers.CharField(max_length=200)


class CodeSerializer(StrictSerializer):
    """A code of the second factor."""

    code = serializers.CharField(max_length=40)


class TicketRequestSerializer(StrictSerializer):
    """What a ticket is for; empty means all that the caller may do."""

    scopes = ScopesField()


class TicketSerializer(serializers.Serializer[Any]):
    """A ticket: for the first frame or the subprotocol, never for an address."""

    ticket = serializers.CharField()
    expires_in = serializers.IntegerField()


class LogInSerializer(serializers.Serializer[Any]):
    """A log-in that stands: a browser's session, or a program's tokens."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=["session", "token"])
    address = serializers.CharField()
    agent = serializers.CharField()
    started_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    second_factor_at = serializers.DateTimeField(allow_null=True)
    is_current = serializers.BooleanField()
