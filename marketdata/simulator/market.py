"""Prices, volumes and open interest as a pure function of seed and time.

One spot path per index; stocks follow NIFTY with a path of their own; futures
carry the spot; options are Black-76 on the forward of their expiry, with a smile.
Nothing is remembered but the last answers, so any moment may be asked for.
"""

import math
from typing import NamedTuple

import numpy as np

from marketdata.simulator import contracts, noise, pricing
from marketdata.simulator.universe import UNDERLYINGS, Contract, Universe, listed

RATE = 0.065
_DIVIDEND = 0.012
_CARRY = RATE - _DIVIDEND
_STEP_S = 0.25
_MOOD_S = 16.0
_DAY_S = 86_400.0
_VOLATILITY = {"NIFTY": 0.16, "BANKNIFTY": 0.20}
_STOCK_VOLATILITY = 0.22
_STOCK_BETA = 0.8
_MOST_REMEMBERED = 50_000
_LEAST_YEARS = 60 / noise.YEAR_S
_LOTS_A_DAY = {"future": 60_000.0, "option": 420_000.0, "stock": 9_000_000.0}
_OPEN_LOTS = {"future": 190_000.0, "option": 90_000.0, "stock": 0.0}


class Valuation(NamedTuple):
    """An option's price on the grid and what follows from it."""

    price: float
    volatility: float | None
    greeks: pricing.Greeks | None


