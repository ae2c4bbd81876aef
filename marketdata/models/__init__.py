"""The tables of the market: instruments, calendar, bars, and the ingestor's notes."""

from marketdata.models.bars import FuturesBar, MinuteBar, StrikeBar
from marketdata.models.calendar import Exchange, Holiday, SessionHours
from marketdata.models.ingest import (
    BarGap,
    DirtyBucket,
    QuarantinedTick,
    ShardPosition,
)
from marketdata.models.instruments import Instrument

__all__ = [
    "BarGap",
    "DirtyBucket",
    "Exchange",
    "FuturesBar",
    "Holiday",
    "Instrument",
    "MinuteBar",
    "QuarantinedTick",
    "SessionHours",
    "ShardPosition",
    "StrikeBar",
]
