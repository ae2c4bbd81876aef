"""Filling gaps from the ticker service's history: minute by minute, never silently.

A gap is claimed, every instrument of its shard is asked for once, and the minutes
that came replace what we had of them, for what we had was incomplete. A gap that
cannot be filled is tried again, later each time, at least once a day: without end.
"""

import datetime
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from marketdata.backfill.candles import Remembers, write
from marketdata.bars import LAG_S, MINUTE_S, minute_of
from marketdata.gaps.pace import Pace, PacedHistory, Stopped
from marketdata.ingest.streams import shard_of
from marketdata.models import BarGap, Instrument, MinuteBar, ShardPosition
from marketdata.ticker import TickerError, TickerRefused, ticker
from tradingsite import claims

logger = logging.getLogger(__name__)

LEASE_S = 30.0
FIRST_WAIT = datetime.timedelta(seconds=10)
LONGEST_WAIT = datetime.timedelta(hours=1)
# What could not be had for a week is asked for once a day.
OLD_AFTER = datetime.timedelta(days=7)
LONGEST_WAIT_WHEN_OLD = datetime.timedelta(days=1)
POLL_S = 5.0
# How far after a gap the next bar of an instrument is looked for.
REACH = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one repair did."""

    instruments: int
    bars: int


def instruments_of(gap: BarGap) -> list[Instrument]:
    """Return the instruments whose ticks travel on the shard of ``gap``."""
    found = Instrument.objects.filter(is_active=True, broker_token__isnull=False)
    if gap.instrument_id is not None:
        found = found.filter(pk=gap.instrument_id)
    wanted = [
        instrument
        for instrument in found.order_by("id")
        if gap.shard is None
        or shard_of(instrument.broker_token or 0, settings.TICK_SHARDS) == gap.shard
    ]
    return wanted


def repair(gap: BarGap, source: Remembers, rest: Callable[[], None]) -> Outcome:
    """Fill ``gap`` from history; raise ``TickerError`` when the service fails."""
    start = minute_of(gap.from_at.timestamp())
    end = minute_of(gap.to_at.timestamp())
    written = 0
    instruments = instruments_of(gap)
    for instrument in instruments:
        try:
            candles = source.history(
                instrument.broker_token or 0, start, _end_for(instrument, end)
            )
        except TickerRefused as error:
            # It knows nothing of this one; the others can still be filled.
            logger.info("No history of %s: %s", instrument, error)
            candles = []
        written += write(instrument, candles)
        rest()
    return Outcome(len(instruments), written)


def _end_for(instrument: Instrument, end: int) -> int:
    """Reach to the first bar after the gap: what it counted began out of sight."""
    after = datetime.datetime.fromtimestamp(end + MINUTE_S, datetime.UTC)
    following = MinuteBar.objects.for_instrument(instrument.id).between(
        after, after + REACH
    )
    first = following.values_list("opened_at", flat=True).first()
    return int(first.timestamp()) if first else end


def is_over(gap: BarGap, now: datetime.datetime) -> bool:
    """Tell whether the last minute of ``gap`` is finished, so that history has it.

    The clock is that of the stream, which in a replay is not ours.
    """
    position = ShardPosition.objects.filter(stream=gap.stream).first()
    clock_at = position.clock_at if position else None
    ended = minute_of(gap.to_at.timestamp()) + MINUTE_S + LAG_S
    return (clock_at or now).timestamp() > ended


def repair_due(source: Remembers, rest: Callable[[], None]) -> int:
    """Repair the gaps that are due, oldest first; return how many were."""
    now = timezone.now()
    due = BarGap.objects.open().filter(Q(next_attempt_at__lte=now)).order_by("id")
    repaired = 0
    for gap in due[:20]:
        if is_over(gap, now):
            repaired += _attempt(gap, source, rest)
    return repaired


def _attempt(gap: BarGap, source: Remembers, rest: Callable[[], None]) -> bool:
    try:
        outcome = repair(gap, source, rest)
    except TickerError as error:
        _postpone(gap, str(error))
        return False
    if not outcome.bars:
        _postpone(gap, "History had nothing of it.")
        return False
    gap.status = BarGap.Status.REPAIRED
    gap.repaired_at = timezone.now()
    gap.attempts += 1
    gap.last_error = ""
    gap.save()
    logger.info("Repaired %s: %d bars", gap, outcome.bars)
    return True


def _postpone(gap: BarGap, error: str) -> None:
    now = timezone.now()
    is_old = now - gap.recorded_at > OLD_AFTER
    longest = LONGEST_WAIT_WHEN_OLD if is_old else LONGEST_WAIT
    wait = min(FIRST_WAIT * 2 ** min(gap.attempts, 20), longest)
    gap.attempts += 1
    gap.next_attempt_at = now + wait
    gap.last_error = error[:200]
    gap.save()
    logger.warning("%s is still open: %s", gap, error)


class Repairer:
    """Repairs gaps beside the ingestor, one process at a time."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._stopping = threading.Event()
        # The turns are those of everybody who asks for history.
        self._pace = Pace("history", settings.HISTORY_CALLS_A_SECOND, self._stopping)
        self._lease: claims.Lease | None = None
        self._renewed_at = 0.0
        self._thread = threading.Thread(target=self._run, name="gaps", daemon=True)

    def __enter__(self) -> "Repairer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(POLL_S):
                self._look()
        finally:
            connection.close()

    def _look(self) -> None:
        try:
            if self._is_ours():
                repair_due(PacedHistory(ticker(), self._pace), self._rest)
        except (claims.LeaseLost, Stopped):
            self._lease = None
        except DatabaseError as error:
            logger.warning("Gaps wait for the database: %s", error)
            connection.close()

    def _is_ours(self) -> bool:
        """Take or keep the lease; repairing twice does no harm, but asks twice."""
        self._lease = (
            claims.renew(self._lease, LEASE_S)
            if self._lease
            else claims.acquire("repair-gaps", self._owner, LEASE_S)
        )
        self._renewed_at = time.monotonic()
        return self._lease is not None

    def _rest(self) -> None:
        is_late = time.monotonic() - self._renewed_at > LEASE_S / 3
        if is_late and not self._is_ours():
            raise claims.LeaseLost("Another process repairs the gaps now.")
        if self._stopping.is_set():
            raise claims.LeaseLost("Stopping.")
