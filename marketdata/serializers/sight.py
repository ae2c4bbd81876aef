"""The monitor as its stream tells it: a part for each row that a page shows."""

from typing import Any

from marketdata.chain import OptionSide, Strike
from marketdata.chain.bodies import rounded
from marketdata.monitor import Around, Sight
from marketdata.overview import Day, Feed
from marketdata.positioning import ExpiryShare, FuturesLine
from marketdata.serializers.options.streamed import name_of, summary_of

Body = dict[str, Any]


def parts_of(sight: Sight, feed: Feed) -> dict[str, Any]:
    """Return the parts by name: ``day``, ``future:NFO:…``, ``strike:24000`` ..."""
    parts: dict[str, Any] = {
        "feed": _feed(feed),
        "day": _day(sight.day),
        "closes": list(sight.day.closes),
        "rollover": [_share(share) for share in sight.shares],
    }
    parts |= {f"future:{line.contract}": _future(line) for line in sight.futures}
    if sight.around:
        parts["summary"] = _summary(sight.around, is_open=feed.is_open)
        for row in sight.around.strikes:
            parts[f"strike:{name_of(row)}"] = _strike(row)
    return parts


def seen_at(sight: Sight, feed: Feed) -> float | None:
    """Return when something was last heard of what is shown, in epoch seconds."""
    around = sight.around
    times = [
        feed.last_tick_at,
        sight.day.last_tick_at,
        around.chain.observed_at if around else None,
        *(line.day.last_tick_at for line in sight.futures),
    ]
    newest = max((time for time in times if time), default=None)
    return None if newest is None else newest.timestamp()


def _feed(feed: Feed) -> Body:
    return {
        "state": feed.state,
        "is_open": feed.is_open,
        "last_tick_at": feed.last_tick_at,
        "open_gaps": feed.open_gaps,
        "quarantined": feed.quarantined,
    }


def _day(day: Day) -> Body:
    return {
        "price": day.price,
        "change": rounded(day.change, 4),
        "change_percent": rounded(day.change_percent, 4),
        "open": day.open,
        "high": day.high,
        "low": day.low,
        "previous_close": day.previous_close,
        "volume": day.volume,
        "oi": day.open_interest,
        "last_tick_at": day.last_tick_at,
    }


def _future(line: FuturesLine) -> Body:
    shift, basis = line.shift, line.basis
    return {
        "expiry": line.contract.expires_on,
        "days_left": line.days_left,
        **_day(line.day),
        "oi_change_percent": (
            None if shift is None else rounded(shift.open_interest_change_percent, 4)
        ),
        "basis": None if basis is None else rounded(basis.points, 4),
        "basis_annual_percent": (
            None if basis is None else rounded(basis.annual_percent, 4)
        ),
        "signal": None if shift is None else shift.signal,
    }


def _share(share: ExpiryShare) -> Body:
    return {
        "expiry": share.expires_on,
        "days_left": share.days_left,
        "oi": share.open_interest,
        "volume": share.volume,
        "share_percent": rounded(share.share_percent, 4),
        "status": share.rollover.status,
    }


def _summary(around: Around, *, is_open: bool) -> Body:
    return summary_of(around.chain, is_open=is_open) | {
        "most_oi": around.most_open_interest,
        "step": around.step,
    }


def _strike(row: Strike) -> Body:
    return {
        "strike": row.strike,
        "steps": row.steps,
        "call": row.call and _side(row.call),
        "put": row.put and _side(row.put),
    }


def _side(side: OptionSide) -> Body:
    return {
        "price": side.price,
        "volume": side.volume,
        "oi": side.open_interest,
        "oi_change": side.open_interest_change,
        "iv": rounded(side.iv, 6),
        "delta": rounded(side.delta, 6),
        "is_stale": side.is_stale,
        "last_at": side.last_at,
    }
