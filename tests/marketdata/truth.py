"""Bars made again from all ticks by the plainest means, to compare ours with."""

import datetime
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import connection

IST = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
Bars = dict[tuple[str, int], tuple[Any, ...]]


def read_truth(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert not any(line.get("unknown") for line in lines), (
        "the fate of a tick is unknown"
    )
    return [line["tick"] for line in lines]


def name_of(tick: dict[str, Any]) -> str:
    return str(tick.get("tradingsymbol") or tick["symbol"])


def time_of(tick: dict[str, Any]) -> float:
    return float(tick.get("ts") or tick["timestamp"])


def ist_day(second: float) -> datetime.date:
    return datetime.datetime.fromtimestamp(second, IST).date()


def true_bars(ticks: Iterable[dict[str, Any]], *, opens_at_s: int = 0) -> Bars:
    """Return open, high, low, close, volume, open interest by symbol and minute.

    ``opens_at_s`` is when the market opens, in seconds after midnight in India.
    """
    minutes: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for tick in ticks:
        minutes[name_of(tick), int(time_of(tick) // 60) * 60].append(tick)
    bars: Bars = {}
    before: dict[str, tuple[datetime.date, int]] = {}
    for (name, minute), found in sorted(minutes.items()):
        found.sort(key=time_of)
        prices = [tick.get("price") or tick["last_price"] for tick in found]
        first, last = found[0]["volume"], found[-1]["volume"]
        day, base = before.get(name, (None, 0))
        if day != ist_day(minute):
            since_midnight = (minute + 19_800) % 86_400
            base = 0 if since_midnight <= opens_at_s else first
        before[name] = ist_day(minute), last
        volume = last - base if last >= base else last
        bars[name, minute] = (
            prices[0], max(prices), min(prices), prices[-1], volume,
            found[-1].get("oi"),
        )  # fmt: skip
    return bars


def stored_bars(exchange: str) -> Bars:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT instrument.symbol, extract(epoch from opened_at)::bigint,
                   open, high, low, close, volume, open_interest
              FROM minute_bars bar
              JOIN marketdata_instrument instrument
                ON instrument.id = bar.instrument_id
             WHERE instrument.exchange_id = %s
            """,
            [exchange],
        )
        return {(row[0], row[1]): row[2:] for row in cursor}


def differences(expected: Bars, found: Bars) -> list[str]:
    keys = sorted(expected.keys() | found.keys())
    return [
        f"{key}: expected {expected.get(key)}, found {found.get(key)}"
        for key in keys
        if expected.get(key) != found.get(key)
    ]
