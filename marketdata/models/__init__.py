"""The tables of the market: instruments, calendar, bars, and the ingestor's notes."""

from marketdata.models.bars import FuturesBar, MinuteBar, StrikeBar
from marketdata.models.calendar import (
    Exchange,
    Holiday,
    SeedRecord,
    SessionHours,
    SessionPhase,
    SettlementHoliday,
)
from marketdata.models.contracts import (
    BrokerToken,
    ContractTerms,
    FreezeQuantity,
    LotSize,
)
from marketdata.models.expiries import ContractExpiry, ExpiryRule
from marketdata.models.gaps import CallPace, SessionGap
from marketdata.models.ingest import (
    BarGap,
    DirtyBucket,
    QuarantinedTick,
    ShardPosition,
)
from marketdata.models.instruments import Instrument
from marketdata.models.labels import Label
from marketdata.models.listings import InstrumentList, QuarantinedListing
from marketdata.models.rollups import (
    IntradayBar,
    IntradayStrikeBar,
    LongerBar,
    LongerStrikeBar,
)
from marketdata.models.serving import BarDay, DayFragment, MarketVersion
from marketdata.models.subscriptions import (
    Mode,
    SubscriptionSession,
    TickerSubscription,
    Want,
)

__all__ = [
    "BarDay",
    "BarGap",
    "BrokerToken",
    "CallPace",
    "ContractExpiry",
    "ContractTerms",
    "DayFragment",
    "DirtyBucket",
    "Exchange",
    "ExpiryRule",
    "FreezeQuantity",
    "FuturesBar",
    "Holiday",
    "Instrument",
    "InstrumentList",
    "IntradayBar",
    "IntradayStrikeBar",
    "Label",
    "LongerBar",
    "LongerStrikeBar",
    "LotSize",
    "MarketVersion",
    "MinuteBar",
    "Mode",
    "QuarantinedListing",
    "QuarantinedTick",
    "SeedRecord",
    "SessionGap",
    "SessionHours",
    "SessionPhase",
    "SettlementHoliday",
    "ShardPosition",
    "StrikeBar",
    "SubscriptionSession",
    "TickerSubscription",
    "Want",
]
