"""Staff's view of what accounts hold: all of it the broker's word, so only to look at.

Rows of accounts that one is no member of are not there, like on the pages.
"""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from accounts.admin.people import TradingAccountAdmin
from accounts.admin.scoping import AccountFilter
from accounts.authentication import principal_of
from accounts.models import (
    AccountSnapshot,
    AccountSync,
    Balance,
    Holding,
    Position,
    PositionChange,
    TradingAccount,
)


class Looking:
    """Nobody adds, changes or deletes here what a broker said."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OfAccountsAdmin(Looking, ModelAdmin):  # type: ignore[misc]
    """Rows of the accounts that the subject may see."""

    list_select_related = ["account"]
    list_filter: Sequence[Any] = [AccountFilter]
    show_full_result_count = False
    # How a row leads to its account.
    path_to_account = "account"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        if not request.user.is_superuser:
            seen = TradingAccount.objects.for_subject(principal_of(request))
            rows = rows.filter(**{f"{self.path_to_account}__in": seen})
        return cast("QuerySet[Any]", rows)


@admin.register(Position)
class PositionAdmin(OfAccountsAdmin):
    """Positions as the broker reported them last."""

    list_display = [
        *("symbol", "exchange", "product", "account", "quantity", "average_price"),
        *("last_price", "is_reported", "reported_at"),
    ]
    list_filter = [AccountFilter, "exchange", "product", "is_reported"]
    search_fields = ["symbol"]


@admin.register(PositionChange)
class PositionChangeAdmin(OfAccountsAdmin):
    """What became of positions: written once, never changed."""

    list_display = [
        *("symbol", "kind", "quantity_before", "quantity_after", "account"),
        *("product", "reported_at", "source"),
    ]
    list_filter = [AccountFilter, "kind", "product", "source"]
    search_fields = ["symbol"]


@admin.register(Holding)
class HoldingAdmin(OfAccountsAdmin):
    """Shares in the depository."""

    list_display = [
        *("symbol", "exchange", "account", "quantity", "t1_quantity"),
        *("collateral_quantity", "average_price", "last_price", "updated_at"),
    ]
    list_filter = [AccountFilter, "exchange"]
    search_fields = ["symbol", "isin"]


@admin.register(Balance)
class BalanceAdmin(OfAccountsAdmin):
    """Money by segment."""

    list_display = ["segment", "account", "net", "cash", "used", "updated_at"]
    list_filter = [AccountFilter, "segment"]


@admin.register(AccountSync)
class AccountSyncAdmin(OfAccountsAdmin):
    """How each account stands with its broker."""

    list_display = [
        *("account", "status", "last_sync_at", "error_code", "last_error_at"),
    ]
    list_filter = ["status"]
    search_fields = ["account__name", "account__slug", "last_error"]


@admin.register(AccountSnapshot)
class AccountSnapshotAdmin(OfAccountsAdmin):
    """What accounts were worth, five minutes by five minutes."""

    list_display = [
        *("taken_at", "account", "kind", "net_worth", "day_pnl", "missing"),
    ]
    list_filter = [AccountFilter, "kind"]
    date_hierarchy = "day"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        is_list = request.resolver_match and request.resolver_match.kwargs == {}
        return rows.points() if is_list else rows  # type: ignore[attr-defined]


class LookingInline(Looking, TabularInline):  # type: ignore[misc]
    """Rows of an account, beside it."""

    extra = 0
    can_delete = False
    tab = True


class PositionInline(LookingInline):
    """The positions that the broker reported last."""

    model = Position
    fields = [
        "symbol",
        "exchange",
        "product",
        "quantity",
        "average_price",
        "reported_at",
    ]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).filter(is_reported=True)
        return rows


class HoldingInline(LookingInline):
    """The shares in the depository."""

    model = Holding
    fields = ["symbol", "exchange", "isin", "quantity", "average_price", "updated_at"]
    readonly_fields = fields


class BalanceInline(LookingInline):
    """The money by segment."""

    model = Balance
    fields = ["segment", "net", "cash", "used", "updated_at"]
    readonly_fields = fields


class SyncInline(LookingInline):
    """How the account stands with its broker."""

    model = AccountSync
    fields = ["status", "last_sync_at", "error_code", "last_error"]
    readonly_fields = fields


# What somebody else's module shows of an account, this one completes.
TradingAccountAdmin.inlines = [
    *TradingAccountAdmin.inlines,
    *(SyncInline, PositionInline, HoldingInline, BalanceInline),
]
