"""Instruments in the admin: what they were when, the lists, and what is in doubt."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from marketdata.admin.looking import LookOnly
from marketdata.imports.instruments import quarantine
from marketdata.models import (
    BrokerToken,
    ContractTerms,
    FreezeQuantity,
    Instrument,
    InstrumentList,
    LotSize,
    QuarantinedListing,
)
from tradingsite.auditing import AuditedAdmin, tell
from tradingsite.paging import BoundedPaginator


class TermsInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    """Lot and tick size by date."""

    model = ContractTerms
    extra = 0
    tab = True


class TokenInline(TabularInline):  # type: ignore[misc]  # unfold has no types
    """The broker's numbers by date."""

    model = BrokerToken
    extra = 0
    tab = True
    fields = ["exchange", "token", "valid_from", "valid_to"]


@admin.register(Instrument)
class InstrumentAdmin(AuditedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Finds a contract by symbol, name or broker's number."""

    list_display = ["symbol", "exchange", "kind", "expires_on", "strike", "lot_size"]
    inlines = [TermsInline, TokenInline]
    list_filter = ["exchange", "kind", "is_active"]
    list_select_related = ["exchange"]
    search_fields = ["symbol", "name", "=broker_token"]
    autocomplete_fields = ["underlying"]
    readonly_fields = ["has_derivatives", "updated_at"]
    # Real lists have a hundred thousand rows: nobody needs their number.
    show_full_result_count = False
    paginator = BoundedPaginator


@admin.register(LotSize)
class LotSizeAdmin(AuditedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Keeps lots by the day the contract expires."""

    list_display = ["underlying", "exchange", "lot_size", "valid_from", "valid_to"]
    list_filter = ["exchange"]
    search_fields = ["=underlying"]


@admin.register(FreezeQuantity)
class FreezeQuantityAdmin(AuditedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Keeps the largest quantities of one order."""

    list_display = ["underlying", "exchange", "quantity", "valid_from", "valid_to"]
    list_filter = ["exchange"]
    search_fields = ["=underlying"]


@admin.register(InstrumentList)
class InstrumentListAdmin(LookOnly):
    """Shows the difference that each list made."""

    list_display = [
        "day",
        "source",
        "listed",
        "added",
        "changed",
        "expired",
        "delisted",
        "quarantined",
    ]
    list_filter = ["is_complete"]
    date_hierarchy = "day"


@admin.register(QuarantinedListing)
class QuarantinedListingAdmin(LookOnly):
    """Lets staff decide what a row that can be read in two ways means."""

    list_display = [
        "symbol",
        "exchange",
        "reason",
        "detail",
        "last_seen_on",
        "status",
    ]
    list_filter = ["status", "reason", "exchange"]
    list_select_related = ["exchange"]
    search_fields = ["symbol", "=token"]
    actions = ["rename", "replace", "dismiss"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("marketdata.change_quarantinedlisting"))

    @admin.action(description="Same instrument, new symbol", permissions=["decide"])
    def rename(self, request: HttpRequest, rows: QuerySet[QuarantinedListing]) -> None:
        self._decide(request, rows, quarantine.rename)

    @admin.action(
        description="New instrument; the old one has ended", permissions=["decide"]
    )
    def replace(self, request: HttpRequest, rows: QuerySet[QuarantinedListing]) -> None:
        self._decide(request, rows, quarantine.replace)

    @admin.action(description="Dismiss", permissions=["decide"])
    def dismiss(self, request: HttpRequest, rows: QuerySet[QuarantinedListing]) -> None:
        self._decide(request, rows, quarantine.dismiss)

    def _decide(
        self,
        request: HttpRequest,
        rows: QuerySet[QuarantinedListing],
        decision: Callable[..., Any],
    ) -> None:
        for row in rows.select_related("exchange"):
            try:
                with transaction.atomic():
                    decision(row, user_id=request.user.pk)
                    decided = {"status": row.status}
                    tell("listing.decided", source=request, row=row, after=decided)
            except quarantine.CannotDecide as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                text = f"{row.symbol}: {row.get_status_display()}."
                self.message_user(request, text, messages.SUCCESS)
