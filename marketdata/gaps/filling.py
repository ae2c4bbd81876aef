"""Asks the ticker's history for what sessions lack, one session at a time.

A session is claimed by moving its next attempt past a lease, so that any number of
workers share the work and a dead one's is taken up. What came is written, with the
bar of ticks that follows each filled hole: its volume was counted from before the
hole. Every other bar made of ticks stays as it is. Minutes of which history has
nothing are noted as quiet, and asked for again, ever more seldom, without end.
"""

import datetime
import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from marketdata.backfill.candles import Remembers, write
from marketdata.gaps.runs import Run, runs_of
from marketdata.models import Instrument, MinuteBar, SessionGap
from marketdata.ticker import Candle, TickerError, TickerRefused

logger = logging.getLogger(__name__)

LEASE = datetime.timedelta(seconds=60)
FIRST_WAIT = datetime.timedelta(seconds=10)
# A service that is away is back for all at once; one that refuses has its reasons.
LONGEST_WAIT = datetime.timedelta(minutes=5)
LONGEST_REFUSAL = datetime.timedelta(days=1)
FIRST_RECHECK = datetime.timedelta(minutes=15)
LONGEST_RECHECK = datetime.timedelta(days=7)
RESTATE_WAIT = datetime.timedelta(minutes=2)

Status, Reason = SessionGap.Status, SessionGap.Reason


@dataclass(frozen=True, slots=True)
class Plan:
    """What one attempt asks for: the minutes to fill, and the bars to restate."""

    absent: frozenset[int]
    # A bar of ticks, and the hole before it: when that is filled, it is restated.
    followed: dict[int, Run]
    # The bar that is still to be restated since an earlier attempt.
    owed: int | None
    stored: frozenset[int]

    @property
    def asked(self) -> list[int]:
        owed = set() if self.owed is None else {self.owed}
        return sorted({*self.absent, *self.followed, *owed})


def fill_next(source: Remembers) -> bool:
    """Attempt the most wanted session that is due; return whether there was one.

    Raise ``TickerUnavailable`` when the service does not answer: there is no use in
    asking it for the next one now.
    """
    gap = claim()
    if gap is None:
        return False
    try:
        attempt(gap, source)
    except TickerRefused as error:
        _postpone(gap, Reason.REFUSED, str(error), LONGEST_REFUSAL)
    except TickerError as error:
        _postpone(gap, Reason.TICKER_AWAY, str(error), LONGEST_WAIT)
        raise
    return True


def claim() -> SessionGap | None:
    """Take the most wanted session that is due, for as long as the lease."""
    with transaction.atomic():
        due = SessionGap.objects.due().select_for_update(skip_locked=True, no_key=True)
        gap = due.first()
        if gap is None:
            return None
        gap.attempts += 1
        gap.asked_at = timezone.now()
        gap.next_attempt_at = gap.asked_at + LEASE
        gap.save(update_fields=["attempts", "asked_at", "next_attempt_at"])
    return gap


def attempt(gap: SessionGap, source: Remembers) -> None:
    """Ask for what ``gap`` lacks and settle it; raise ``TickerError``."""
    instrument = Instrument.objects.get(pk=gap.instrument_id)
    plan = plan_of(gap)
    candles: Sequence[Candle] = []
    if asked := plan.asked:
        if instrument.broker_token is None:
            raise TickerRefused("It has no broker's number.")
        candles = source.history(
            instrument.broker_token,
            gap.at(asked[0]).timestamp(),
            gap.at(asked[-1]).timestamp(),
        )
    settle(gap, instrument, plan, candles)


def plan_of(gap: SessionGap) -> Plan:
    """Compare ``gap`` with what is stored by now."""
    sources = _stored(gap)
    absent = frozenset({*gap.missing, *gap.quiet} - sources.keys())
    followed = {}
    for run in runs_of(absent):
        if (minute := _ticks_after(run.end - 1, sources)) is not None:
            followed[minute] = run
    owed = _ticks_after(gap.restate_after, sources)
    return Plan(absent, followed, owed, frozenset(sources))


def _ticks_after(minute: int | None, sources: dict[int, str]) -> int | None:
    """Return the first stored minute after ``minute`` if ticks made its bar."""
    if minute is None:
        return None
    following = next((each for each in sources if each > minute), None)
    if following is None or sources[following] != MinuteBar.Source.TICKS:
        return None
    return following


