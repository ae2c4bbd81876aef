"""The chain of one expiry at an instant: now, or any past minute.

Each option is shown as its newest minute up to the instant has it; of now, the last
quote comes on top. Open interest lasts until the next one is heard, traded volume is
that of the day, and a price that is older than a quarter of an hour is stale: it is
shown, and nothing is computed of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from django.utils import timezone

from marketdata import strikes
from marketdata.chain.contracts import ChainExpiry
from marketdata.chain.metrics import Metrics, metrics_of
from marketdata.chain.rows import Row, read
from marketdata.chain.valuing import (
    GREEKS,
    Origin,
    Quotes,
    Valuation,
    Valued,
    value,
)
from marketdata.greeks import DAYS_A_YEAR

Pair = tuple[Row | None, Row | None]

STALE_AFTER = timedelta(minutes=15)
DAY_S = 86_400


class OptionSide(NamedTuple):
    """The call or the put of a strike, with its greeks in the units of greeks.py."""

    instrument_id: int
    symbol: str
    lot_size: int
    price: float | None
    bid: float | None
    ask: float | None
    volume: int | None
    open_interest: int | None
    open_interest_change: int | None
    last_at: datetime | None
    is_stale: bool
    origin: Origin | None
    iv: float | None
    delta: float | None
    gamma: float | None
    theta: float | None
    vega: float | None
    rho: float | None
    intrinsic: float | None
    extrinsic: float | None


class Strike(NamedTuple):
    """Call and put side by side; ``steps`` counts listed strikes from the money."""

    strike: float
    steps: int | None
    call: OptionSide | None
    put: OptionSide | None

    @property
    def put_call_ratio(self) -> float | None:
        """Return the put's over the call's open interest."""
        if not (self.call and self.put):
            return None
        calls, puts = self.call.open_interest, self.put.open_interest
        if calls is None or puts is None:
            return None
        return strikes.put_call_ratio(calls, puts)


@dataclass(frozen=True, slots=True)
class Chain:
    """All strikes of an expiry as they stood at ``observed_at``; None without any."""

    expiry: ChainExpiry
    at: datetime
    observed_at: datetime | None
    strikes: list[Strike]
    metrics: Metrics

    def around(self, count: int) -> list[Strike]:
        """Return ``count`` strikes on each side of the money, and it; 0 means all."""
        middle = next((n for n, row in enumerate(self.strikes) if row.steps == 0), None)
        if not count or middle is None:
            return self.strikes
        return self.strikes[max(middle - count, 0) : middle + count + 1]


def snapshot(
    expiry: ChainExpiry, at: datetime | None = None, *, prefer: Origin = Origin.FEED
) -> Chain:
    """Return the chain now, or as it stood at the end of the minute of ``at``."""
    asked_at = at or timezone.now()
    rows, spot = read(expiry, asked_at, is_now=at is None)
    return of_rows(expiry, asked_at, rows, spot, prefer=prefer)


def of_rows(
    expiry: ChainExpiry,
    asked_at: datetime,
    rows: Sequence[Row],
    spot: float | None,
    *,
    prefer: Origin = Origin.FEED,
) -> Chain:
    """Return the chain that ``rows`` and the price of the underlying make."""
    observed_at = max((row.last_at for row in rows if row.last_at), default=None)
    days = (expiry.ends_at() - (observed_at or asked_at)).total_seconds() / DAY_S
    pairs = _side_by_side(rows)
    prices = np.array(list(pairs), dtype=np.float64)
    sides = [
        _columns([pair[n] for pair in pairs.values()], observed_at) for n in (0, 1)
    ]
    valuation = value(prices, *sides, years=days / DAYS_A_YEAR, prefer=prefer)
    metrics = metrics_of(prices, sides, valuation, spot=spot, days=max(days, 0.0))
    return Chain(
        expiry,
        asked_at,
        observed_at,
        _strikes(pairs, sides, valuation, metrics),
        metrics,
    )


def _side_by_side(rows: Sequence[Row]) -> dict[float, Pair]:
    """Return call and put of each strike; of two contracts alike, the later listed."""
    pairs: dict[float, Pair] = {}
    for row in rows:
        call, put = pairs.get(row.strike, (None, None))
        pairs[row.strike] = (row, put) if row.is_call else (call, row)
    return pairs


def _columns(rows: Sequence[Row | None], observed_at: datetime | None) -> Quotes:
    table = np.array(
        [
            [None] * 9
            if row is None
            else [
                row.price,
                row.volume,
                row.open_interest,
                _change(row),
                row.iv,
                row.delta,
                row.gamma,
                row.theta,
                row.vega,
            ]
            for row in rows
        ],
        dtype=np.float64,
    ).reshape(-1, 9)
    columns = table.T
    unknown = np.full((1, len(rows)), np.nan)
    return Quotes(
        price=columns[0],
        volume=columns[1],
        open_interest=columns[2],
        change=columns[3],
        is_fresh=np.array(
            [_is_fresh(row, observed_at) for row in rows], dtype=np.bool_
        ),
        feed=np.concatenate([columns[4:], unknown]),
    )


def _is_fresh(row: Row | None, observed_at: datetime | None) -> bool:
    if row is None or row.last_at is None or observed_at is None:
        return False
    return observed_at - row.last_at <= STALE_AFTER


def _strikes(
    pairs: dict[float, Pair],
    sides: Sequence[Quotes],
    valuation: Valuation,
    metrics: Metrics,
) -> list[Strike]:
    prices = list(pairs)
    middle = None if metrics.atm_strike is None else prices.index(metrics.atm_strike)
    fresh = [side.is_fresh.tolist() for side in sides]
    calls, puts = _rows_of(valuation.call), _rows_of(valuation.put)
    level = metrics.forward or metrics.spot
    return [
        Strike(
            strike,
            None if middle is None else place - middle,
            _side(call, calls[place], level, is_fresh=fresh[0][place]),
            _side(put, puts[place], level, is_fresh=fresh[1][place]),
        )
        for place, (strike, (call, put)) in enumerate(pairs.items())
    ]


def _rows_of(valued: Valued) -> list[tuple[list[float | None], bool]]:
    """Return per strike its greeks, None for NaN, and whether they are the feed's."""
    known = valued.columns.astype(object)
    known[np.isnan(valued.columns)] = None
    return list(zip(known.T.tolist(), valued.is_feed.tolist(), strict=True))


