"""The addresses of the streams of accounts."""

from typing import Any

from django.urls import path

from accounts.consumers import POSITIONS
from tradingsite.streaming.consumer import StreamConsumer

# Typed loosely: Channels' consumers are no views to whoever types ``path``.
_positions: Any = StreamConsumer.as_asgi(feeds=(POSITIONS,))

sockets = [path("ws/positions/<slug:account>", _positions)]
