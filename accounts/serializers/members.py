"""What programs are told and may say about the members of desks and accounts."""

from rest_framework import serializers

from accounts.models import Membership
from tradingsite.api import StrictSerializer


class MemberSerializer(serializers.ModelSerializer[Membership]):
    """A member and the role."""

    username = serializers.CharField(source="user.username")
    display_name = serializers.CharField(source="user.display_name")

    class Meta:
        model = Membership
        fields = ["username", "display_name", "role", "created_at"]


class NewMemberSerializer(StrictSerializer):
    """Somebody who is to become a member."""

    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(choices=Membership.Role.choices)


class ChangedMemberSerializer(StrictSerializer):
    """The new role of a member."""

    role = serializers.ChoiceField(choices=Membership.Role.choices)
