from pathlib import Path

import pytest
import redis

from tradingsite.embedded import EmbeddedError, ValkeyServer
from tradingsite.embedded.footprints import Footprint, command_line

pytestmark = pytest.mark.own_server


def connect(server: ValkeyServer) -> redis.Redis:
    return redis.Redis.from_url(server.url, socket_timeout=2)


@pytest.mark.chaos
def test_a_durable_server_keeps_its_data_when_it_is_stopped(server_folder: Path):
    first = ValkeyServer(server_folder / "valkey")
    first.start()
    with connect(first) as client:
        client.set("kept", "yes")
    first.stop()
    second = ValkeyServer(server_folder / "valkey")

    second.start()

    with connect(second) as client:
        assert client.get("kept") == b"yes"
    second.stop()


@pytest.mark.chaos
def test_a_killed_server_starts_again_at_the_same_address(own_valkey: ValkeyServer):
    url = own_valkey.url

    own_valkey.kill()
    own_valkey.start()

    assert own_valkey.url == url
    with connect(own_valkey) as client:
        assert client.ping()


@pytest.mark.chaos
def test_a_frozen_server_answers_again_when_thawed(own_valkey: ValkeyServer):
    own_valkey.freeze()
    assert not own_valkey.is_ready()

    own_valkey.thaw()

    assert own_valkey.is_ready()


@pytest.mark.chaos
def test_an_orphan_is_stopped_and_replaced(own_valkey: ValkeyServer):
    orphan = Footprint.of(own_valkey.pid)
    assert orphan is not None
    heir = ValkeyServer(own_valkey.folder, durable=False)

    heir.start()

    assert not orphan.is_alive()
    assert heir.is_ready()
    heir.stop()


def test_without_the_password_nothing_is_answered(own_valkey: ValkeyServer):
    with (
        redis.Redis(port=own_valkey.port, socket_timeout=2) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.get("anything")


def test_the_password_stands_in_no_process_list(own_valkey: ValkeyServer):
    password = own_valkey.url.split(":")[2].partition("@")[0]

    assert password not in command_line(own_valkey.pid)
    settings = own_valkey.folder / "valkey.conf"
    assert settings.stat().st_mode & 0o777 == 0o600


def test_nothing_is_evicted_to_make_room(own_valkey: ValkeyServer):
    with connect(own_valkey) as client:
        policy = client.config_get("maxmemory-policy")

    assert policy == {"maxmemory-policy": "noeviction"}


def test_a_taken_port_is_one_sentence(own_valkey: ValkeyServer, server_folder: Path):
    second = ValkeyServer(server_folder / "second", port=own_valkey.port, durable=False)

    with pytest.raises(EmbeddedError, match=f"port {own_valkey.port} .* is taken"):
        second.start()
