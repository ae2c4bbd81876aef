"""How the original aggregates: dicts of dicts, flushed on the clock of the messages."""

import datetime
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

PERIOD_S, LAG_S = 60, 5
GREEKS = ("iv", "delta", "gamma", "theta", "vega")

Row = tuple[Any, ...]
Raw = dict[str, Any]

BAR_TABLE = """
CREATE TABLE IF NOT EXISTS original_bars (
    symbol text, opened_at timestamptz,
    open float8, high float8, low float8, close float8, volume bigint,
    PRIMARY KEY (symbol, opened_at)
)
"""
STRIKE_TABLE = """
CREATE TABLE IF NOT EXISTS original_strike_bars (
    expires_on date, opened_at timestamptz, strike numeric(10, 2), side text,
    close float8, volume bigint, oi float8, ticks int,
    iv float8, delta float8, gamma float8, theta float8, vega float8,
    bid float8, ask float8,
    PRIMARY KEY (expires_on, opened_at, strike, side)
)
"""


class Buckets(ABC):
    """Open buckets by their start; one is due when a message is past its end."""

    upsert: ClassVar[str]

    def __init__(self) -> None:
        self._open: dict[int, dict[Any, Raw]] = {}
        self._day_volume: dict[Any, int] = {}
        self._newest = 0.0

    @abstractmethod
    def add(self, tick: Raw) -> None:
        """Put one decoded tick into its bucket."""

    @abstractmethod
    def rows(self, start: int, bucket: dict[Any, Raw]) -> Iterator[Row]:
        """Yield the rows of a bucket in the order of ``upsert``."""

    def bucket_of(self, ts: float) -> dict[Any, Raw]:
        self._newest = max(self._newest, ts)
        start = int(ts) - int(ts) % PERIOD_S
        bucket = self._open.get(start)
        if bucket is None:
            bucket = self._open[start] = {}
        return bucket

    def traded(self, key: Any, volume: int) -> int:
        """Return what was traded since the tick before, of the day's volume."""
        before = self._day_volume.get(key, volume)
        self._day_volume[key] = volume
        return volume - before

    def is_due(self) -> bool:
        return self._newest >= min(self._open) + PERIOD_S + LAG_S

    def take_due(self) -> list[Row]:
        due = [s for s in self._open if self._newest >= s + PERIOD_S + LAG_S]
        return [row for start in due for row in self.rows(start, self._open.pop(start))]

    def drain(self) -> list[Row]:
        """Take out what is left, at the end."""
        self._newest = max(self._open) + PERIOD_S + LAG_S
        return self.take_due()


class BarBuckets(Buckets):
    """Open, high, low, close and volume per symbol."""

    upsert = """
    INSERT INTO original_bars VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (symbol, opened_at) DO UPDATE SET
        open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low,
        close = EXCLUDED.close, volume = EXCLUDED.volume
    """

    def add(self, tick: Raw) -> None:
        symbol, price = tick["symbol"], tick["price"]
        traded = self.traded(symbol, tick["volume"])
        bucket = self.bucket_of(tick["ts"])
        bar = bucket.get(symbol)
        if bar is None:
            bucket[symbol] = {"o": price, "h": price, "l": price, "c": price}
            bucket[symbol]["v"] = traded
            return
        if price > bar["h"]:
            bar["h"] = price
        elif price < bar["l"]:
            bar["l"] = price
        bar["c"] = price
        bar["v"] += traded

    def rows(self, start: int, bucket: dict[Any, Raw]) -> Iterator[Row]:
        opened_at = _time(start)
        for symbol, bar in bucket.items():
            yield symbol, opened_at, bar["o"], bar["h"], bar["l"], bar["c"], bar["v"]


class StrikeBuckets(Buckets):
    """Per strike and side: average greeks, last price, depth, tick counters."""

    upsert = """
    INSERT INTO original_strike_bars VALUES
        ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    ON CONFLICT (expires_on, opened_at, strike, side) DO UPDATE SET
        close = EXCLUDED.close, volume = EXCLUDED.volume, oi = EXCLUDED.oi,
        ticks = EXCLUDED.ticks, iv = EXCLUDED.iv, delta = EXCLUDED.delta,
        gamma = EXCLUDED.gamma, theta = EXCLUDED.theta, vega = EXCLUDED.vega,
        bid = EXCLUDED.bid, ask = EXCLUDED.ask
    """

    def add(self, tick: Raw) -> None:
        key = (tick["expiry"], tick["strike"], tick["type"])
        traded = self.traded(key, tick["volume"])
        bucket = self.bucket_of(tick["ts"])
        side = bucket.get(key)
        if side is None:
            side = bucket[key] = dict.fromkeys((*GREEKS, "volume", "ticks"), 0)
        for greek in GREEKS:
            side[greek] += tick[greek]
        side["ticks"] += 1
        side["volume"] += traded
        side["close"], side["oi"] = tick["price"], tick["oi"]
        if depth := tick.get("depth"):
            side["bid"] = depth["buy"][0]["price"]
            side["ask"] = depth["sell"][0]["price"]

    def rows(self, start: int, bucket: dict[Any, Raw]) -> Iterator[Row]:
        opened_at = _time(start)
        for (expiry, strike, side_name), side in bucket.items():
            yield (
                datetime.date.fromisoformat(expiry),
                opened_at,
                strike,
                side_name,
                side["close"],
                side["volume"],
                side["oi"],
                side["ticks"],
                *(side[greek] / side["ticks"] for greek in GREEKS),
                side.get("bid"),
                side.get("ask"),
            )


def _time(epoch_s: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(epoch_s, datetime.UTC)
