"""What a chain says as a whole: ratios, max pain, volatility and the expected move."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marketdata import smile, strikes
from marketdata.chain.valuing import Quotes, Valuation, both
from marketdata.greeks import DAYS_A_YEAR

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the chain says as a whole; see docs/api.md for each of them."""

    spot: float | None
    forward: float | None
    atm_strike: float | None
    years: float
    days: float
    call_open_interest: int
    put_open_interest: int
    call_open_interest_change: int | None
    put_open_interest_change: int | None
    call_volume: int
    put_volume: int
    pcr_open_interest: float | None
    pcr_volume: float | None
    max_pain: float | None
    atm_volatility: float | None
    skew: float | None
    straddle: float | None
    expected_move: float | None


def metrics_of(
    prices: Array,
    sides: Sequence[Quotes],
    valuation: Valuation,
    *,
    spot: float | None,
    days: float,
) -> Metrics:
    """Return what the chain says with its forward and volatilities known."""
    interest = [np.nan_to_num(side.open_interest) for side in sides]
    volume = [np.nansum(side.volume) for side in sides]
    totals = [part.sum() for part in interest]
    parity = valuation.parity
    forward = parity.forward if parity else None
    years = days / DAYS_A_YEAR
    volatility = (
        smile.at_the_money(prices, both([valuation.call.iv, valuation.put.iv]), forward)
        if forward
        else None
    )
    return Metrics(
        spot=spot,
        forward=forward,
        atm_strike=_nearest(prices, forward or spot),
        years=years,
        days=days,
        call_open_interest=int(totals[0]),
        put_open_interest=int(totals[1]),
        call_open_interest_change=_total(sides[0].change),
        put_open_interest_change=_total(sides[1].change),
        call_volume=int(volume[0]),
        put_volume=int(volume[1]),
        pcr_open_interest=strikes.put_call_ratio(*totals),
        pcr_volume=strikes.put_call_ratio(*volume),
        max_pain=_known(strikes.max_pain(prices, *interest)) if prices.size else None,
        atm_volatility=volatility,
        skew=smile.skew(
            valuation.call.delta,
            valuation.call.iv,
            valuation.put.delta,
            valuation.put.iv,
        ),
        straddle=parity.straddle if parity else None,
        expected_move=(
            smile.expected_move(forward, volatility, years)
            if forward and volatility
            else None
        ),
    )


def _nearest(prices: Array, level: float | None) -> float | None:
    """Return the listed strike nearest to ``level``: looked up, never computed."""
    if level is None or not prices.size:
        return None
    return float(prices[np.argmin(np.abs(prices - level))])


def _total(column: Array) -> int | None:
    """Return the sum of what is known; None when nothing is."""
    return None if np.isnan(column).all() else int(np.nansum(column))


def _known(number: float | Array) -> float | None:
    return None if np.isnan(number) else float(number)
