"""What programs are told about the subject."""

from rest_framework import serializers

from accounts.principals import Principal


class PrincipalSerializer(serializers.Serializer[Principal]):
    """Who is asking, by which door, and what the door allows."""

    username = serializers.CharField()
    kind = serializers.ChoiceField(choices=["session", "api_key", "token"])
    key_id = serializers.CharField(allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField())
    is_staff = serializers.BooleanField()
    second_factor_at = serializers.DateTimeField(allow_null=True)
