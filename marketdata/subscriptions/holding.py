"""One instrument at the ticker service: asked for once, given back once.

The service counts its subscribers and cannot say who they are. So the row says
that a call is under way before it is made, and only one caller makes it; when that
one dies, the service's own list tells how the call ended.
"""

import datetime
import logging
from collections.abc import Iterable
from typing import Protocol

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from marketdata.models import Instrument, Mode, TickerSubscription, Want
from marketdata.ticker import TickerError, TickerRefused, TickerRow

logger = logging.getLogger(__name__)

# Longer than a call may take: after it, whoever made the call is dead.
BUSY = datetime.timedelta(seconds=20)
RANKS = {Mode.LTP: 0, Mode.QUOTE: 1, Mode.FULL: 2}

# Mode and account.
Wanted = tuple[str, str]
State = TickerSubscription.State


class Subscribes(Protocol):
    """What subscriptions need of the ticker service."""

    def subscribe(self, token: int, mode: str, account_id: str) -> None:
        """Ask for ticks; the service counts how often it was asked."""

    def unsubscribe(self, token: int) -> None:
        """Give one subscription back."""

    def subscriptions(self) -> dict[int, TickerRow]:
        """Return what is subscribed to, by anybody."""


def wanted(instruments: Iterable[int] | None = None) -> dict[int, Wanted]:
    """Return the fullest mode in which anybody alive wants each instrument."""
    wants = Want.objects.filter(session__expires_at__gt=Now())
    if instruments is not None:
        wants = wants.filter(instrument_id__in=list(instruments))
    found: dict[int, Wanted] = {}
    for instrument_id, mode, account_id in wants.order_by("id").values_list(
        "instrument_id", "session__mode", "session__account_id"
    ):
        known = found.get(instrument_id)
        if known is None or RANKS[Mode(mode)] > RANKS[Mode(known[0])]:
            found[instrument_id] = (mode, account_id)
    return found


def hold(instrument: Instrument, wish: Wanted, source: Subscribes) -> bool:
    """Make sure that the service sends ``instrument`` as wanted; raise TickerError.

    Return whether it had to be asked; another who is asking already will do.
    """
    token = instrument.broker_token
    if token is None:
        raise TickerRefused(f"{instrument} has no broker's number.")
    row, was_held = _take(instrument.pk, token, wish)
    if row is None:
        return False
    try:
        source.subscribe(token, row.mode, row.account_id)
    except TickerRefused:
        _forget(row)
        raise
    except TickerError as error:
        # It may have counted us all the same: its list will tell.
        _note_failure(row, error)
        raise
    _note_held(row)
    if was_held:
        # The service counted us again: the one in the old mode is given back.
        source.unsubscribe(token)
    return True


def _take(
    instrument_id: int, token: int, wish: Wanted
) -> tuple[TickerSubscription | None, bool]:
    """Begin to ask, alone; tell whether it was held already, in another mode."""
    mode, account_id = wish
    asking = {
        "token": token,
        "mode": mode,
        "account_id": account_id,
        "state": State.ASKING,
        "busy_until": timezone.now() + BUSY,
    }
    with transaction.atomic():
        row, is_new = TickerSubscription.objects.select_for_update().get_or_create(
            pk=instrument_id, defaults=asking
        )
        if is_new:
            return row, False
        if row.state != State.HELD or row.mode == mode:
            return None, False
        for name, value in asking.items():
            setattr(row, name, value)
        row.save()
        return row, True


def let_go(instrument_id: int, source: Subscribes) -> bool:
    """Give an instrument back unless somebody wants it; raise ``TickerError``."""
    row = _take_back(instrument_id)
    if row is None:
        return False
    try:
        source.unsubscribe(row.token)
    except TickerRefused:
        logger.info("The ticker had forgotten %s", row.token)
    except TickerError as error:
        _note_failure(row, error)
        raise
    _forget(row)
    return True


def _take_back(instrument_id: int) -> TickerSubscription | None:
    with transaction.atomic():
        held = TickerSubscription.objects.select_for_update().filter(
            pk=instrument_id, state=State.HELD
        )
        row = held.first()
        if row is None or wanted([instrument_id]):
            return None
        row.state, row.busy_until = State.RELEASING, timezone.now() + BUSY
        row.save()
    return row


def settle(row: TickerSubscription, listed: TickerRow | None) -> None:
    """Note how a call ended whose caller did not say, by the service's list."""
    is_others = (
        row.state == State.RELEASING
        and listed is not None
        and listed.subscriber_count > 1
    )
    if listed is None or is_others:
        # Gone, or perhaps counted for others: theirs is not ours to give back.
        _forget(row)
    else:
        _note_held(row)


def _note_held(row: TickerSubscription) -> None:
    _unchanged(row).update(
        state=State.HELD, busy_until=None, held_since=Now(), failures=0, last_error=""
    )


def _note_failure(row: TickerSubscription, error: TickerError) -> None:
    _unchanged(row).update(busy_until=Now(), last_error=str(error)[:200])


def _forget(row: TickerSubscription) -> None:
    _unchanged(row).delete()


def _unchanged(row: TickerSubscription) -> QuerySet[TickerSubscription]:
    """Return ``row`` if nobody settled it meanwhile: the time it was taken tells."""
    return TickerSubscription.objects.filter(
        pk=row.pk, state=row.state, busy_until=row.busy_until
    )
