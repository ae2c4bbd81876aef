"""The option chain of an underlying: as it stands, as it stood, and over time."""

from marketdata.chain.contracts import (
    ChainExpiry,
    UnknownExpiryError,
    expiries_of,
    expiry_called,
)
from marketdata.chain.metrics import Metrics
from marketdata.chain.snapshot import Chain, OptionSide, Strike, snapshot
from marketdata.chain.valuing import Origin

__all__ = [
    "Chain",
    "ChainExpiry",
    "Metrics",
    "OptionSide",
    "Origin",
    "Strike",
    "UnknownExpiryError",
    "expiries_of",
    "expiry_called",
    "snapshot",
]
