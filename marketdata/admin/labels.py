"""What people noted on charts, for those who help them."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from marketdata.models import Label
from marketdata.views.labels import tell
from tradingsite.paging import BoundedPaginator


@admin.register(Label)
class LabelAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Finds a user's labels."""

    list_display = ["bar_at", "instrument", "resolution", "label_type", "user"]
    list_filter = ["label_type"]
    list_select_related = ["instrument", "user"]
    raw_id_fields = ["instrument", "user"]
    search_fields = ["instrument__symbol", "user__username"]
    readonly_fields = ["created_at", "updated_at"]
    paginator = BoundedPaginator
    show_full_result_count = False

    def save_model(
        self,
        request: HttpRequest,
        obj: Label,
        form: Any,
        change: bool,  # noqa: FBT001 - the admin's signature
    ) -> None:
        super().save_model(request, obj, form, change)
        tell(obj, "label.update" if change else "label.create")

    def delete_model(self, request: HttpRequest, obj: Label) -> None:
        tell(obj, "label.delete")
        super().delete_model(request, obj)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Label]) -> None:
        for label in queryset.select_related("instrument"):
            tell(label, "label.delete")
        super().delete_queryset(request, queryset)
