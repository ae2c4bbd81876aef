"""Bringing our picture of an account up to date from its broker.

    claim "sync:<account>" → ask the broker, outside any transaction → one transaction:
    fence, positions, holdings, balances, status → let go

One sync of an account runs at a time, wherever; a second one is refused, not queued.
A holder that was paused past its claim writes nothing. When the broker fails, what we
knew stays as it was, with its age and the reason.
"""

import datetime
import socket
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass

from django.db import connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts import audit
from accounts.brokers import (
    Broker,
    BrokerError,
    BrokerNeedsHuman,
    BrokerOtherAccount,
    Deadline,
    broker_of,
    credentials_of,
)
from accounts.models import AccountSync, Balance, Holding, Position, TradingAccount
from accounts.principals import Principal
from accounts.reported import Portfolio
from tradingsite import claims

# All calls of one sync together; a page waits for it.
WITHIN_S = 7.0
# Longer than a sync can take: calls, and the write after them.
CLAIMED_S = 30.0
LONGEST_ERROR = 300
SOURCE = "sync"

Clock = Callable[[], datetime.datetime]
Source = HttpRequest | Principal | None


class SyncRunning(Exception):  # noqa: N818 - what callers tell their users
    """Another sync of the account runs now."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync found and what it changed; rows are counted, not valued."""

    positions: int
    holdings: int
    balances: int
    rows_changed: int
    position_changes: int
    synced_at: datetime.datetime


def sync(
    account: TradingAccount,
    *,
    by: Source = None,
    broker: Broker | None = None,
    clock: Clock = timezone.now,
) -> Synced:
    """Take over what the broker says of ``account`` now.

    Raises ``SyncRunning`` while another one runs, or when another one has overtaken
    this one; ``BrokerUnavailable`` or ``BrokerNeedsHuman`` when the broker fails: the
    account keeps what it had.
    """
    lease = claims.acquire(f"sync:{account.pk}", _owner(), CLAIMED_S)
    if lease is None:
        raise SyncRunning(f"{account.slug} is being synced.")
    try:
        return _sync(account, lease, by, broker, clock)
    except claims.LeaseLost as error:
        raise SyncRunning(f"{account.slug} is being synced anew.") from error
    finally:
        claims.release(lease)


def _sync(
    account: TradingAccount,
    lease: claims.Lease,
    by: Source,
    broker: Broker | None,
    clock: Clock,
) -> Synced:
    try:
        AccountSync.objects.began(account.pk, clock())
        asked = broker or broker_of(account, credentials_of(account))
        _give_connection_back()
        reported = _portfolio(account, asked, clock)
        with transaction.atomic():
            claims.fence(lease)
            return _take(account, reported, by, clock())
    except BrokerError as error:
        _fail(account, lease, error, by, clock())
        raise
    except Exception:
        mistake = BrokerError("Something went wrong here.")
        _fail(account, lease, mistake, None, clock())
        raise


def _give_connection_back() -> None:
    """Let others have the pooled connection while the broker thinks."""
    if not connection.in_atomic_block:
        connection.close()


def _owner() -> str:
    return f"{socket.gethostname()}:{threading.get_ident()}"


def _portfolio(account: TradingAccount, broker: Broker, clock: Clock) -> Portfolio:
    deadline = Deadline(WITHIN_S)
    client_id = broker.client_id(deadline)
    if client_id != account.broker_client_id:
        raise BrokerOtherAccount(
            "The broker's session is of another client than this account."
        )
    # Each part is as old as its question: the answer may hold what came later.
    positions_at = clock()
    positions = broker.positions(deadline)
    holdings_at = clock()
    holdings = broker.holdings(deadline)
    balances_at = clock()
    return Portfolio(
        positions=positions,
        positions_at=positions_at,
        holdings=holdings,
        holdings_at=holdings_at,
        balances=broker.balances(deadline),
        balances_at=balances_at,
    )


def _take(
    account: TradingAccount, told: Portfolio, by: Source, now: datetime.datetime
) -> Synced:
    applied = Position.objects.apply(
        account,
        told.positions,
        as_of=told.positions_at,
        is_complete=True,
        source=SOURCE,
    )
    rows = applied.written
    rows += Holding.objects.apply(account, told.holdings, as_of=told.holdings_at)
    rows += Balance.objects.apply(account, told.balances, as_of=told.balances_at)
    AccountSync.objects.filter(account=account).update(
        status=AccountSync.Status.OK,
        finished_at=now,
        last_sync_at=told.positions_at,
        error_code="",
        last_error="",
        updated_at=now,
    )
    done = Synced(
        positions=len(told.positions),
        holdings=len(told.holdings),
        balances=len(told.balances),
        rows_changed=rows,
        position_changes=len(applied.changes),
        synced_at=told.positions_at,
    )
    if by is not None:
        after = asdict(done) | {"synced_at": done.synced_at.isoformat()}
        change = audit.Change(after=after)
        audit.record("account.synced", source=by, account=account, change=change)
    return done


def _fail(
    account: TradingAccount,
    lease: claims.Lease,
    error: BrokerError,
    by: Source,
    now: datetime.datetime,
) -> None:
    needs_human = isinstance(error, BrokerNeedsHuman)
    status = AccountSync.Status
    with transaction.atomic():
        # Whoever took over says how it went.
        claims.fence(lease)
        AccountSync.objects.filter(account=account).update(
            status=status.NEEDS_ATTENTION if needs_human else status.FAILED,
            finished_at=now,
            error_code=error.code,
            last_error=str(error)[:LONGEST_ERROR],
            last_error_at=now,
            updated_at=now,
        )
        if by is not None:
            audit.record(
                "account.synced", source=by, account=account, refused=error.code
            )
