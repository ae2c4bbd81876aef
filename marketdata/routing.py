"""The addresses of the market's streams."""

from typing import Any

from django.urls import path

from marketdata.consumers import LABELS, QUOTES
from tradingsite.streaming.consumer import StreamConsumer

# Typed loosely: Channels' consumers are no views to whoever types ``path``.
_quotes: Any = StreamConsumer.as_asgi(feeds=(QUOTES,))
_labels: Any = StreamConsumer.as_asgi(feeds=(LABELS,))

sockets = [path("ws/quotes", _quotes), path("ws/labels", _labels)]
