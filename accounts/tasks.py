"""The scheduled work of accounts: syncs, snapshots, anchors of the audit."""

import datetime
import logging

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from accounts import break_glass, hours, portfolio, syncing
from accounts.audit import anchors, refusals
from accounts.brokers import BrokerError
from accounts.models import TradingAccount
from tradingsite.scheduling import once_per_due_time

logger = logging.getLogger(__name__)

# A sync that waited longer in the queue is overtaken by the next minute's.
FRESH_FOR = datetime.timedelta(seconds=55)


@shared_task(bind=True)
@once_per_due_time
def sync_accounts(due_at: datetime.datetime) -> None:
    """Order a sync of each active account whose markets are open."""
    accounts = list(TradingAccount.objects.filter(status="active"))
    places = hours.calendars_of(accounts)
    for account in accounts:
        if hours.is_open(places[account.pk], due_at):
            order_sync(account.pk, due_at)


def order_sync(account_id: int, due_at: datetime.datetime) -> None:
    """Send the sync of one account on its way once the due time is taken.

    Lost on the way it is made good a minute later: nothing depends on one of them.
    """
    transaction.on_commit(lambda: sync_account.delay(account_id, due_at.isoformat()))


@shared_task
def sync_account(account_id: int, due_at: str) -> None:
    """Sync one account; how it went stands with the account."""
    if timezone.now() - datetime.datetime.fromisoformat(due_at) > FRESH_FOR:
        return
    account = TradingAccount.objects.filter(pk=account_id, status="active").first()
    if account is None:
        return
    try:
        syncing.sync(account)
    except syncing.SyncRunning:
        logger.info("%s is being synced by somebody else.", account.slug)
    except BrokerError as error:
        logger.warning("%s was not synced: %s", account.slug, error)


@shared_task(bind=True)
@once_per_due_time
def take_snapshots(due_at: datetime.datetime) -> None:
    """Remember each active account: in session every five minutes, and at day end."""
    accounts = list(TradingAccount.objects.filter(status="active"))
    portfolio.take_snapshots(accounts, due_at)


@shared_task(bind=True)
@once_per_due_time
def anchor_audit(due_at: datetime.datetime) -> None:
    """Sign what each chain ends with, into the database and beside it."""
    anchors.anchor_all(due_at)


@shared_task(bind=True)
@once_per_due_time
def summarize_refusals(due_at: datetime.datetime) -> None:
    """Write how often somebody was refused beyond what was written one by one."""
    refusals.summarize(due_at)


@shared_task(bind=True)
@once_per_due_time
def seal_break_glass(due_at: datetime.datetime) -> None:
    """Seal the account for emergencies when its hour is over."""
    break_glass.seal(now=due_at, is_due_only=True)
