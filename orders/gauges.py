"""What orders tell Prometheus when it asks: the book of each account."""

from collections.abc import Iterator

from django.utils import timezone

from orders.models import OrderBook
from tradingsite.metrics import Reading


def order_books() -> Iterator[Reading]:
    """Yield how old our picture of each account's orders is, and if it is behind."""
    now = timezone.now()
    books = OrderBook.objects.with_silence(now).exclude(account__status="closed")
    for book in books.select_related("account"):
        labels = (("account", book.account.slug),)
        yield Reading(
            "tradingsite_order_book_behind",
            book.is_behind,
            "1 while the broker's book of orders is not read.",
            labels,
        )
        if book.read_at:
            yield Reading(
                "tradingsite_order_book_age_seconds",
                (now - book.read_at).total_seconds(),
                "Since the broker's book of orders was read.",
                labels,
            )
