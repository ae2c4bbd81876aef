"""Volatility and greeks of a chain: the feed's where it has them, else our own.

Ours come of the last prices by Black's model on the forward that calls and puts
agree on. A price too old for that forward has none.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from django.conf import settings

from marketdata import greeks, smile

Array = npt.NDArray[np.float64]
GREEKS = ("iv", "delta", "gamma", "theta", "vega", "rho")


class Origin(StrEnum):
    """Who computed a volatility and its greeks."""

    FEED = "feed"
    MODEL = "model"


class Quotes(NamedTuple):
    """One side of a chain: a column per fact, a row per strike, NaN for unknown."""

    price: Array
    volume: Array
    open_interest: Array
    # Of open interest, against one hour earlier.
    change: Array
    is_fresh: npt.NDArray[np.bool_]
    # Columns in the order of GREEKS; rho is never the feed's.
    feed: Array


class Valued(NamedTuple):
    """The volatility and greeks of one side, and which rows are the feed's."""

    columns: Array
    is_feed: npt.NDArray[np.bool_]

    @property
    def iv(self) -> Array:
        return np.asarray(self.columns[0])

    @property
    def delta(self) -> Array:
        return np.asarray(self.columns[1])


class Valuation(NamedTuple):
    """Both sides, and the forward they stand on."""

    parity: smile.Parity | None
    call: Valued
    put: Valued


def rate() -> float:
    """Return the yearly rate at which option prices are discounted."""
    return float(settings.OPTION_RATE_BASIS_POINTS) / 10_000


def parity_of(
    strikes: Array, call: Quotes, put: Quotes, years: float
) -> smile.Parity | None:
    """Return the forward by the prices that are fresh, else by whatever there is."""
    discount = float(np.exp(-rate() * max(years, 0.0)))
    fresh = [np.where(side.is_fresh, side.price, np.nan) for side in (call, put)]
    return smile.parity(strikes, fresh[0], fresh[1], discount=discount) or smile.parity(
        strikes, call.price, put.price, discount=discount
    )


def value(
    strikes: Array, call: Quotes, put: Quotes, *, years: float, prefer: Origin
) -> Valuation:
    """Value both sides of a chain at ``years`` before its end."""
    found = parity_of(strikes, call, put, years)
    prices = np.concatenate([call.price, put.price])
    fresh = np.concatenate([call.is_fresh, put.is_fresh])
    if found is None:
        own = np.full((len(GREEKS), prices.size), np.nan)
    else:
        own = _by_model(
            np.where(fresh, prices, np.nan),
            np.tile(strikes, 2),
            forward=found.forward,
            years=years,
        )
    sides = np.split(own, 2, axis=1)
    return Valuation(
        found,
        _merged(sides[0], call, prefer),
        _merged(sides[1], put, prefer),
    )


def _by_model(prices: Array, strikes: Array, *, forward: float, years: float) -> Array:
    is_call = np.arange(prices.size) < prices.size // 2
    terms = greeks.Terms(forward, strikes, years, is_call, rate())
    found = greeks.implied(prices, terms)
    return np.array(
        [
            found.volatility,
            found.delta,
            found.gamma,
            found.theta,
            found.vega,
            found.rho,
        ]
    )


def _merged(own: Array, quotes: Quotes, prefer: Origin) -> Valued:
    """Take the feed's row where it is preferred and fresh, or ours is missing."""
    has_feed = (quotes.feed[0] > 0) & quotes.is_fresh
    is_feed = has_feed if prefer is Origin.FEED else has_feed & np.isnan(own[0])
    return Valued(np.where(is_feed, quotes.feed, own), is_feed)


def both(sides: Sequence[Array]) -> Array:
    """Return the mean of what both sides say; of one where the other is silent."""
    return smile.strike_volatility(sides[0], sides[1])
