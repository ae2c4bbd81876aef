"""Making the ticker service's list say what is wanted, whatever happened to either."""

import datetime
import logging
from collections.abc import Iterable

from django.db.models import Q
from django.utils import timezone

from marketdata.models import Instrument, SubscriptionSession, TickerSubscription
from marketdata.subscriptions.holding import Subscribes, hold, let_go, settle, wanted
from marketdata.ticker import TickerRefused, TickerRow

logger = logging.getLogger(__name__)

State = TickerSubscription.State


def reconcile(source: Subscribes) -> int:
    """Put right what is not as wanted; return how much that was.

    Raise ``TickerError`` when the service does not answer. Only what we asked for
    ourselves is ever given back: the service has other clients.
    """
    SubscriptionSession.objects.expired().delete()
    began_at = timezone.now()
    listed = source.subscriptions()
    changed = _settle_calls_of_the_dead(listed, began_at)
    changed += _forget_what_it_forgot(listed, began_at)
    wishes = wanted()
    rows = TickerSubscription.objects.in_bulk()
    lacking = [key for key, (mode, _) in wishes.items() if _lacks(rows.get(key), mode)]
    for instrument in Instrument.objects.filter(pk__in=lacking).order_by("id"):
        changed += _try_to_hold(instrument, wishes[instrument.pk], source)
    changed += _give_back(set(rows) - set(wishes), source)
    return changed


def _settle_calls_of_the_dead(
    listed: dict[int, TickerRow], began_at: datetime.datetime
) -> int:
    """Settle calls whose time was over before ``listed`` was read."""
    is_over = Q(busy_until__isnull=True) | Q(busy_until__lt=began_at)
    rows = TickerSubscription.objects.exclude(state=State.HELD).filter(is_over)
    for row in rows:
        settle(row, listed.get(row.token))
    return len(rows)


def _forget_what_it_forgot(
    listed: dict[int, TickerRow], began_at: datetime.datetime
) -> int:
    """Forget what we held and a restarted service does not: it is asked for anew."""
    held = TickerSubscription.objects.filter(state=State.HELD, held_since__lt=began_at)
    lost = [row.pk for row in held if row.token not in listed]
    if lost:
        logger.warning("The ticker forgot %d subscriptions", len(lost))
        held.filter(pk__in=lost).delete()
    return len(lost)


def _lacks(row: TickerSubscription | None, mode: str) -> bool:
    return row is None or (row.state == State.HELD and row.mode != mode)


def _try_to_hold(
    instrument: Instrument, wish: tuple[str, str], source: Subscribes
) -> bool:
    try:
        return hold(instrument, wish, source)
    except TickerRefused as error:
        # The others can still be had.
        logger.warning("The ticker refuses %s: %s", instrument, error)
        return False


def _give_back(unwanted: Iterable[int], source: Subscribes) -> int:
    return sum(let_go(instrument_id, source) for instrument_id in sorted(unwanted))
