"""Chains and their history as the plain values that answers are made of."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from marketdata.chain import panels
from marketdata.chain.contracts import ChainExpiry
from marketdata.chain.grid import SIDES, Grid
from marketdata.chain.metrics import Array
from marketdata.chain.panels import Indicator, SideAsked
from marketdata.chain.snapshot import Chain, OptionSide, Strike

Body = dict[str, Any]
# The noise of floating point ends here.
_DIGITS = {"iv": 6, "delta": 6, "gamma": 9, "theta": 4, "vega": 4, "rho": 6}


def of_chain(chain: Chain, *, around: int) -> Body:
    """Return all but the metrics of a chain; thousands of values, so no serializer."""
    return {
        "status": "ok",
        "symbol": str(chain.expiry.underlying),
        "expiry": chain.expiry.expires_on,
        "relative_label": chain.expiry.label,
        "at": chain.at,
        "observed_at": chain.observed_at,
        "strikes": [of_row(row) for row in chain.around(around)],
    }


def of_row(row: Strike) -> Body:
    """Return one strike as the chain has it."""
    return {
        "strike": row.strike,
        "steps": row.steps,
        "pcr": rounded(row.put_call_ratio, 6),
        "call": row.call and _side(row.call),
        "put": row.put and _side(row.put),
    }


def _side(side: OptionSide) -> Body:
    greeks = {
        name: rounded(getattr(side, name), digits) for name, digits in _DIGITS.items()
    }
    return {
        "symbol": side.symbol,
        "lot_size": side.lot_size,
        "price": side.price,
        "bid": side.bid,
        "ask": side.ask,
        "volume": side.volume,
        "oi": side.open_interest,
        "oi_change": side.open_interest_change,
        "iv_from": side.origin,
        **greeks,
        "intrinsic": rounded(side.intrinsic, 4),
        "extrinsic": rounded(side.extrinsic, 4),
        "last_at": side.last_at,
        "is_stale": side.is_stale,
    }


def rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def of_distribution(chain: Chain, question: Body) -> Body:
    """Return one expiry of a distribution of ``question['indicator']``."""
    indicator = Indicator(question["indicator"])
    side = SideAsked(question["option_side"])
    return {
        "expiry": chain.expiry.expires_on,
        "relative_label": chain.expiry.label,
        "observed_at": chain.observed_at,
        "metrics": chain.metrics,
        "points": [
            _point(row, indicator, side)
            for row in chain.around(question["strike_range"])
        ],
    }


_FACTS = {
    Indicator.OI: "open_interest",
    Indicator.PCR: "open_interest",
    Indicator.PREMIUM: "price",
}


def _point(row: Strike, indicator: Indicator, side: SideAsked) -> Body:
    name = _FACTS.get(indicator, indicator.value)
    call = getattr(row.call, name, None)
    put = getattr(row.put, name, None)
    pair = [np.array([np.nan if one is None else float(one)]) for one in (call, put)]
    value = panels.known(panels.joined(indicator, side, *pair))[0]
    steps = row.steps
    return {
        "strike": row.strike,
        "moneyness_bucket": (
            None if steps is None else panels.bucket_of(steps, is_call=True)
        ),
        "value": value,
        "call": call,
        "put": put,
        "call_oi": row.call and row.call.open_interest,
        "put_oi": row.put and row.put.open_interest,
    }


def of_moneyness(expiry: ChainExpiry, grid: Grid, question: Body) -> list[Body]:
    """Return the lines of one expiry, values at the beginning of each interval."""
    times = _times(grid)
    lines = panels.moneyness_series(
        grid,
        Indicator(question["indicator"]),
        SideAsked(question["option_side"]),
        question["levels"],
    )
    return [
        {
            "expiry": expiry.expires_on,
            "relative_label": expiry.label,
            "bucket": line.bucket,
            "points": [
                {"time": time, "value": value}
                for time, value in zip(times, line.values, strict=True)
            ],
        }
        for line in lines
    ]


def of_strike(grid: Grid, strike: float) -> list[Body]:
    """Return call and put of ``strike`` per interval; nothing for one not listed."""
    places = np.flatnonzero(grid.strikes == strike)
    if not places.size:
        return []
    sides = [list(_side_over_time(grid, side, int(places[0]))) for side in SIDES]
    rows = zip(
        _times(grid),
        panels.known(grid.spots),
        panels.known(grid.forwards),
        *sides,
        strict=True,
    )
    names = ("time", "underlying", "forward", "call", "put")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _side_over_time(grid: Grid, side: str, place: int) -> Iterator[Body]:
    facts = grid.sides[side]
    columns = {
        "price": facts["close"],
        "oi": facts["open_interest"],
        "volume": facts["volume"],
        **{name: grid.valued(side, name) for name in _DIGITS},
    }
    values = [panels.known(column[:, place]) for column in columns.values()]
    for row in zip(*values, strict=True):
        yield dict(zip(columns, row, strict=True))


def of_metrics(grid: Grid) -> list[Body]:
    """Return what the expiry says as a whole, interval by interval."""
    calls, puts = (grid.total(side, "volume") for side in SIDES)
    straddles = [one.straddle if one else None for one in grid.parities]
    columns: dict[str, list[Any]] = {
        "time": _times(grid),
        "underlying": panels.known(grid.spots),
        "forward": panels.known(grid.forwards),
        "total_call_oi": grid.total("call", "open_interest").tolist(),
        "total_put_oi": grid.total("put", "open_interest").tolist(),
        "total_call_volume": calls.tolist(),
        "total_put_volume": puts.tolist(),
        "pcr": grid.ratios(),
        "pcr_volume": panels.known(_over(puts, calls)),
        "max_pain_strike": panels.known(grid.max_pains()),
        "atm_iv": grid.money_volatilities,
        "skew": grid.skews(),
        "straddle": straddles,
        "expected_move": grid.expected_moves(),
    }
    return [
        dict(zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def _over(above: Array, below: Array) -> Array:
    unknown = np.full_like(above, np.nan)
    return np.divide(above, below, out=unknown, where=below > 0)


def _times(grid: Grid) -> list[datetime]:
    return [datetime.fromtimestamp(time, UTC) for time in grid.times.tolist()]
