"""What programs ask of the audit, and what they are told."""

from dataclasses import fields

from rest_framework import serializers

from accounts.audit.searching import Search
from accounts.models import AuditEntry


class AuditQuery(serializers.Serializer[Search]):
    """What is looked for in the audit of an account."""

    action = serializers.RegexField(
        r"^[a-z_]+(\.[a-z_]+)*\.?$",
        max_length=64,
        required=False,
        help_text="Such as key.issued; with a dot at the end all below it.",
    )
    outcome = serializers.ChoiceField(AuditEntry.Outcome.choices, required=False)
    person = serializers.CharField(
        max_length=150, required=False, help_text="On whose behalf it was."
    )
    address = serializers.IPAddressField(required=False)
    request_id = serializers.RegexField(
        r"^[A-Za-z0-9._-]+$", max_length=64, required=False
    )
    target = serializers.CharField(
        max_length=200, required=False, help_text="How the name of the target begins."
    )
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False, help_text="Not included.")


class ExportQuery(AuditQuery):
    """What is exported, and how it is written."""

    format = serializers.ChoiceField(["csv", "jsonl"], default="csv")


class AuditEntrySerializer(serializers.ModelSerializer[AuditEntry]):
    """One thing that was done or refused, with the hash that proves it."""

    hash = serializers.SerializerMethodField()

    class Meta:
        model = AuditEntry
        fields = [
            "position",
            "at",
            "action",
            "outcome",
            "reason",
            "actor",
            "door",
            "on_behalf_of",
            "key_id",
            "address",
            "request_id",
            "target",
            "before",
            "after",
            "hash",
        ]

    def get_hash(self, entry: AuditEntry) -> str:
        return bytes(entry.hash).hex()


def search_of(data: dict[str, object]) -> Search:
    """Return what validated data look for."""
    names = {each.name for each in fields(Search)}
    return Search(**{name: data[name] for name in names & data.keys()})  # type: ignore[arg-type]  # as validated
