"""Whether our picture of an account keeps up with its broker."""

import datetime
from collections.abc import Collection

from accounts import hours
from accounts.models import AccountSync, TradingAccount
from marketdata.sessions import Calendar

# A sync is ordered every minute: two that failed, and what a third may take.
BEHIND_AFTER = datetime.timedelta(seconds=150)


def stale_since(
    account: TradingAccount,
    sync: AccountSync,
    places: Collection[Calendar],
    at: datetime.datetime,
) -> datetime.datetime | None:
    """Return when the broker was last heard in full, if it should have been since.

    That is: when a market of ``places`` was open for longer than ``BEHIND_AFTER``
    without a sync that succeeded, now or at the last close (of today or yesterday). An
    account that nobody syncs, or that never was, is not behind: it says so itself.
    """
    heard_at = sync.last_sync_at
    if heard_at is None or account.status != TradingAccount.Status.ACTIVE:
        return None
    is_behind = any(
        max(begins_at, heard_at) + BEHIND_AFTER < ends_at
        for begins_at, ends_at in hours.watched(places, at)
    )
    return heard_at if is_behind else None
