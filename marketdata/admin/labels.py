"""What people noted on charts, for those who help them."""

from django.contrib import admin
from unfold.admin import ModelAdmin

from marketdata.models import Label
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
