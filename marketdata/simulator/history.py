"""Minute candles of any past: what was streamed, else what the market would have been.

The market is a pure function of time, so the minutes before this run lie on the
same line as the ticks of this run.
"""

from collections.abc import Iterator

import numpy as np

from marketdata.simulator.candles import MINUTE_S, Candle
from marketdata.simulator.contracts import day_number
from marketdata.simulator.market import Market
from marketdata.simulator.prices import Prices
from marketdata.simulator.pricing import Greeks, greeks, implied_volatility
from marketdata.simulator.universe import Contract

# Where in a minute the price is looked at; the last is its close.
_OFFSETS = np.array([0.0, 15.0, 30.0, 45.0, 59.75])


def between(
    prices: Prices, contract: Contract, start: float, end: float
) -> list[Candle]:
    """Return the closed minutes that opened from ``start`` to ``end``, both meant."""
    end = min(end, prices.now() - MINUTE_S)
    streamed = list(prices.candles.between(contract.token, start, end))
    if prices.is_replay:
        return streamed
    minutes = _minutes(contract, start, end)
    book = prices.candles
    imagined = [minute for minute in minutes if not book.was_streamed(minute)]
    kept = [candle for candle in streamed if book.was_streamed(candle.opened_at)]
    return sorted([*kept, *synthetic(prices.market, contract, imagined)])


def _minutes(contract: Contract, start: float, end: float) -> list[int]:
    last = min(end, contract.expires_at - MINUTE_S) if contract.expires_at else end
    first = -int(-start // MINUTE_S) * MINUTE_S
    return list(range(first, int(last) + 1, MINUTE_S))


def synthetic(
    market: Market, contract: Contract, minutes: list[int]
) -> Iterator[Candle]:
    if not minutes:
        return
    moments = np.array(minutes, dtype=np.float64)[:, None] + _OFFSETS
    spots = market.spots(contract.underlying, moments)
    for minute, times, levels in zip(
        minutes, moments.tolist(), spots.tolist(), strict=True
    ):
        prices = [
            market.price(contract, time, level)
            for time, level in zip(times, levels, strict=True)
        ]
        yield Candle(
            opened_at=minute,
            open=prices[0],
            high=max(prices),
            low=min(prices),
            close=prices[-1],
            volume=_volume(market, contract, minute),
            open_interest=market.open_interest(contract, times[-1]),
        )


def _volume(market: Market, contract: Contract, minute: int) -> int:
    end = minute + MINUTE_S - 0.001
    traded = market.volume(contract, end)
    before = minute - 0.001
    if day_number(before) == day_number(end):
        traded -= market.volume(contract, before)
    return traded


def valuation(
    market: Market, contract: Contract, candle: Candle
) -> tuple[float, Greeks] | None:
    """Return the volatility and the greeks that an option's close implies."""
    terms = market.terms(contract, candle.opened_at + MINUTE_S - 0.25)
    volatility = implied_volatility(terms, candle.close)
    return None if volatility is None else (volatility, greeks(terms, volatility))
