"""The part of our health that belongs to orders: whether brokers' books are read."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.utils import timezone

from accounts.models import TradingAccount
from orders.models import OrderBook
from orders.models.books import SILENT_AFTER
from orders.sight import books_of
from tradingsite.readiness import Part, Status
from tradingsite.templatetags.figures import seconds


def orders() -> Part:
    """Tell whether the books of orders are read; a broker that is away degrades us.

    Which accounts they are says ``/metrics`` and the admin: anybody may read this.
    """
    now = timezone.now()
    accounts = TradingAccount.objects.exclude(status=TradingAccount.Status.CLOSED)
    books = books_of(list(accounts), now)
    new = [one for one in books.unread if now - one.created_at <= SILENT_AFTER]
    troubles = list(_troubles(books.behind, len(books.unread) - len(new), now))
    if troubles:
        detail = f"Of {books.count} books {', '.join(troubles)}."
        return Part("orders", Status.DEGRADED, detail)
    return Part("orders", detail=f"{books.count} read.")


def _troubles(behind: Sequence[OrderBook], unread: int, now: datetime) -> Iterator[str]:
    kinds = {
        OrderBook.Status.SILENT: "{} are read by nobody",
        OrderBook.Status.FAILED: "{} cannot be read",
        OrderBook.Status.NEEDS_ATTENTION: "{} cannot be read before somebody acts",
    }
    for status, words in kinds.items():
        some = [book for book in behind if book.standing == status]
        if not some:
            continue
        oldest = min((book.read_at for book in some if book.read_at), default=None)
        age = f" (for {seconds((now - oldest).total_seconds())})" if oldest else ""
        yield words.format(len(some)) + age
    if unread:
        yield f"{unread} were never read"