def settle(
    gap: SessionGap, instrument: Instrument, plan: Plan, candles: Iterable[Candle]
) -> None:
    """Write what came and what it means, in one transaction, unless it is not ours."""
    by_minute = {minute_in(gap, candle): candle for candle in candles}
    with transaction.atomic():
        row = SessionGap.objects.select_for_update().get(pk=gap.pk)
        if row.attempts != gap.attempts:
            logger.info("%s was taken over", gap)
            return
        filled = {minute for minute in plan.absent if minute in by_minute}
        chosen = filled | _restated(plan, filled) & by_minute.keys()
        write(instrument, [by_minute[minute] for minute in sorted(chosen)])
        _note(row, plan, filled, chosen)
        row.save()
    if filled:
        logger.info("Filled %d minutes of %s", len(filled), row)


def _restated(plan: Plan, filled: set[int]) -> set[int]:
    """Return the bars of ticks whose volume was counted from before a filled hole."""
    after = {
        minute for minute, run in plan.followed.items() if filled & set(run.minutes)
    }
    return after if plan.owed is None else after | {plan.owed}


def _note(row: SessionGap, plan: Plan, filled: set[int], chosen: set[int]) -> None:
    """Write into ``row`` how it stands after an attempt."""
    now = timezone.now()
    known = plan.stored | filled
    # What the survey added meanwhile was not asked for.
    unasked = set(row.missing) - known - set(plan.absent)
    quiet = set(plan.absent) - filled
    row.restate_after = _left_to_restate(row, plan, filled, chosen)
    row.missing, row.quiet = sorted(unasked), sorted(quiet)
    row.stored = row.expected - len(unasked) - len(quiet)
    row.failures, row.last_error = 0, ""
    row.rechecks = 0 if filled else min(row.rechecks + 1, 20)
    _note_status(row, now)


def _note_status(row: SessionGap, now: datetime.datetime) -> None:
    recheck = min(FIRST_RECHECK * 4 ** min(row.rechecks, 8), LONGEST_RECHECK)
    if row.missing:
        row.status, row.next_attempt_at = Status.OPEN, now
    elif row.quiet:
        row.status, row.reason = Status.QUIET, Reason.NO_TRADES
        row.next_attempt_at = now + recheck
    else:
        row.status, row.reason, row.missing_since = Status.WHOLE, Reason.NONE, None
    if row.restate_after is not None:
        row.next_attempt_at = min(row.next_attempt_at, now + RESTATE_WAIT)
        row.next_attempt_at = max(row.next_attempt_at, now + FIRST_WAIT)


def _left_to_restate(
    row: SessionGap, plan: Plan, filled: set[int], chosen: set[int]
) -> int | None:
    """Return the filled minute after which no finished bar of ticks has come yet."""
    last = max(filled, default=row.restate_after)
    if last is None or row.is_over:
        return None
    following = min((each for each in plan.stored if each > last), default=None)
    is_finished = following is not None and following < row.expected
    return None if following in chosen or is_finished else last


def _postpone(
    gap: SessionGap, reason: SessionGap.Reason, error: str, longest: datetime.timedelta
) -> None:
    """Try again later, each time later, without end."""
    wait = min(FIRST_WAIT * 2 ** min(gap.failures, 20), longest)
    jitter = random.uniform(0.8, 1.2)  # noqa: S311 - spreads the attempts
    SessionGap.objects.filter(pk=gap.pk, attempts=gap.attempts).update(
        reason=reason if gap.missing else gap.reason,
        failures=min(gap.failures + 1, 1000),
        next_attempt_at=timezone.now() + wait * jitter,
        last_error=error[:200],
    )
    logger.warning("%s is still missing minutes: %s", gap, error)


def minute_in(gap: SessionGap, candle: Candle) -> int:
    """Return the minute of the session in which ``candle`` opened."""
    return int((candle.date - gap.opens_at).total_seconds()) // 60


def _stored(gap: SessionGap) -> dict[int, str]:
    """Return the minutes of the session that have a bar, in order, and its source."""
    bars = MinuteBar.objects.for_instrument(gap.instrument_id).between(
        gap.opens_at, gap.closes_at
    )
    return {
        int((opened_at - gap.opens_at).total_seconds()) // 60: source
        for opened_at, source in bars.values_list("opened_at", "source")
    }
