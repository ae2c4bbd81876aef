"""Django's cache over our Redis clients: when Redis is away, it merely misses."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import orjson
from django.conf import settings
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tradingsite import redis

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")

Key = str | bytes | memoryview

SCAN_COUNT = 1000
BYTES = b"b:"


class PlainSerializer:
    """Keeps JSON values and bytes; what comes from Redis is never executed."""

    def dumps(self, value: Any) -> bytes | int:
        # A whole number stays bare, so that Redis can count it up.
        if type(value) is int:
            return value
        if isinstance(value, bytes):
            return BYTES + value
        return orjson.dumps(value)

    def loads(self, stored: bytes) -> Any:
        if stored.startswith(BYTES):
            return stored.removeprefix(BYTES)
        return orjson.loads(stored)


def soft(
    missing: Answer,
) -> Callable[[Callable[Parameters, Answer]], Callable[Parameters, Answer]]:
    """Answer ``missing`` when Redis cannot be reached."""

    def decorate(
        function: Callable[Parameters, Answer],
    ) -> Callable[Parameters, Answer]:
        @functools.wraps(function)
        def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
            try:
                return function(*args, **kwargs)
            except (RedisConnectionError, RedisTimeoutError):
                return missing

        return wrapper

    return decorate


class FactoryCacheClient(RedisCacheClient):
    """Sends the cache's commands through the clients of this process."""

    def get_client(self, key: Key | None = None, *, write: bool = False) -> Any:
        return redis.client()

    def get(self, key: Key, default: Any) -> Any:
        try:
            return super().get(key, default)
        except (RedisConnectionError, RedisTimeoutError):
            return default

    def incr(self, key: Key, delta: int) -> int:
        try:
            return int(super().incr(key, delta))
        except (RedisConnectionError, RedisTimeoutError) as error:
            # What the cache says of a key that it does not hold.
            raise ValueError(f"Key {key!r} not found.") from error

    add = soft(missing=False)(RedisCacheClient.add)
    set = soft(missing=None)(RedisCacheClient.set)
    touch = soft(missing=False)(RedisCacheClient.touch)
    delete = soft(missing=False)(RedisCacheClient.delete)
    has_key = soft(missing=False)(RedisCacheClient.has_key)
    set_many = soft(missing=None)(RedisCacheClient.set_many)
    delete_many = soft(missing=None)(RedisCacheClient.delete_many)

    def get_many(self, keys: Iterable[Key]) -> dict[Key, Any]:
        try:
            return super().get_many(list(keys))
        except (RedisConnectionError, RedisTimeoutError):
            return {}


class FactoryCache(RedisCache):
    """The cache that settings name; its keys share a server with much else."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server or settings.REDIS_URL, params)
        self.key_prefix = f"{settings.REDIS_PREFIX}:cache"
        self._class = FactoryCacheClient
        self._options = {"serializer": PlainSerializer}

    @soft(missing=None)
    def clear(self) -> None:
        """Forget the keys of this cache only: streams and queues live beside them."""
        client = redis.client()
        pattern = f"{self.key_prefix}:*"
        batch: list[bytes] = []
        for key in client.scan_iter(pattern, count=SCAN_COUNT):
            batch.append(key)
            if len(batch) == SCAN_COUNT:
                client.unlink(*batch)
                batch.clear()
        if batch:
            client.unlink(*batch)
