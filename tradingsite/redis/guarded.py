"""Redis clients that ask the breaker of their server before each command."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import redis
import redis.asyncio
import redis.asyncio.client
import redis.client
from redis.exceptions import ConnectionError as RedisConnectionError

from tradingsite.breaker import BreakerOpen, CircuitBreaker, Permit

Answer = TypeVar("Answer")


class RedisUnavailable(RedisConnectionError):  # noqa: N818 - the name callers agreed on
    """Tells that Redis is skipped for a moment because it did not answer."""


def permit_of(breaker: CircuitBreaker) -> Permit:
    """Return the permit for one command, unless Redis is being skipped."""
    try:
        return breaker.guard()
    except BreakerOpen as error:
        raise RedisUnavailable(str(error)) from error


def guarded(breaker: CircuitBreaker, run: Callable[[], Answer]) -> Answer:
    """Return the answer of ``run``, unless Redis is being skipped."""
    with permit_of(breaker):
        return run()


async def guarded_async(
    breaker: CircuitBreaker, run: Callable[[], Awaitable[Answer]]
) -> Answer:
    """Return the answer of ``run``, unless Redis is being skipped."""
    with permit_of(breaker):
        return await run()


class GuardedPipeline(redis.client.Pipeline):
    """Sends many commands at once, through the breaker."""

    breaker: CircuitBreaker

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's signature
        run: Callable[..., Any] = super().execute
        return guarded(self.breaker, lambda: run(raise_on_error))

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        run: Callable[..., Any] = super().immediate_execute_command
        return guarded(self.breaker, lambda: run(*args, **options))


class GuardedClient(redis.Redis):
    """Sends each command through the breaker of its server."""

    breaker: CircuitBreaker

    def execute_command(self, *args: Any, **options: Any) -> Any:
        run: Callable[..., Any] = super().execute_command
        return guarded(self.breaker, lambda: run(*args, **options))

    def pipeline(
        self,
        transaction: bool = True,  # noqa: FBT001, FBT002 - redis-py's signature
        shard_hint: Any = None,
    ) -> GuardedPipeline:
        pipeline = GuardedPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )
        pipeline.breaker = self.breaker
        return pipeline


class GuardedAsyncPipeline(redis.asyncio.client.Pipeline):
    """Sends many commands at once, through the breaker."""

    breaker: CircuitBreaker

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's signature
        run: Callable[..., Any] = super().execute
        return await guarded_async(self.breaker, lambda: run(raise_on_error))

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        run: Callable[..., Any] = super().immediate_execute_command
        return await guarded_async(self.breaker, lambda: run(*args, **options))


class GuardedAsyncClient(redis.asyncio.Redis):
    """Sends each command through the breaker of its server."""

    breaker: CircuitBreaker

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        run: Callable[..., Any] = super().execute_command
        return await guarded_async(self.breaker, lambda: run(*args, **options))

    def pipeline(
        self,
        transaction: bool = True,  # noqa: FBT001, FBT002 - redis-py's signature
        shard_hint: Any = None,
    ) -> GuardedAsyncPipeline:
        pipeline = GuardedAsyncPipeline(
            self.connection_pool, self.response_callbacks, transaction, shard_hint
        )
        pipeline.breaker = self.breaker
        return pipeline
