"""The pages of orders: of all accounts that one may see, and of one account."""

import json
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache

from accounts.authentication import principal_of
from accounts.models import TradingAccount
from orders.forms import PRODUCTS, Question, question_in
from orders.models import Order, OrderBook, OrderChange
from orders.sight import Books, Sight, seen
from tradingsite.pages import live_part
from tradingsite.templatetags.figures import clock

# The statuses that are chosen by one touch; "" is all of them.
TABS = [
    ("", "All"),
    ("working", "Working"),
    ("filled", "Filled"),
    ("canceled", "Canceled"),
    ("rejected", "Rejected"),
    ("expired", "Expired"),
    ("unknown", "Unknown"),
]


@login_required
@never_cache
def orders_page(request: HttpRequest) -> HttpResponse:
    return _page(request, "orders/orders.html", _of_all(request))


@login_required
@never_cache
def account_orders_page(request: HttpRequest, slug: str) -> HttpResponse:
    account = _account(request, slug)
    context = _of_one(request, account)
    wanted = request.GET.get("order", "")
    if wanted:
        context |= _of_order(account, wanted)
    return _page(request, "orders/account_orders.html", context)


@live_part
def orders_part(request: HttpRequest) -> HttpResponse:
    """Answer with the table alone: of ``of`` where it stands on that account's page."""
    slug = request.GET.get("of", "")
    context = _of_one(request, _account(request, slug)) if slug else _of_all(request)
    return render(request, "orders/_orders.html", context)


@live_part
def order_part(request: HttpRequest) -> HttpResponse:
    account = _account(request, request.GET.get("account", ""))
    context = _of_order(account, request.GET.get("order", ""))
    return render(request, "orders/_order.html", context)


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    mistakes = context["question"].mistakes
    status = HTTPStatus.BAD_REQUEST if mistakes else HTTPStatus.OK
    return render(request, template, context, status=status)


def _of_all(request: HttpRequest) -> dict[str, Any]:
    rows = TradingAccount.objects.for_subject(principal_of(request))
    accounts = list(rows.order_by("name"))
    question = question_in(request.GET)
    chosen = [one for one in accounts if question.account in {"", one.slug}]
    context = {"accounts": accounts, "account": None}
    return context | _body(question, chosen, is_of_one=False)


def _of_one(request: HttpRequest, account: TradingAccount) -> dict[str, Any]:
    context = {"accounts": [account], "account": account}
    return context | _body(question_in(request.GET), [account], is_of_one=True)


def _of_order(account: TradingAccount, broker_order_id: str) -> dict[str, Any]:
    order = Order.objects.named(account, broker_order_id)
    if order is None:
        raise Http404
    changes = OrderChange.objects.of(order).reverse()
    return {"account": account, "order": order, "changes": changes}


def _body(
    question: Question, accounts: list[TradingAccount], *, is_of_one: bool
) -> dict[str, Any]:
    sight = seen(accounts, question.choice, question.before, timezone.now())
    return {
        "question": question,
        "sight": sight,
        "books": sight.books,
        "following": json.dumps(
            {
                "places": _places(sight, accounts),
                "statuses": sorted(question.choice.statuses),
                "side": question.side,
                "symbol": question.symbol.upper(),
                "product": question.product.upper(),
                "stale": _stale(sight.books, is_of_one=is_of_one),
            }
        ),
        "tabs": TABS,
        "products": PRODUCTS,
        "needs_attention": OrderBook.Status.NEEDS_ATTENTION,
    }


def _places(sight: Sight, accounts: list[TradingAccount]) -> dict[str, Any]:
    """Return which keys the page follows, and from where on; none: it asks."""
    places = {key: place._asdict() for key, place in sight.places.items()}
    followed = accounts if sight.is_followed else []
    return {one.slug: places.get(one.slug) for one in followed}


def _stale(books: Books, *, is_of_one: bool) -> str:
    """Return what the badge says of books that are behind; nothing where none is."""
    if not books.behind:
        return ""
    if not is_of_one:
        return f"{len(books.behind)} of {books.count} books stale"
    since = books.stale_since
    return f"Stale since {clock(since)}" if since else "Never read"


def _account(request: HttpRequest, slug: str) -> TradingAccount:
    rows = TradingAccount.objects.for_subject(principal_of(request))
    # The parts name it in their query, where anything may stand.
    named = rows.select_related("desk").filter(slug=slug.replace("\0", ""))
    account = named.first()
    if account is None:
        raise Http404
    return account