def _side(
    row: Row | None,
    valued: tuple[list[float | None], bool],
    level: float | None,
    *,
    is_fresh: bool,
) -> OptionSide | None:
    if row is None:
        return None
    columns, is_feed = valued
    origin = Origin.FEED if is_feed else Origin.MODEL
    intrinsic = _intrinsic(row, level)
    extrinsic = (
        None if row.price is None or intrinsic is None else row.price - intrinsic
    )
    return OptionSide(
        instrument_id=row.instrument_id,
        symbol=row.symbol,
        lot_size=row.lot_size,
        price=row.price,
        bid=row.bid,
        ask=row.ask,
        volume=row.volume,
        open_interest=row.open_interest,
        open_interest_change=_change(row),
        last_at=row.last_at,
        is_stale=row.last_at is not None and not is_fresh,
        origin=None if columns[0] is None else origin,
        intrinsic=intrinsic,
        extrinsic=extrinsic,
        **dict(zip(GREEKS, columns, strict=True)),
    )


def _intrinsic(row: Row, level: float | None) -> float | None:
    """Return what exercising at the forward would pay."""
    if level is None:
        return None
    return max(level - row.strike if row.is_call else row.strike - level, 0.0)


def _change(row: Row) -> int | None:
    if row.open_interest is None or row.earlier_open_interest is None:
        return None
    return row.open_interest - row.earlier_open_interest
