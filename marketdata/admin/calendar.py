"""The calendar in the admin; whatever moves an expiry moves it at once."""

from typing import Any

from django.contrib import admin
from unfold.admin import ModelAdmin

from marketdata.admin.looking import LookOnly
from marketdata.imports.foretelling import foretell
from marketdata.models import (
    ContractExpiry,
    Exchange,
    ExpiryRule,
    Holiday,
    SessionHours,
    SessionPhase,
    SettlementHoliday,
)
from tradingsite.auditing import AuditedAdmin


class MovesExpiries(AuditedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Keeps rows that expiries follow from, in the transaction of the change."""

    def save_model(self, *args: Any, **options: Any) -> None:
        super().save_model(*args, **options)
        foretell()

    def delete_model(self, *args: Any, **options: Any) -> None:
        super().delete_model(*args, **options)
        foretell()

    def delete_queryset(self, *args: Any, **options: Any) -> None:
        super().delete_queryset(*args, **options)
        foretell()


@admin.register(Exchange)
class ExchangeAdmin(AuditedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Names the exchanges and their clocks."""

    list_display = ["code", "name", "timezone"]
    search_fields = ["code", "name"]


@admin.register(SessionHours)
class SessionHoursAdmin(AuditedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Keeps the dated hours."""

    list_display = [
        "exchange",
        "segment",
        "weekday",
        "opens_at",
        "closes_at",
        "valid_from",
        "valid_to",
        "expiring_closes_at",
    ]
    list_filter = ["exchange", "weekday"]
    list_select_related = ["exchange"]


@admin.register(SessionPhase)
class SessionPhaseAdmin(AuditedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Keeps what is traded around the session."""

    list_display = [
        "exchange",
        "segment",
        "phase",
        "step",
        "opens_at",
        "closes_at",
        "valid_from",
        "valid_to",
    ]
    list_filter = ["exchange", "phase"]


@admin.register(Holiday)
class HolidayAdmin(MovesExpiries):
    """Keeps holidays and special sessions."""

    list_display = [
        "day",
        "exchange",
        "name",
        "opens_at",
        "closes_at",
        "is_holiday",
        "is_provisional",
    ]
    list_filter = ["exchange", "is_provisional"]
    search_fields = ["name"]
    readonly_fields = ["updated_at"]
    list_select_related = ["exchange"]
    date_hierarchy = "day"


@admin.register(SettlementHoliday)
class SettlementHolidayAdmin(AuditedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Keeps the days on which nothing is settled."""

    list_display = ["day", "exchange", "name"]
    list_filter = ["exchange"]
    date_hierarchy = "day"


@admin.register(ExpiryRule)
class ExpiryRuleAdmin(MovesExpiries):
    """Keeps the weekdays on which contracts end."""

    list_display = [
        "exchange",
        "underlying",
        "cycle",
        "weekday",
        "valid_from",
        "valid_to",
    ]
    list_filter = ["exchange", "cycle"]


@admin.register(ContractExpiry)
class ContractExpiryAdmin(LookOnly):
    """Shows the expiries as they were listed, or are foretold."""

    list_display = [
        "expires_on",
        "exchange",
        "underlying",
        "cycle",
        "nominal_on",
        "origin",
    ]
    list_filter = ["exchange", "cycle", "origin"]
    search_fields = ["=underlying"]
    date_hierarchy = "expires_on"
