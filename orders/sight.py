"""What a page of orders shows: the orders, and how far the books behind them are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from accounts.models import TradingAccount
from orders.choosing import Choice
from orders.models import Order, OrderBook
from orders.models.orders import stream_of
from tradingsite.streaming import journal
from tradingsite.streaming.journal import Position

ON_A_PAGE = 100
# A page's socket may follow more keys, of other streams too.
MOST_FOLLOWED = 100


@dataclass(frozen=True, slots=True)
class Books:
    """The brokers' books of some accounts, as we read them last."""

    behind: Sequence[OrderBook]
    unread: Sequence[TradingAccount]
    count: int
    as_of: datetime | None

    @property
    def stale_since(self) -> datetime | None:
        """Return of when the oldest picture is, of those that should be newer."""
        return min((book.read_at for book in self.behind if book.read_at), default=None)


@dataclass(frozen=True, slots=True)
class Sight:
    """Orders, newest first; ``older`` is where the next page begins, if there is one.

    ``places`` says where the streams of the accounts stood before it was looked.
    """

    orders: Sequence[Order]
    older: int | None
    books: Books
    places: Mapping[str, Position]

    @property
    def is_followed(self) -> bool:
        """Whether the streams tell all that will become of it.

        That a book was read for the first time, they do not.
        """
        return not self.books.unread and self.books.count <= MOST_FOLLOWED


def seen(
    accounts: Collection[TradingAccount],
    choice: Choice,
    before: int | None,
    now: datetime,
) -> Sight:
    """Return what is chosen of the orders of ``accounts``, from ``before`` on."""
    streams = {stream_of(account.pk): account.slug for account in accounts}
    # First, so that whatever comes later is told.
    places = journal.positions(streams.keys())
    rows = choice.among(Order.objects.filter(account__in=accounts))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    some = list(rows.select_related("account").order_by("-pk")[: ON_A_PAGE + 1])
    return Sight(
        orders=some[:ON_A_PAGE],
        older=some[ON_A_PAGE - 1].pk if len(some) > ON_A_PAGE else None,
        books=books_of(accounts, now),
        places={streams[name]: place for name, place in places.items()},
    )


def books_of(accounts: Collection[TradingAccount], now: datetime) -> Books:
    """Return how far the books of those accounts are that are followed."""
    followed = [one for one in accounts if one.status != TradingAccount.Status.CLOSED]
    rows = OrderBook.objects.with_silence(now).filter(account__in=followed)
    found = {row.account_id: row for row in rows.select_related("account")}
    read = [row for row in found.values() if row.read_at and not row.is_behind]
    return Books(
        behind=[row for row in found.values() if row.is_behind],
        unread=[
            one
            for one in followed
            if one.pk not in found or found[one.pk].status == OrderBook.Status.NEVER
        ],
        count=len(followed),
        as_of=min((row.read_at for row in read if row.read_at), default=None),
    )
