"""Reading the broker's book of orders again and again: the follower.

    lease "orders:<account>" → ask the broker, outside any transaction → one
    transaction: fence, orders, changes, events → positions, where something traded

An account is followed by one process at a time, wherever; another takes over when its
lease runs out. A holder that was paused past its lease writes nothing. When the broker
fails, what we knew stays as it was, with its age and the reason.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts import syncing
from accounts.brokers import (
    Broker,
    BrokerError,
    BrokerNeedsHuman,
    Deadline,
    broker_of,
    credentials_of,
)
from accounts.models import TradingAccount
from orders import book
from orders.models import OrderBook
from tradingsite import claims

logger = logging.getLogger(__name__)

WITHIN_S = 5.0
SOURCE = "poll"

Clock = Callable[[], datetime]


def track(
    account: TradingAccount,
    lease: claims.Lease,
    *,
    broker: Broker | None = None,
    clock: Clock = timezone.now,
) -> book.Applied:
    """Read the broker's book of ``account`` once and take it over.

    Raises ``LeaseLost`` when somebody else follows the account by now, and
    ``BrokerError`` when the broker fails: why is noted on the account's book.
    """
    as_of = clock()
    try:
        asked = broker or broker_of(account, credentials_of(account))
        reported = asked.orders(Deadline(WITHIN_S))
        with transaction.atomic():
            claims.fence(lease)
            applied = book.apply(
                account, reported, as_of=as_of, is_complete=True, source=SOURCE
            )
    except BrokerError as error:
        _fail(account, lease, error, clock())
        raise
    if applied.ignored:
        logger.warning(
            "%s: %d orders came back as they were before; not taken over.",
            account.slug,
            applied.ignored,
        )
    return applied


def book_trades(account: TradingAccount) -> None:
    """Bring the positions in step after a trade, without waiting for their minute.

    Where that fails, why stands with the account, and the minute makes it good.
    """
    with suppress(syncing.SyncRunning, BrokerError):
        syncing.sync(account)


def _fail(
    account: TradingAccount, lease: claims.Lease, error: BrokerError, now: datetime
) -> None:
    with transaction.atomic():
        claims.fence(lease)
        OrderBook.objects.failed(
            account.pk,
            code=error.code,
            text=str(error),
            now=now,
            for_good=isinstance(error, BrokerNeedsHuman),
        )
