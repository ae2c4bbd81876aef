"""The live feed: which contract prints when, counted, so that a seed repeats it.

Tick number n is stamped ``opened_at + n * step_s``. Contracts take turns in a
shuffled deck that holds the busy ones several times; each pass through the deck
is shuffled anew from the seed, so any number of ticks can be left out unseen.
"""

import math
import random

from marketdata.simulator import ticks
from marketdata.simulator.book import depth
from marketdata.simulator.contracts import day_number, day_opened
from marketdata.simulator.market import Market
from marketdata.simulator.ticks import Tick
from marketdata.simulator.universe import Contract, Universe

_TURNS = {"index": 30, "future": 8, "stock": 6, "option": 1}
_TURNS_AT_THE_MONEY = 4
_NEAR = 0.01
_SAMPLE_S = 60


class LiveFeed:
    """An endless feed of one market."""

    def __init__(
        self, market: Market, *, opened_at: float, step_s: float, with_depth: bool
    ) -> None:
        self.opened_at = opened_at
        self._market, self._step_s, self._with_depth = market, step_s, with_depth
        self._count = 0
        self._deck: list[Contract] = []
        self._ranges = _DayRanges(market)

    @property
    def is_exhausted(self) -> bool:
        return False

    def universe(self, time: float) -> Universe:
        return self._market.universe(time)

    def skip(self, until: float) -> int:
        number = int((until - self.opened_at) / self._step_s)
        skipped = max(number - self._count, 0)
        if skipped:
            self._count = number
            self._deck = []
        return skipped

    def take(self, until: float, limit: int) -> list[Tick]:
        due = limit
        if until < math.inf:
            due = int((until - self.opened_at) / self._step_s) + 1 - self._count
        return [self._next() for _ in range(max(min(due, limit), 0))]

    def _next(self) -> Tick:
        at = self.opened_at + self._count * self._step_s
        if not self._deck:
            self._deck = self._shuffled(at)
        contract = self._deck.pop()
        self._count += 1
        if contract.kind in ("index", "stock"):
            return self._underlying_tick(contract, at)
        return self._derivative_tick(contract, at)

    def _shuffled(self, at: float) -> list[Contract]:
        """Deal the deck of this moment; its order depends on seed and count."""
        deck = [
            contract
            for contract in self._market.universe(at).contracts
            for _ in range(self._turns(contract, at))
        ]
        random.Random(f"{self._market.seed}:{self._count}").shuffle(deck)
        return deck

    def _turns(self, contract: Contract, at: float) -> int:
        if contract.kind == "option":
            spot = self._market.spot(contract.underlying, at)
            if abs(contract.strike / spot - 1) < _NEAR:
                return _TURNS_AT_THE_MONEY
        return _TURNS[contract.kind]

    def _underlying_tick(self, contract: Contract, at: float) -> Tick:
        price = self._market.price(contract, at)
        volume = self._market.volume(contract, at)
        ohlc = self._ranges.seen(contract, price, at)
        stamp = round(at, 3)
        payload = ticks.underlying_payload(contract, price, volume, stamp, ohlc)
        if contract.kind == "stock" and self._with_depth:
            ticks.add_depth(payload, depth(contract, price, at))
        body = ticks.encoded(payload)
        return Tick(stamp, contract, price, volume, 0, body, is_underlying=True)

    def _derivative_tick(self, contract: Contract, at: float) -> Tick:
        market, stamp = self._market, round(at, 3)
        volume = market.volume(contract, at)
        interest = market.open_interest(contract, at)
        if contract.kind == "future":
            price = market.price(contract, at)
            payload = ticks.derivative_payload(contract, price, volume, interest, stamp)
        else:
            valuation = market.valued(contract, at)
            price = valuation.price
            payload = ticks.derivative_payload(contract, price, volume, interest, stamp)
            ticks.add_greeks(payload, valuation)
        if self._with_depth:
            ticks.add_depth(payload, depth(contract, price, at))
        return Tick(stamp, contract, price, volume, interest, ticks.encoded(payload))


class _DayRanges:
    """Open, high, low and previous close of the day, for index and stock ticks."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._days: dict[int, tuple[int, dict[str, float]]] = {}

    def seen(self, contract: Contract, price: float, at: float) -> dict[str, float]:
        day = day_number(at)
        known = self._days.get(contract.token)
        if known is None or known[0] != day:
            known = (day, self._opening(contract, day, at))
            self._days[contract.token] = known
        ohlc = known[1]
        ohlc["high"] = max(ohlc["high"], price)
        ohlc["low"] = min(ohlc["low"], price)
        return ohlc

    def _opening(self, contract: Contract, day: int, at: float) -> dict[str, float]:
        opening = day_opened(day)
        minutes = int((at - opening) // _SAMPLE_S)
        prices = [
            self._market.price(contract, opening + _SAMPLE_S * minute)
            for minute in range(minutes + 1)
        ]
        return {
            "open": prices[0],
            "high": max(prices),
            "low": min(prices),
            "close": self._market.price(contract, opening - 1),
        }
