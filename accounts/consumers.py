"""What a socket may follow of accounts: the feeds behind ``/ws/positions/…``.

The journal stream of an account is called ``<feed>.<pk of the account>``.
"""

from collections.abc import Callable, Collection
from typing import Any, cast

from accounts.models import Position, TradingAccount
from accounts.principals import Principal, Scope
from tradingsite.streaming.identity import Principal as Known
from tradingsite.streaming.lossless import LosslessFeed, Pair


def feed_of_accounts(
    name: str, items: Callable[[int], Collection[Any]]
) -> LosslessFeed:
    """Return the feed of what happens on accounts, which clients know by their slugs.

    ``items`` returns what the events on the account of that pk have made so far.
    """

    def find(principal: Known, words: Collection[str]) -> dict[str, tuple[str, str]]:
        readable = TradingAccount.objects.for_subject(cast("Principal", principal))
        rows = readable.filter(slug__in=[word for word in words if "\0" not in word])
        found = rows.values_list("slug", "pk")
        return {slug: (f"{name}.{pk}", slug) for slug, pk in found}

    def still_readable(pairs: Collection[Pair]) -> set[Pair]:
        asked = {(cast("Principal", who), _account_of(stream)) for who, stream in pairs}
        found = TradingAccount.objects.readable(asked)
        return {(who, f"{name}.{pk}") for who, pk in found}

    def snapshot(stream: str) -> Collection[Any]:
        return items(_account_of(stream))

    return LosslessFeed(name, Scope.READ_ACCOUNTS, find, still_readable, snapshot)


def positions_of(account_id: int) -> Collection[Any]:
    """Return the positions that the broker reported last, flat ones too."""
    rows = Position.objects.filter(account_id=account_id, is_reported=True)
    return [row.document for row in rows]


def _account_of(stream: str) -> int:
    return int(stream.rpartition(".")[2])


POSITIONS = feed_of_accounts("positions", positions_of)
