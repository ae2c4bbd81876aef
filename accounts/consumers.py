"""What a socket may follow of accounts: the feeds behind ``/ws/positions/…``."""

from collections.abc import Collection
from typing import Any, cast

from accounts.models import Position, TradingAccount
from accounts.models.positions import stream_of
from accounts.principals import Principal, Scope
from tradingsite.streaming.identity import Principal as Known
from tradingsite.streaming.lossless import LosslessFeed, Pair


def find_positions(
    principal: Known, words: Collection[str]
) -> dict[str, tuple[str, str]]:
    """Return the journal streams of the accounts that may be read, by their slugs."""
    readable = TradingAccount.objects.for_subject(cast("Principal", principal))
    rows = readable.filter(slug__in=[word for word in words if "\0" not in word])
    return {slug: (stream_of(pk), slug) for slug, pk in rows.values_list("slug", "pk")}


def readable_positions(pairs: Collection[Pair]) -> set[Pair]:
    """Return those pairs whose account the principal may still read."""
    asked = {(cast("Principal", who), _account_of(stream)) for who, stream in pairs}
    found = TradingAccount.objects.readable(asked)
    return {(who, stream_of(pk)) for who, pk in found}


def positions_on(stream: str) -> Collection[Any]:
    """Return the positions that the broker reported last, flat ones too."""
    rows = Position.objects.filter(account_id=_account_of(stream), is_reported=True)
    return [row.document for row in rows]


def _account_of(stream: str) -> int:
    return int(stream.rpartition(".")[2])


POSITIONS = LosslessFeed(
    "positions", Scope.READ_ACCOUNTS, find_positions, readable_positions, positions_on
)
