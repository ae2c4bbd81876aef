"""Redis clients: short waits, one retry, a breaker, a cache that merely misses."""

import asyncio
import time
from collections.abc import Callable

import pytest
import redis as plain_redis
from django.core.cache import cache
from pytest_django.fixtures import Settings
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tradingsite import redis
from tradingsite.breaker import State
from tradingsite.embedded import ValkeyServer
from tradingsite.redis.channels import channel_host
from tradingsite.redis.clients import Address, make_pool


def took_s(ask: Callable[[], object]) -> float:
    started_at = time.monotonic()
    with pytest.raises(RedisError):
        ask()
    return time.monotonic() - started_at


# A wait is half a second. These leave room for busy cores, and none for a second wait
# or for a first one.
ONE_WAIT_S = 0.95
NO_WAIT_S = 0.3


@pytest.fixture
def valkey(own_valkey: ValkeyServer, settings: Settings) -> ValkeyServer:
    settings.REDIS_URL = own_valkey.url
    return own_valkey


@pytest.mark.own_server
@pytest.mark.chaos
def test_a_hung_server_costs_half_a_second_once(valkey: ValkeyServer):
    client = redis.client()
    client.ping()
    valkey.freeze()

    first_s = took_s(client.ping)
    later_s = [took_s(client.ping) for _ in range(20)]

    valkey.thaw()
    assert 0.3 < first_s < ONE_WAIT_S
    assert max(later_s) < NO_WAIT_S


@pytest.mark.own_server
@pytest.mark.chaos
def test_control_a_plain_client_waits_at_every_command(valkey: ValkeyServer):
    client = plain_redis.Redis.from_url(valkey.url, socket_timeout=0.5)
    client.ping()
    valkey.freeze()

    waits_s = [took_s(client.ping) for _ in range(4)]

    valkey.thaw()
    client.close()
    assert min(waits_s) > 0.4


@pytest.mark.own_server
@pytest.mark.chaos
def test_it_is_asked_again_when_it_is_back(valkey: ValkeyServer):
    client = redis.client()
    valkey.freeze()
    took_s(client.ping)
    valkey.thaw()
    with pytest.raises(redis.RedisUnavailable):
        client.ping()

    time.sleep(redis.clients().breaker().limits.open_s + 0.05)

    assert client.ping()
    assert redis.clients().breaker().state is State.CLOSED


@pytest.mark.own_server
@pytest.mark.chaos
def test_a_restarted_server_is_found_by_the_one_retry(valkey: ValkeyServer):
    client = redis.client()
    client.set("kept", "before")
    valkey.stop()
    valkey.start()
    assert client.ping()
    assert redis.clients().breaker().state is State.CLOSED


@pytest.mark.own_server
@pytest.mark.chaos
async def test_the_async_client_waits_no_longer(valkey: ValkeyServer):
    client = redis.async_client()
    await client.ping()
    valkey.freeze()
    started_at = time.monotonic()
    with pytest.raises(RedisTimeoutError):
        await client.ping()
    first_s = time.monotonic() - started_at
    pipeline = client.pipeline()
    pipeline.get("a")
    with pytest.raises(redis.RedisUnavailable):
        await pipeline.execute()
    valkey.thaw()
    await redis.close_async()
    assert first_s < ONE_WAIT_S


@pytest.mark.own_server
@pytest.mark.chaos
def test_a_pipeline_waits_no_longer(valkey: ValkeyServer):
    client = redis.client()
    client.ping()
    valkey.freeze()
    pipeline = client.pipeline()
    pipeline.get("a")
    first_s = took_s(pipeline.execute)
    pipeline.get("a")
    later_s = took_s(pipeline.execute)
    valkey.thaw()
    assert first_s < ONE_WAIT_S
    assert later_s < NO_WAIT_S


@pytest.mark.own_server
@pytest.mark.chaos
def test_the_cache_misses_while_redis_is_away(valkey: ValkeyServer):
    cache.set("known", {"price": 1.5}, 60)
    valkey.freeze()

    started_at = time.monotonic()
    assert cache.get("known", "missed") == "missed"
    assert cache.get_many(["known"]) == {}
    assert cache.add("other", 1) is False
    cache.set("other", 2)
    cache.delete("other")
    cache.clear()
    with pytest.raises(ValueError, match="not found"):
        cache.incr("known")
    took = time.monotonic() - started_at

    valkey.thaw()
    assert took < ONE_WAIT_S


def test_the_cache_gives_back_what_it_was_given():
    cache.set_many({"bytes": b"\x00\xff", "list": [1, None, 2.5], "number": 7}, 60)
    assert cache.get_many(["bytes", "list", "number"]) == {
        "bytes": b"\x00\xff",
        "list": [1, None, 2.5],
        "number": 7,
    }
    assert cache.incr("number") == 8
    cache.clear()


def test_clearing_the_cache_leaves_streams_and_queues_alone(settings: Settings):
    neighbour = f"{settings.REDIS_PREFIX}:queue"
    redis.client().set(neighbour, "task", ex=60)
    cache.set("mine", 1, 60)

    cache.clear()

    assert cache.get("mine") is None
    assert redis.client().get(neighbour) == b"task"


def test_a_blocking_read_may_be_silent_without_harm(settings: Settings):
    stream = f"{settings.REDIS_PREFIX}:silent"
    started_at = time.monotonic()
    answer = redis.blocking_client(0.7).xread({stream: "$"}, block=700)
    assert not answer
    assert time.monotonic() - started_at > 0.6
    assert redis.client().ping()


def test_each_event_loop_has_a_client_of_its_own():
    async def ping() -> int:
        client = redis.async_client()
        assert client is redis.async_client()
        await client.ping()
        await redis.close_async()
        return id(client)

    assert asyncio.run(ping())
    assert asyncio.run(ping())


def test_sentinels_are_asked_with_short_time_limits():
    address = Address(
        "redis://:pw@ignored/3", ("127.0.0.1:1", "127.0.0.1:2"), "mymaster"
    )
    pool = make_pool(address, {})
    asked = pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs
    assert asked["socket_timeout"] == 0.5
    assert pool.connection_kwargs["db"] == 3
    assert pool.connection_kwargs["password"] == "pw"
    assert channel_host("", ["127.0.0.1:1"], "mymaster")["sentinels"] == [
        ("127.0.0.1", 1)
    ]