class Market:
    """The one market of a seed."""

    def __init__(self, seed: int, exchange: str) -> None:
        self.seed, self.exchange = seed, exchange
        self._owners = {owner.symbol: owner for owner in UNDERLYINGS}
        self._paths = {
            owner.symbol: noise.Path(
                noise.key_of(seed, owner.symbol),
                _VOLATILITY.get(owner.symbol, _STOCK_VOLATILITY),
            )
            for owner in UNDERLYINGS
        }
        self._moods = noise.Path(
            noise.key_of(seed, "volatility"), 0.6, shortest_s=64, octaves=16
        )
        self._last_mood = (-1, 0.0)
        self._spots: dict[str, tuple[int, float]] = {}
        self._activity: dict[tuple[int, int], float] = {}
        self._universes: dict[tuple[int, bool], Universe] = {}

    def universe(self, time: float) -> Universe:
        """Return what is listed at ``time``; it changes at midnight and expiry."""
        day = contracts.day_number(time)
        mark = (day, time >= contracts.day_closed(day))
        if mark not in self._universes:
            self._universes[mark] = listed(time, self.exchange, self.spot)
        return self._universes[mark]

    def spot(self, symbol: str, time: float) -> float:
        step = int(time / _STEP_S)
        known = self._spots.get(symbol)
        if known is not None and known[0] == step:
            return known[1]
        moment = step * _STEP_S
        owner = self._owners[symbol]
        growth = self._paths[symbol].at(moment)
        if owner.kind == "stock":
            growth += _STOCK_BETA * self._paths["NIFTY"].at(moment)
        price = owner.level * math.exp(growth)
        self._spots[symbol] = (step, price)
        return price

    def spots(self, symbol: str, times: noise.Floats) -> noise.Floats:
        """Return the spot at many moments: the same prices, much faster."""
        owner = self._owners[symbol]
        growth = self._paths[symbol].along(times)
        if owner.kind == "stock":
            growth = growth + _STOCK_BETA * self._paths["NIFTY"].along(times)
        prices: noise.Floats = owner.level * np.exp(growth)
        return prices

    def forward(
        self, contract: Contract, time: float, spot: float | None = None
    ) -> float:
        years = max(contract.expires_at - time, 0.0) / noise.YEAR_S
        level = self.spot(contract.underlying, time) if spot is None else spot
        return level * math.exp(_CARRY * years)

    def terms(
        self, contract: Contract, time: float, spot: float | None = None
    ) -> pricing.Terms:
        remaining = (contract.expires_at - time) / noise.YEAR_S
        years = max(remaining, _LEAST_YEARS) if remaining > 0 else 0.0
        return pricing.Terms(
            forward=self.forward(contract, time, spot),
            strike=contract.strike,
            years=years,
            rate=RATE,
            is_call=contract.option_type == "CE",
        )

    def smile(self, symbol: str, terms: pricing.Terms, time: float) -> float:
        """Return the volatility of a strike: dearer below the forward and far away."""
        base = _VOLATILITY[symbol] * 0.78 * (1 + 0.15 * math.exp(-terms.years * 52))
        base *= math.exp(self._mood(time))
        if terms.years <= 0:
            return base
        spread = base * math.sqrt(terms.years)
        distance = math.log(terms.strike / terms.forward) / spread
        distance = max(-5.0, min(5.0, distance))
        return base * (1 - 0.035 * distance + 0.014 * distance * distance)

    def _mood(self, time: float) -> float:
        """Return how nervous the market is; it changes every 16 seconds."""
        step = int(time // _MOOD_S)
        if self._last_mood[0] != step:
            self._last_mood = (step, self._moods.at(step * _MOOD_S))
        return self._last_mood[1]

    def price(
        self, contract: Contract, time: float, spot: float | None = None
    ) -> float:
        """Return the last price of any contract, on its tick grid."""
        level = self.spot(contract.underlying, time) if spot is None else spot
        if contract.kind == "option":
            terms = self.terms(contract, time, level)
            volatility = self.smile(contract.underlying, terms, time)
            return contract.rounded(pricing.price(terms, volatility))
        if contract.kind == "future":
            return contract.rounded(self.forward(contract, time, level))
        return contract.rounded(level)

    def valued(self, contract: Contract, time: float) -> Valuation:
        """Return an option's price with the volatility and greeks it implies."""
        terms = self.terms(contract, time)
        smile = self.smile(contract.underlying, terms, time)
        price = contract.rounded(pricing.price(terms, smile))
        volatility = pricing.implied_volatility(terms, price, smile)
        if volatility is None:
            return Valuation(price, None, None)
        return Valuation(price, volatility, pricing.greeks(terms, volatility))

    def volume(self, contract: Contract, time: float) -> int:
        """Return the units traded since the day began: never falls within a day."""
        if contract.kind == "index":
            return 0
        day = contracts.day_number(time)
        elapsed = time - contracts.day_opened(day)
        phase = contract.token % 628 / 100
        # The swing is slower than time itself, so that the sum only grows.
        elapsed += 25 * (math.sin(elapsed / 30 + phase) - math.sin(phase))
        lots = self._lots_a_day(contract, day) * max(elapsed, 0) / _DAY_S
        return int(lots) * contract.lot_size

    def open_interest(self, contract: Contract, time: float) -> int:
        phase = contract.token % 628 / 100
        swing = 0.1 * math.sin(time / 1_800 + phase) + 0.03 * math.sin(time / 97)
        level = self._owners[contract.underlying].level
        lots = _OPEN_LOTS.get(contract.kind, 0.0) * _nearness(contract, level)
        return int(lots * (1 + swing)) * contract.lot_size

    def _lots_a_day(self, contract: Contract, day: int) -> float:
        mark = (contract.token, day)
        if mark not in self._activity:
            if len(self._activity) >= _MOST_REMEMBERED:
                self._activity.clear()
            level = self.spot(contract.underlying, contracts.day_opened(day))
            lots = _LOTS_A_DAY[contract.kind] * _nearness(contract, level)
            self._activity[mark] = lots
        return self._activity[mark]


def _nearness(contract: Contract, level: float) -> float:
    """Return how busy a contract is beside the busiest of its kind."""
    chance = 0.6 + 0.4 * noise.unit(contract.token, 1)
    if contract.kind != "option":
        return chance
    distance = abs(contract.strike - level) / level
    return chance * (0.01 + math.exp(-distance / 0.015))
