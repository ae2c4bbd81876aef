"""The addresses of the streams of orders."""

from typing import Any

from django.urls import path

from orders.consumers import ORDERS
from tradingsite.streaming.consumer import StreamConsumer

# Typed loosely: Channels' consumers are no views to whoever types ``path``.
_orders: Any = StreamConsumer.as_asgi(feeds=(ORDERS,))

sockets = [path("ws/orders/<slug:account>", _orders)]
