"""What the stream has shown so far, and what the market says beside it."""

import math
from dataclasses import dataclass, field

from marketdata.simulator.candles import CandleBook
from marketdata.simulator.http.messages import ApiError
from marketdata.simulator.market import Market
from marketdata.simulator.publisher import Progress
from marketdata.simulator.ticks import Feed, Tick
from marketdata.simulator.universe import Contract, Universe


@dataclass(slots=True, kw_only=True)
class Prices:
    """The contracts of a run and their last prices."""

    exchange: str
    is_replay: bool
    market: Market
    feed: Feed
    progress: Progress
    candles: CandleBook = field(default_factory=CandleBook)

    def now(self) -> float:
        """Return how far the stream's time has come."""
        return self.progress.stream_at

    def universe(self) -> Universe:
        return self.feed.universe(self.now())

    def contract(self, token: int) -> Contract:
        """Return a listed contract, or one that was streamed and has expired."""
        contract = self.universe().by_token.get(token)
        if contract is not None:
            return contract
        last = self.candles.last(token)
        if last is not None:
            return last.contract
        raise ApiError(f"Unknown instrument token {token}", status=404)

    def contract_named(self, exchange: str, symbol: str) -> Contract:
        contract = self.universe().by_key.get(f"{exchange}:{symbol}")
        if contract is None:
            raise ApiError(f"The instrument {exchange}:{symbol} is unknown")
        return contract

    def last_tick(self, contract: Contract) -> Tick | None:
        return self.candles.last(contract.token)

    def price(self, contract: Contract) -> float:
        """Return the last price: as streamed, else as the market has it now."""
        last = self.candles.last(contract.token)
        if last is not None:
            return last.price
        return math.nan if self.is_replay else self.market.price(contract, self.now())
