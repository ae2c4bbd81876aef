"""The audit as staff see it: to search and to read, never to write."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from accounts.authentication import principal_of
from accounts.models import AuditAnchor, AuditEntry
from marketdata.admin.looking import LookOnly
from tradingsite.paging import BoundedPaginator


@admin.register(AuditEntry)
class AuditEntryAdmin(LookOnly):
    """What was done and refused: superusers all of it, others their accounts'."""

    list_display = [
        "shown_at",
        "chain",
        "position",
        "action",
        "shown_outcome",
        "actor",
        "on_behalf_of",
        "target",
        "address",
    ]
    list_filter = ["outcome"]
    # Not "=": that compares in capitals, which no index knows.
    search_fields = ["on_behalf_of__exact", "request_id__exact", "target__exact"]
    search_help_text = 'A person, a request id or a target as a whole: "User 7 (asha)".'
    exclude = ["hash", "account"]
    readonly_fields = ["shown_hash"]
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    # In their own order: sorting a million rows by anything else takes seconds.
    sortable_by: Sequence[str] = ()

    @admin.display(description="At (UTC)")
    def shown_at(self, entry: AuditEntry) -> str:
        # On one line, as in a log.
        return f"{entry.at:%d %b %Y %H:%M:%S}".replace(" ", "\u00a0")

    @display(  # type: ignore[untyped-decorator]
        description="Outcome", label={"Done": "success", "Refused": "danger"}
    )
    def shown_outcome(self, entry: AuditEntry) -> str:
        return entry.get_outcome_display()

    @admin.display(description="Hash")
    def shown_hash(self, entry: AuditEntry) -> str:
        return bytes(entry.hash).hex()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        if not request.user.is_superuser:
            rows = rows.for_subject(principal_of(request))
        return rows  # type: ignore[no-any-return]


@admin.register(AuditAnchor)
class AuditAnchorAdmin(LookOnly):
    """What chains ended with, signed; for those who see the whole house."""

    list_display = ["chain", "position", "at", "key_id"]
    search_fields = ["=chain"]
    exclude = ["hash", "signature"]
    paginator = BoundedPaginator
    show_full_result_count = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)
