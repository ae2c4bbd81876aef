"""The addresses of the market's streams."""

from typing import Any

from django.urls import path

from marketdata.consumers import LABELS, MONITOR, OPTIONS, QUOTES
from tradingsite.streaming.consumer import StreamConsumer
from tradingsite.streaming.seat import Stream


def _socket(feed: Stream) -> Any:
    # Typed loosely: Channels' consumers are no views to whoever types ``path``.
    return StreamConsumer.as_asgi(feeds=(feed,))


sockets = [
    path("ws/quotes", _socket(QUOTES)),
    path("ws/labels", _socket(LABELS)),
    path("ws/options", _socket(OPTIONS)),
    path("ws/monitor", _socket(MONITOR)),
]
