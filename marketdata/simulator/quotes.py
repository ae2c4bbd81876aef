"""A contract's quote in Kite's shape."""

import datetime as dt
import math
from typing import Any

from marketdata.simulator.book import LEVELS, Depth, Level, depth
from marketdata.simulator.contracts import IST, day_number, day_opened
from marketdata.simulator.prices import Prices
from marketdata.simulator.universe import Contract

_BAND = 0.10
_SAMPLE_S = 300


def quote(prices: Prices, contract: Contract) -> dict[str, Any]:
    now = prices.now()
    price = prices.price(contract)
    price = 0.0 if math.isnan(price) else price
    book = book_of(prices, contract)
    last = prices.last_tick(contract)
    ohlc = day_range(prices, contract, price)
    return {
        "instrument_token": contract.token,
        "timestamp": stamp(now),
        "last_trade_time": stamp(last.at if last else now),
        "last_price": price,
        "last_quantity": contract.lot_size,
        "buy_quantity": 9 * sum(level["quantity"] for level in book["buy"]),
        "sell_quantity": 9 * sum(level["quantity"] for level in book["sell"]),
        "volume": traded(prices, contract),
        "average_price": round((ohlc["high"] + ohlc["low"] + 2 * price) / 4, 2),
        "oi": last.open_interest if last else 0,
        "oi_day_high": last.open_interest if last else 0,
        "oi_day_low": last.open_interest if last else 0,
        "net_change": round(price - ohlc["close"], 2),
        "lower_circuit_limit": contract.rounded(price * (1 - _BAND)),
        "upper_circuit_limit": contract.rounded(price * (1 + _BAND)),
        "ohlc": ohlc,
        "depth": book,
    }


def traded(prices: Prices, contract: Contract) -> int:
    """Return the day's volume: as streamed, else as the market has it now."""
    last = prices.last_tick(contract)
    if last is not None or prices.is_replay:
        return last.volume if last else 0
    return prices.market.volume(contract, prices.now())


def book_of(prices: Prices, contract: Contract) -> Depth:
    """Return the book that stands now; an index has none."""
    price = prices.price(contract)
    if contract.kind == "index" or math.isnan(price):
        nothing: Level = {"quantity": 0, "price": 0.0, "orders": 0}
        return {"buy": [nothing] * LEVELS, "sell": [nothing] * LEVELS}
    return depth(contract, price, prices.now())


def day_range(prices: Prices, contract: Contract, price: float) -> dict[str, float]:
    """Return open, high and low of the day so far, and the previous close."""
    if prices.is_replay:
        return {"open": price, "high": price, "low": price, "close": price}
    now, market = prices.now(), prices.market
    opening = day_opened(day_number(now))
    samples = [
        market.price(contract, opening + _SAMPLE_S * place)
        for place in range(int((now - opening) // _SAMPLE_S) + 1)
    ]
    return {
        "open": samples[0],
        "high": max(price, *samples),
        "low": min(price, *samples),
        "close": market.price(contract, opening - 1),
    }


def stamp(at: float) -> str:
    """Return a time as Kite writes it: IST, to the second, without a zone."""
    return dt.datetime.fromtimestamp(at, IST).strftime("%Y-%m-%d %H:%M:%S")
