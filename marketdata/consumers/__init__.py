"""What a socket may follow of the market: the feeds behind ``/ws/…``."""

from marketdata.consumers.labels import LABELS
from marketdata.consumers.monitor import MONITOR
from marketdata.consumers.options import OPTIONS
from marketdata.consumers.quotes import QUOTES

__all__ = ["LABELS", "MONITOR", "OPTIONS", "QUOTES"]
