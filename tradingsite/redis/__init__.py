"""The only maker of Redis clients: short time limits, one retry, a breaker.

``client()`` and ``async_client()`` answer within half a second or raise; after a
time-out Redis is skipped for a second (``RedisUnavailable`` at once), so that a
request waits once, not at every command. A command that blocks on purpose (XREAD
BLOCK, Pub/Sub) belongs to ``blocking_client(timeout_s)``, whose connections are
its own and whose silence is no failure; ``subscription()`` is a connection that hears
what is published, and says when it broke.

Clients are made from the settings at the call and kept per address, by the app's
configuration: nothing here changes after import.
"""

from typing import TYPE_CHECKING, cast

import redis
import redis.asyncio
from django.apps import apps

from tradingsite.redis.clients import Clients
from tradingsite.redis.guarded import RedisUnavailable
from tradingsite.redis.subscribing import Subscription

if TYPE_CHECKING:
    from tradingsite.apps import TradingsiteConfig

__all__ = [
    "RedisUnavailable",
    "async_client",
    "blocking_client",
    "client",
    "clients",
    "close_async",
    "subscription",
]


def clients() -> Clients:
    """Return the clients of this process."""
    return cast("TradingsiteConfig", apps.get_app_config("tradingsite")).redis


def client() -> redis.Redis:
    """Return the client for commands that answer at once."""
    return clients().sync()


def async_client() -> redis.asyncio.Redis:
    """Return the client of the running event loop."""
    return clients().of_running_loop()


def blocking_client(timeout_s: float) -> redis.Redis:
    """Return a client for commands that wait up to ``timeout_s`` at the server."""
    return clients().blocking(timeout_s)


def subscription() -> Subscription:
    """Return a connection that hears what is published, for one ``async with``."""
    return clients().subscription()


async def close_async() -> None:
    """Close what the running event loop opened; call it before the loop ends."""
    await clients().close_running_loop()
