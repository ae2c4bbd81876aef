"""Sessions of subscriptions: begun whole or not at all, renewed, ended."""

import datetime
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from marketdata.gaps.survey import survey_asked
from marketdata.models import (
    Instrument,
    Mode,
    SessionGap,
    SubscriptionSession,
    TickerSubscription,
    Want,
)
from marketdata.subscriptions.holding import Subscribes, hold, let_go, wanted
from marketdata.ticker import TickerError

logger = logging.getLogger(__name__)

LEASE = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a new session is to be: whose it is, and how much of each tick it wants."""

    owner: str
    user_id: int | None = None
    mode: str = Mode.FULL
    timeframe: str = ""
    account_id: str = "primary"
    lease: datetime.timedelta = LEASE


def begin(
    wish: Wish, instruments: Sequence[Instrument], source: Subscribes
) -> SubscriptionSession:
    """Subscribe to all of ``instruments``, or to none and raise ``TickerError``.

    What is missing of their running session is asked for before all else.
    """
    session = _record(wish, instruments)
    try:
        hold_all(instruments, source)
    except TickerError:
        end(session, source)
        raise
    backfill_now(instruments)
    return session


def _record(wish: Wish, instruments: Iterable[Instrument]) -> SubscriptionSession:
    with transaction.atomic():
        session = SubscriptionSession.objects.create(
            owner=wish.owner,
            user_id=wish.user_id,
            mode=wish.mode,
            timeframe=wish.timeframe,
            account_id=wish.account_id,
            expires_at=timezone.now() + wish.lease,
        )
        Want.objects.bulk_create(
            [Want(session=session, instrument=instrument) for instrument in instruments]
        )
    return session


def hold_all(instruments: Sequence[Instrument], source: Subscribes) -> None:
    """Make the service send each of ``instruments`` as fully as it is wanted."""
    wishes = wanted(instrument.pk for instrument in instruments)
    for instrument in instruments:
        if wish := wishes.get(instrument.pk):
            hold(instrument, wish, source)


def backfill_now(instruments: Sequence[Instrument]) -> None:
    """Let what is missing of the running sessions be asked for before all else."""
    survey_asked(instruments, timezone.now())
    gaps = SessionGap.objects.filter(instrument__in=list(instruments), status="open")
    gaps.update(priority=SessionGap.Priority.ASKED, next_attempt_at=Now())


def renew(
    session: SubscriptionSession, *, lease: datetime.timedelta, mode: str, frame: str
) -> None:
    """Keep ``session`` alive; a fuller mode reaches the service within seconds."""
    session.mode, session.timeframe = mode, frame
    session.expires_at = timezone.now() + lease
    session.save(update_fields=["mode", "timeframe", "expires_at"])


def end(session: SubscriptionSession, source: Subscribes) -> list[Instrument]:
    """End ``session``; return what nobody else wants, which is given back.

    What the service cannot be told now, reconciling tells it later.
    """
    instruments = list(
        Instrument.objects.filter(wants__session=session).order_by("id").distinct()
    )
    session.delete()
    others = wanted(instrument.pk for instrument in instruments)
    released = [each for each in instruments if each.pk not in others]
    try:
        for instrument in released:
            let_go(instrument.pk, source)
    except TickerError as error:
        logger.warning("Subscriptions are given back later: %s", error)
    return released


def states(session: SubscriptionSession) -> dict[int, str]:
    """Return how far each instrument of ``session`` is at the service."""
    rows = TickerSubscription.objects.filter(instrument__wants__session=session)
    return dict(rows.values_list("instrument_id", "state"))
