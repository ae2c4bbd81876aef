"""The intervals of a chain that are over: the newest of them, and what it says.

An interval is over when the clock of the ingest has passed it: what was heard in it
is written by then. Its numbers are those of ``grid``.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from marketdata.bars import LAG_S
from marketdata.chain import bodies, panels
from marketdata.chain.contracts import ChainExpiry
from marketdata.chain.grid import SIDES, Grid, grid
from marketdata.models import ShardPosition, StrikeBar

LOOK_BACK = timedelta(days=7)
# A shard that nobody reads any more does not hold up the others.
FORGOTTEN_AFTER = timedelta(minutes=1)
# What fits into a frame with room to spare.
STRIKES_A_PAGE = 80
_GREEKS = ("iv", "delta", "gamma", "theta", "vega")
_TOTALS = (
    "total_call_oi",
    "total_put_oi",
    "total_call_volume",
    "total_put_volume",
    "pcr",
    "max_pain_strike",
)

Body = dict[str, Any]


def clock(now: datetime) -> datetime:
    """Return the instant up to which everything that was heard is written."""
    known = ShardPosition.objects.filter(clock_at__isnull=False)
    clocks = [at for at in known.values_list("clock_at", flat=True) if at]
    newest = max(clocks, default=now)
    return min((at for at in clocks if newest - at < FORGOTTEN_AFTER), default=now)


def newest_opened_at(
    expiry: ChainExpiry, minutes: int, now: datetime
) -> datetime | None:
    """Return when the newest interval with bars began that is over at ``now``."""
    end = _whole(clock(now).timestamp() - LAG_S, minutes)
    bars = StrikeBar.objects.filter(
        underlying_id=expiry.underlying.pk,
        expires_on=expiry.expires_on,
        opened_at__lt=end,
        opened_at__gte=end - LOOK_BACK,
    ).order_by("-opened_at")
    last = bars.values_list("opened_at", flat=True).first()
    return None if last is None else _whole(last.timestamp(), minutes)


def pages(expiry: ChainExpiry, minutes: int, opened_at: datetime) -> list[Body]:
    """Return an interval as messages, some strikes each; nothing without bars."""
    end = opened_at + timedelta(minutes=minutes)
    cells = grid(expiry, start=opened_at, end=end, minutes=minutes)
    if cells is None:
        return []
    whole = bodies.of_metrics(cells)[-1]
    strikes = _strikes(cells)
    starts = range(0, len(strikes), STRIKES_A_PAGE)
    return [
        {
            "type": "fo_bucket",
            "timeframe": f"{minutes}min",
            "symbol": str(expiry.underlying),
            "expiry": expiry.expires_on,
            "expiry_relative_label": expiry.label,
            "relative_rank": expiry.labeled.rank,
            "bucket_time": opened_at,
            "page": number,
            "pages": len(starts),
            "strikes": strikes[start : start + STRIKES_A_PAGE],
            "metrics": {name: whole[name] for name in _TOTALS},
        }
        for number, start in enumerate(starts, 1)
    ]


def _strikes(cells: Grid) -> list[Body]:
    level = cells.spots[-1] if np.isfinite(cells.spots[-1]) else cells.forwards[-1]
    is_known = bool(np.isfinite(level))
    middle = int(np.argmin(np.abs(cells.strikes - level))) if is_known else 0
    sides = [_side(cells, side) for side in SIDES]
    spot = panels.known(cells.spots)[-1]
    return [
        {
            "strike": strike,
            "underlying": spot,
            "moneyness_bucket": (
                panels.bucket_of(place - middle, is_call=True) if is_known else None
            ),
            "call": call,
            "put": put,
        }
        for place, (strike, call, put) in enumerate(
            zip(cells.strikes.tolist(), *sides, strict=True)
        )
    ]


def _side(cells: Grid, side: str) -> list[Body]:
    facts = cells.sides[side]
    columns = {
        "price": facts["close"],
        "oi": facts["open_interest"],
        "volume": facts["volume"],
        **{name: cells.valued(side, name) for name in _GREEKS},
    }
    lists = [panels.known(column[-1]) for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _whole(second: float, minutes: int) -> datetime:
    size_s = 60 * minutes
    return datetime.fromtimestamp(second // size_s * size_s, UTC)
