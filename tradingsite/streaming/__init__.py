"""Streams to clients: a hub per web process, and a sender per socket.

``publish(topic, event, key=…)`` tells the hubs of all processes; the copy that
matters stands in PostgreSQL (``journal``) or in the shared cache, so what is lost on
the way is found again. ``docs/streams.md`` describes what goes over a socket.
"""

from tradingsite.streaming.publishing import publish, publish_all

__all__ = ["publish", "publish_all"]
