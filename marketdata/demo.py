"""What the charts of the demo show before the first tick: the last hours, from history.

Only what follows the newest bar of an instrument is asked for, so that a second
start costs one query, and a hole that was slept through is filled.
"""

import datetime
import time
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Max

from marketdata.backfill.candles import Remembers, write
from marketdata.models import Instrument, MinuteBar
from marketdata.overview import WATCHED_KINDS
from marketdata.ticker import TickerRefused

SPAN = datetime.timedelta(hours=6)
MINUTE = datetime.timedelta(minutes=1)
WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Filled:
    """What a filling wrote, and how many instruments it came too late for."""

    bars: int = 0
    left: int = 0


def fill(
    source: Remembers,
    exchanges: Collection[str],
    now: datetime.datetime,
    *,
    within_s: float = WITHIN_S,
) -> Filled:
    """Fill the last hours of what the desk shows; ask for nothing after the limit.

    Raises ``TickerUnavailable`` when the service fails: what is written stays.
    """
    deadline = time.monotonic() + within_s
    holes = holes_before(now, exchanges)
    bars = 0
    for place, (instrument, start) in enumerate(holes):
        if time.monotonic() >= deadline:
            return Filled(bars, left=len(holes) - place)
        bars += _fill_one(source, instrument, start, now)
    return Filled(bars)


def holes_before(
    now: datetime.datetime, exchanges: Collection[str]
) -> list[tuple[Instrument, datetime.datetime]]:
    """Return each instrument that lacks finished minutes, and from when on."""
    listed = Instrument.objects.active().filter(
        kind__in=WATCHED_KINDS, exchange__in=exchanges, broker_token__isnull=False
    )
    instruments = sorted(
        listed,
        key=lambda one: (WATCHED_KINDS.index(Instrument.Kind(one.kind)), one.symbol),
    )
    rows = MinuteBar.objects.filter(
        instrument__in=instruments, opened_at__gte=now - SPAN
    )
    newest = dict(rows.values_list("instrument_id").annotate(Max("opened_at")))
    starts = {
        one.pk: newest[one.pk] + MINUTE if one.pk in newest else now - SPAN
        for one in instruments
    }
    # The minute before the running one may still be on its way.
    return [
        (one, starts[one.pk])
        for one in instruments
        if starts[one.pk] <= now - 3 * MINUTE
    ]


def _fill_one(
    source: Remembers,
    instrument: Instrument,
    start: datetime.datetime,
    now: datetime.datetime,
) -> int:
    end = now - MINUTE
    try:
        candles = source.history(
            instrument.broker_token or 0, start.timestamp(), end.timestamp()
        )
    except TickerRefused:
        # It knows nothing of this one.
        return 0
    return write(instrument, candles)
