"""Staff's view of orders: all of it the broker's word, so only to look at.

Rows of accounts that one is no member of are not there, like on the pages.
"""

from django.contrib import admin
from unfold.decorators import display

from accounts.admin.portfolio import LookingInline, OfAccountsAdmin
from accounts.admin.scoping import AccountFilter
from orders.models import Order, OrderBook, OrderChange
from orders.states import Status
from tradingsite.paging import BoundedPaginator

LABELS = {
    "Filled": "success",
    "Rejected": "danger",
    "Unknown": "warning",
    "In step": "success",
    "Failed for now": "warning",
    "Not being read": "warning",
    "Needs attention": "danger",
}


class BigListAdmin(OfAccountsAdmin):
    """A table that grows without end, newest first, in its own order."""

    paginator = BoundedPaginator
    list_per_page = 50
    sortable_by = ()


class OrderChangeInline(LookingInline):
    """What became of the order, step by step."""

    model = OrderChange
    ordering = ["pk"]
    fields = [
        *("reported_at", "changed_at", "status_before", "status_after"),
        *("filled_before", "filled_after", "average_price_after"),
        *("status_message", "source"),
    ]
    readonly_fields = fields
    verbose_name_plural = "timeline"


@admin.register(Order)
class OrderAdmin(BigListAdmin):
    """Orders as the broker reported them last."""

    list_display = [
        *("broker_order_id", "symbol", "shown_status", "side", "quantity"),
        *("filled_quantity", "account", "placed_at", "status_message"),
    ]
    list_filter = [AccountFilter, "status", "side", "is_reported"]
    search_fields = ["broker_order_id__exact", "symbol__exact"]
    search_help_text = "The broker's number or symbol as a whole."
    inlines = [OrderChangeInline]

    @display(description="Status", label=LABELS)  # type: ignore[untyped-decorator]
    def shown_status(self, order: Order) -> str:
        return order.get_status_display()


@admin.register(OrderChange)
class OrderChangeAdmin(BigListAdmin):
    """What became of orders: written once, never changed."""

    list_display = [
        *("reported_at", "order_number", "order", "account", "status_before"),
        *("shown_status", "filled_before", "filled_after", "average_price_after"),
        *("status_message", "source"),
    ]
    list_select_related = ["order__account"]
    list_filter = [AccountFilter, "status_after"]
    search_fields = ["order__broker_order_id__exact", "order__symbol__exact"]
    search_help_text = "The broker's number or symbol of the order as a whole."
    path_to_account = "order__account"

    @admin.display(description="Number")
    def order_number(self, change: OrderChange) -> str:
        return change.order.broker_order_id

    @admin.display(description="Account")
    def account(self, change: OrderChange) -> str:
        return change.order.account.name

    @display(description="Status after", label=LABELS)  # type: ignore[untyped-decorator]
    def shown_status(self, change: OrderChange) -> str:
        return Status(change.status_after).title()


@admin.register(OrderBook)
class OrderBookAdmin(OfAccountsAdmin):
    """How far our picture of each account's orders has come."""

    list_display = [
        *("account", "shown_status", "read_at", "error_code", "last_error"),
        "last_error_at",
    ]
    list_filter = ["status"]
    search_fields = ["account__name", "account__slug", "last_error"]

    @display(description="Status", label=LABELS)  # type: ignore[untyped-decorator]
    def shown_status(self, book: OrderBook) -> str:
        return book.get_status_display()
