"""The market in the admin: what may be edited, and what is only looked at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from marketdata.models import (
    BarGap,
    Exchange,
    Holiday,
    Instrument,
    QuarantinedTick,
    SessionHours,
    ShardPosition,
)


class LookOnly(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Shows what only the ingestor writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Instrument)
class InstrumentAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Finds a contract by symbol, name or broker's number."""

    list_display = ["symbol", "exchange", "kind", "expires_on", "strike", "lot_size"]
    list_filter = ["exchange", "kind", "is_active"]
    list_select_related = ["exchange"]
    search_fields = ["symbol", "name", "=broker_token"]
    autocomplete_fields = ["underlying"]
    readonly_fields = ["updated_at"]
    # Real lists have a hundred thousand rows: nobody needs their number.
    show_full_result_count = False


@admin.register(Exchange)
class ExchangeAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Names the exchanges and their clocks."""

    list_display = ["code", "name", "timezone"]
    search_fields = ["code", "name"]


@admin.register(SessionHours)
class SessionHoursAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Keeps the dated hours."""

    list_display = [
        "exchange",
        "segment",
        "weekday",
        "opens_at",
        "closes_at",
        "valid_from",
        "valid_to",
    ]
    list_filter = ["exchange", "weekday"]
    list_select_related = ["exchange"]


@admin.register(Holiday)
class HolidayAdmin(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Keeps holidays and special sessions."""

    list_display = ["day", "exchange", "name", "opens_at", "closes_at"]
    list_filter = ["exchange"]
    list_select_related = ["exchange"]
    date_hierarchy = "day"


@admin.register(BarGap)
class BarGapAdmin(LookOnly):
    """Shows what was lost and whether it was repaired."""

    list_display = [
        "stream",
        "from_at",
        "to_at",
        "reason",
        "lost_entries",
        "status",
        "attempts",
    ]
    list_filter = ["status", "reason"]


@admin.register(QuarantinedTick)
class QuarantinedTickAdmin(LookOnly):
    """Shows refused ticks with the reason."""

    list_display = ["received_at", "stream", "entry_id", "reason", "detail"]
    list_filter = ["reason"]
    show_full_result_count = False


@admin.register(ShardPosition)
class ShardPositionAdmin(LookOnly):
    """Shows how far each shard has been read."""

    list_display = ["stream", "entry_id", "ordinal", "last_tick_at", "updated_at"]
