"""Candles of the ticker service's history, written as bars and as sides of strikes."""

from typing import Protocol

from django.db import transaction

from marketdata import partitions
from marketdata.bars import MINUTE_S
from marketdata.ingest.directory import contract_of
from marketdata.ingest.store import Store
from marketdata.models import DirtyBucket, Instrument, MinuteBar
from marketdata.strikes import ABSENT, Contract, Key, Side
from marketdata.ticker import Candle

REPLACED = [
    "open", "high", "low", "close", "volume", "open_interest", "source",
    "first_tick_at", "last_tick_at", "first_volume", "last_volume", "base_volume",
]  # fmt: skip


class Remembers(Protocol):
    """What filling needs of the ticker service."""

    def history(self, token: int, start: float, end: float) -> list[Candle]:
        """Return the finished minutes that opened from ``start`` to ``end``."""


def write(instrument: Instrument, candles: list[Candle]) -> int:
    """Replace minutes by what history says of them, and mark them dirty."""
    bars = [bar_of(instrument, candle) for candle in candles]
    if not bars:
        return 0
    with transaction.atomic():
        months = {partitions.month_of(bar.opened_at) for bar in bars}
        partitions.ensure("minute_bars", months)
        MinuteBar.objects.bulk_create(
            bars,
            update_conflicts=True,
            unique_fields=["instrument", "opened_at"],
            update_fields=REPLACED,
        )
        DirtyBucket.objects.mark(instrument.id, [bar.opened_at for bar in bars])
        if instrument.kind == Instrument.Kind.OPTION and instrument.underlying_id:
            write_sides(contract_of(instrument), candles)
    return len(bars)


def bar_of(instrument: Instrument, candle: Candle) -> MinuteBar:
    return MinuteBar(
        instrument=instrument,
        opened_at=candle.date,
        open=candle.open,
        high=candle.high,
        low=candle.low,
        close=candle.close,
        volume=candle.volume,
        open_interest=candle.oi,
        source=MinuteBar.Source.HISTORY,
    )


def write_sides(contract: Contract, candles: list[Candle]) -> None:
    """Write the side of a strike; the other side, and the book, stay as they are."""
    store = Store()
    sides = [(key_of(contract, candle), side_of(candle)) for candle in candles]
    store.write_strikes(
        store.cursor(),
        [
            (key, side, ABSENT) if contract.is_call else (key, ABSENT, side)
            for key, side in sides
        ],
    )


def key_of(contract: Contract, candle: Candle) -> Key:
    opened_at = int(candle.date.timestamp())
    return contract.underlying_id, contract.expires_on, opened_at, contract.strike


def side_of(candle: Candle) -> Side:
    """Return the side at the end of the minute.

    A history that knows no volatility must not take ours away: without one there is
    no time for it, and IV and greeks stay as they are.
    """
    ended_at = candle.date.timestamp() + MINUTE_S
    return Side(
        last_tick_at=ended_at if candle.iv else None,
        close=candle.close,
        volume=candle.volume,
        open_interest=candle.oi,
        iv=candle.iv or None,
        delta=candle.delta,
        gamma=candle.gamma,
        theta=candle.theta,
        vega=candle.vega,
    )
