"""``/api/v1/accounts/{account}/orders…``: what became of an account's orders."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import TradingAccount
from accounts.permissions import MayReadAccounts, account_for
from accounts.roles import Action
from orders.models import Order, OrderBook, OrderChange
from orders.models.orders import stream_of
from orders.serializers import (
    MOST_ORDERS,
    OrdersQuery,
    OrdersSerializer,
    OrderWithChangesSerializer,
)
from tradingsite.api import CursorPages, asked
from tradingsite.streaming import journal


class OrderPages(CursorPages):
    """Pages of orders, the newest first."""

    ordering = "-pk"
    max_page_size = MOST_ORDERS


class OrderListView(APIView):
    """The orders of an account, newest first."""

    permission_classes = [MayReadAccounts]

    @extend_schema(
        operation_id="v1_accounts_orders_list",
        parameters=[OrdersQuery],
        responses=OrdersSerializer,
    )
    def get(self, request: Request, slug: str) -> Response:
        account = account_for(request, slug, Action.READ)
        choice = OrdersQuery.choice_in(asked(OrdersQuery, request))
        seen, pages = seen_of(account), OrderPages()
        rows = choice.among(Order.objects.of(account))
        page = pages.paginate_queryset(rows, request, view=self) or []
        answer = seen | {
            "count": len(page),
            "next": pages.get_next_link(),
            "previous": pages.get_previous_link(),
            "orders": [row.document for row in page],
        }
        return Response(OrdersSerializer(answer).data)


class OrderView(APIView):
    """One order, and every step of it."""

    permission_classes = [MayReadAccounts]

    @extend_schema(responses=OrderWithChangesSerializer)
    def get(self, request: Request, slug: str, broker_order_id: str) -> Response:
        account = account_for(request, slug, Action.READ)
        seen = seen_of(account)
        order = Order.objects.named(account, broker_order_id)
        if order is None:
            raise Http404
        changes = OrderChange.objects.of(order)
        answer = seen | {"order": order.document, "changes": changes}
        return Response(OrderWithChangesSerializer(answer).data)


def seen_of(account: TradingAccount) -> dict[str, Any]:
    """Return how far our picture has come; ask for it before what it is told of."""
    stream = stream_of(account.pk)
    place = journal.positions([stream]).get(stream)
    books = OrderBook.objects.with_silence(timezone.now())
    book = books.filter(account=account).first() or OrderBook(account=account)
    return {
        "account_id": account.slug,
        "stream": place and place._asdict(),
        **book.document,
    }
