"""Makes and keeps the Redis clients of one process."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import redis
import redis.asyncio
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.retry
import redis.sentinel
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError, WatchError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tradingsite.breaker import CircuitBreaker, Limits
from tradingsite.redis.guarded import GuardedAsyncClient, GuardedClient
from tradingsite.redis.subscribing import Subscription

TIMEOUT_S = 0.5
HEALTH_CHECK_S = 30
# How much later than the server a client gives up a command that blocks.
BLOCKING_MARGIN_S = 1.0

LIMITS = Limits(
    minimum_calls=20,
    open_s=1.0,
    opened_by=(RedisTimeoutError, RedisConnectionError),
    ignored=(ResponseError, WatchError),
)


@dataclass(frozen=True)
class Address:
    """Where Redis is: a URL, or the sentinels that know the master of the moment."""

    url: str
    sentinels: tuple[str, ...]
    master: str

    @classmethod
    def from_settings(cls) -> "Address":
        return cls(
            settings.REDIS_URL,
            tuple(settings.REDIS_SENTINELS),
            settings.REDIS_SENTINEL_MASTER,
        )

    def sentinel_hosts(self) -> list[tuple[str, int]]:
        pairs = (text.rpartition(":") for text in self.sentinels)
        return [(host, int(port)) for host, _, port in pairs]


def connection_options(timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return what every connection is told; the defaults would wait for minutes."""
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": TIMEOUT_S,
        "health_check_interval": HEALTH_CHECK_S,
        "client_name": f"{settings.REDIS_PREFIX}-{settings.PROCESS_KIND}".replace(
            " ", "-"
        ),
        "decode_responses": False,
        # The shapes of answers that all versions of redis-py agree on.
        "protocol": 2,
    }


def retry_once(kind: type[Any]) -> Any:
    """Return a retry for a connection that went stale, never after a time-out."""
    return kind(NoBackoff(), 1, supported_errors=(RedisConnectionError,))


def sentinel_options() -> dict[str, Any]:
    """Return the time limits of the questions put to the sentinels."""
    return {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}


def url_options(url: str) -> dict[str, Any]:
    """Return the user, password and database that ``url`` names."""
    wanted = {"username", "password", "db"}
    options = redis.connection.parse_url(url) if url else {}
    return {name: value for name, value in options.items() if name in wanted}


class MasterConnection(redis.sentinel.SentinelManagedConnection):
    """A connection to the master that is closed when an answer does not come in time.

    redis-py keeps such a one in its pool, since it is told not to try again after a
    time-out: every later command would wait at the server that hangs, and never learn
    that another is the master by now.
    """

    def read_response(self, *args: Any, **options: Any) -> Any:
        return super().read_response(*args, **{"disconnect_on_error": True} | options)


def make_pool(address: Address, options: dict[str, Any]) -> redis.ConnectionPool:
    """Return the connections to ``address`` for threads."""
    options |= {"retry": retry_once(redis.retry.Retry)}
    if not address.sentinels:
        return redis.ConnectionPool.from_url(address.url, **options)
    sentinel = redis.sentinel.Sentinel(
        address.sentinel_hosts(), sentinel_kwargs=sentinel_options()
    )
    return redis.sentinel.SentinelConnectionPool(
        address.master,
        sentinel,
        connection_class=MasterConnection,
        **options,
        **url_options(address.url),
    )


def make_async_pool(
    address: Address, options: dict[str, Any]
) -> redis.asyncio.ConnectionPool:
    """Return the connections to ``address`` for one event loop."""
    options |= {"retry": retry_once(redis.asyncio.retry.Retry)}
    if not address.sentinels:
        return redis.asyncio.ConnectionPool.from_url(address.url, **options)
    sentinel = redis.asyncio.sentinel.Sentinel(
        address.sentinel_hosts(), sentinel_kwargs=sentinel_options()
    )
    return redis.asyncio.sentinel.SentinelConnectionPool(
        address.master, sentinel, **options, **url_options(address.url)
    )


class Clients:
    """Keeps one client per address, purpose and event loop, and their breakers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._breakers: dict[Address, CircuitBreaker] = {}
        self._sync: dict[tuple[Address, float], redis.Redis] = {}
        self._async: WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[Address, GuardedAsyncClient]
        ] = WeakKeyDictionary()

    def sync(self) -> redis.Redis:
        address = Address.from_settings()
        known = self._sync.get((address, TIMEOUT_S))
        return known or self._keep(address, TIMEOUT_S, self._make_guarded)

    def blocking(self, timeout_s: float) -> redis.Redis:
        address = Address.from_settings()
        limit_s = timeout_s + BLOCKING_MARGIN_S
        known = self._sync.get((address, limit_s))
        return known or self._keep(address, limit_s, self._make_blocking)

    def of_running_loop(self) -> GuardedAsyncClient:
        address = Address.from_settings()
        with self._lock:
            clients = self._async.setdefault(asyncio.get_running_loop(), {})
            if address not in clients:
                pool = make_async_pool(address, connection_options())
                clients[address] = GuardedAsyncClient(connection_pool=pool)
                clients[address].breaker = self._breaker(address)
            return clients[address]

    def subscription(self) -> Subscription:
        return Subscription(
            make_async_pool(Address.from_settings(), connection_options())
        )

    async def close_running_loop(self) -> None:
        with self._lock:
            clients = self._async.pop(asyncio.get_running_loop(), {})
        for client in clients.values():
            await client.aclose(close_connection_pool=True)

    def breaker(self) -> CircuitBreaker:
        """Return the breaker of the present address."""
        with self._lock:
            return self._breaker(Address.from_settings())

    def _keep(
        self,
        address: Address,
        limit_s: float,
        make: Callable[[Address, float], redis.Redis],
    ) -> redis.Redis:
        with self._lock:
            key = (address, limit_s)
            if key not in self._sync:
                self._sync[key] = make(address, limit_s)
            return self._sync[key]

    def _make_guarded(self, address: Address, limit_s: float) -> redis.Redis:
        pool = make_pool(address, connection_options(limit_s))
        client = GuardedClient(connection_pool=pool)
        client.breaker = self._breaker(address)
        return client

    def _make_blocking(self, address: Address, limit_s: float) -> redis.Redis:
        return redis.Redis(
            connection_pool=make_pool(address, connection_options(limit_s))
        )

    def _breaker(self, address: Address) -> CircuitBreaker:
        return self._breakers.setdefault(address, CircuitBreaker("redis", LIMITS))
