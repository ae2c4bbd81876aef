"""Tables that the admin only shows."""

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin

from tradingsite.paging import BoundedPaginator


class LookOnly(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Shows what only our own processes write, and much of it."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
