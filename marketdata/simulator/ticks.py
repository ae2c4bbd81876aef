"""The ticker service's tick payloads, and what a feed of them must offer."""

from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from marketdata.simulator.book import Depth
from marketdata.simulator.market import Valuation
from marketdata.simulator.universe import Contract, Universe

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tick:
    """One print, as it is sent (``body``) and as the simulator itself reads it."""

    at: float
    contract: Contract
    price: float
    volume: int
    open_interest: int
    body: bytes
    is_underlying: bool = False


class Feed(Protocol):
    """Where ticks come from, in the order of their times."""

    opened_at: float

    def take(self, until: float, limit: int) -> list[Tick]:
        """Return the next ticks that are due, at most ``limit`` of them."""

    def skip(self, until: float) -> int:
        """Leave out what is older than ``until``; return how many ticks that was."""

    @property
    def is_exhausted(self) -> bool:
        """Say whether no tick will ever come again."""

    def universe(self, time: float) -> Universe:
        """Return what is listed at ``time``."""


def underlying_payload(
    contract: Contract, price: float, volume: int, at: float, ohlc: dict[str, float]
) -> Payload:
    return {
        "symbol": contract.symbol,
        "instrument_token": contract.token,
        "exchange": contract.exchange,
        "last_price": price,
        "volume": volume,
        "timestamp": at,
        "ohlc": ohlc,
    }


def derivative_payload(
    contract: Contract, price: float, volume: int, open_interest: int, at: float
) -> Payload:
    return {
        "symbol": contract.underlying,
        "token": contract.token,
        "tradingsymbol": contract.symbol,
        "segment": contract.segment,
        "exchange": contract.exchange,
        "strike": contract.strike,
        "expiry": str(contract.expires_on),
        "type": contract.instrument_type,
        "lot_size": contract.lot_size,
        "tick_size": contract.tick_size,
        "price": price,
        "volume": volume,
        "oi": open_interest,
        "ts": at,
        "is_mock": False,
    }


def add_greeks(payload: Payload, valuation: Valuation) -> None:
    """Add volatility and greeks; an unsolvable volatility stays absent."""
    if valuation.volatility is None or valuation.greeks is None:
        return
    payload["iv"] = round(valuation.volatility, 6)
    payload["delta"] = round(valuation.greeks.delta, 6)
    payload["gamma"] = round(valuation.greeks.gamma, 9)
    payload["theta"] = round(valuation.greeks.theta, 4)
    payload["vega"] = round(valuation.greeks.vega, 4)


def add_depth(payload: Payload, book: Depth) -> None:
    payload["depth"] = book
    payload["total_buy_quantity"] = 9 * sum(level["quantity"] for level in book["buy"])
    payload["total_sell_quantity"] = 9 * sum(
        level["quantity"] for level in book["sell"]
    )


def encoded(payload: Payload) -> bytes:
    return orjson.dumps(payload)
