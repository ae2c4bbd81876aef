"""Streams when Redis dies, hangs or comes back empty, and when clients do not read."""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import AsyncIterator
from typing import Self

import pytest
from pytest_django.fixtures import Settings

from marketdata import quotes
from marketdata.bars import Bar
from marketdata.models import Instrument
from tests.accounts.builders import make_key, make_user
from tests.marketdata.builders import make_instrument, make_minutes
from tests.sockets import CONTROL, Site, Talk, bearer, in_thread, running_site, talking
from tradingsite import streaming
from tradingsite.embedded import ValkeyServer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.own_server,
    pytest.mark.chaos,
]

ESTABLISHED = 1
AT = 1_796_000_000.0
# Who follow and then read nothing any more.
CLIENTS = 1000


@pytest.fixture
def valkey(own_valkey: ValkeyServer, settings: Settings) -> ValkeyServer:
    settings.REDIS_URL = own_valkey.url
    return own_valkey


@pytest.fixture
def acme(transactional_db: None) -> Instrument:
    return make_instrument("ACME")


@pytest.fixture
def header(transactional_db: None) -> str:
    return bearer(make_key(make_user("alice"), scopes=["read:market"]).text)


def tell(instrument: Instrument, price: float) -> None:
    quotes.remember([Bar(instrument.pk, int(AT), price, price, price, price, AT, AT)])


async def price_of(talk: Talk, *kinds: str) -> float:
    message = await talk.hear(*(kinds or ("update",)))
    price: float = message["data"]["price"]
    return price


@contextlib.asynccontextmanager
async def following(site: Site, header: str) -> AsyncIterator[Talk]:
    async with talking(site, Authorization=header) as talk:
        await talk.follow("NSE:ACME")
        yield talk


async def test_a_killed_valkey_is_said_and_what_was_missed_is_found(
    valkey: ValkeyServer, acme: Instrument, header: str
):
    await in_thread(tell, acme, 1.0)
    with running_site(REDIS_URL=valkey.url) as site:
        async with following(site, header) as talk:
            await in_thread(tell, acme, 2.0)
            assert await price_of(talk) == 2.0
            await in_thread(valkey.kill)
            assert (await talk.hear("stale"))["stream"] == "quotes"
            await in_thread(valkey.start)
            await heard_again(talk, acme)


async def heard_again(talk: Talk, acme: Instrument) -> None:
    """Tell prices until one is heard: the connection comes back in a while."""
    heard = asyncio.create_task(talk.hear("update"))
    price = 10.0
    while not heard.done():
        price += 1
        await in_thread(tell, acme, price)
        await asyncio.wait({heard}, timeout=0.2)
    assert heard.result()["data"]["price"] > 10


async def test_a_frozen_valkey_is_noticed_and_what_was_missed_is_found(
    valkey: ValkeyServer, acme: Instrument, header: str
):
    await in_thread(tell, acme, 1.0)
    with running_site(REDIS_URL=valkey.url) as site:
        async with following(site, header) as talk:
            valkey.freeze()
            began = time.monotonic()
            await talk.hear("stale")
            assert time.monotonic() - began < 8
            await in_thread(valkey.thaw)
            await heard_again(talk, acme)


async def test_what_was_written_while_nothing_was_heard_is_sent(
    valkey: ValkeyServer, acme: Instrument, header: str
):
    await in_thread(tell, acme, 1.0)
    with running_site(REDIS_URL=valkey.url) as site:
        async with following(site, header) as talk:
            await in_thread(valkey.kill)
            await talk.hear("stale")
            await in_thread(make_minutes, acme, "2026-11-20 10:00", 1)
            # It comes back empty, and nobody publishes: only a look finds the bar.
            await in_thread(valkey.start)
            assert await price_of(talk) == 100.0


async def test_control_the_core_layer_stays_deaf_after_a_restart(
    valkey: ValkeyServer, transactional_db: None
):
    application = "tests.tradingsite.deaf_site:application"
    with running_site(application, REDIS_URL=valkey.url) as site:
        async with talking(site, CONTROL) as talk:
            await talk.hear("joined")
            await talk.say("tell", n=1)
            assert (await talk.hear("told"))["n"] == 1
            await in_thread(valkey.kill)
            await in_thread(valkey.start)
            for number in range(2, 12):
                await talk.say("tell", n=number)
                await talk.hear("done")
            heard = asyncio.create_task(talk.hear("told"))
            _, silent = await asyncio.wait({heard}, timeout=1)
            assert silent, "the control heard what it should not"
            heard.cancel()


class NeverReads:
    """A client that follows and then reads nothing any more."""

    def __init__(self, site: Site, header: str, address: str) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.bind((address, 0))
        self.socket.connect(("127.0.0.1", site.port))
        self.socket.sendall(
            (
                "GET /ws/quotes HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                f"Authorization: {header}\r\n\r\n"
            ).encode()
        )
        text = b'{"type":"subscribe","keys":["NSE:ACME"]}'
        self.socket.sendall(bytes((0x81, 0x80 | len(text))) + b"\0\0\0\0" + text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def is_cut(self) -> bool:
        """Tell whether the server has ended it, without reading what it sent."""
        info = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        return info[0] != ESTABLISHED


def tell_much(instrument: Instrument, first: int, count: int) -> None:
    """Publish values so large that a client that does not read is soon full."""
    for number in range(first, first + count):
        value = {"price": float(number), "padding": "x" * 20_000}
        streaming.publish("quotes", value, key=str(instrument.pk))


async def test_clients_that_never_read_are_cut_and_harm_nobody(
    valkey: ValkeyServer, acme: Instrument, header: str
):
    with (
        contextlib.ExitStack() as stack,
        running_site(REDIS_URL=valkey.url, SOCKETS_PER_ACCOUNT="2000") as site,
    ):
        async with following(site, header) as healthy:
            before_kib = site.resident_kib()
            lazy = [
                stack.enter_context(NeverReads(site, header, f"127.0.5.{n // 10}"))
                for n in range(CLIENTS)
            ]
            for number in range(100):
                await in_thread(tell_much, acme, number, 1)
                assert await price_of(healthy) == number
            grown_kib = site.resident_kib() - before_kib
            deadline = time.monotonic() + 30
            while not all(client.is_cut() for client in lazy):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            await in_thread(tell, acme, 1000.0)
            assert await price_of(healthy) == 1000.0
    assert grown_kib < CLIENTS * 256


async def test_a_slow_client_skips_to_the_newest(
    valkey: ValkeyServer, acme: Instrument, header: str
):
    with running_site(REDIS_URL=valkey.url) as site:
        async with following(site, header) as talk:
            # Its own queue is full after 16 frames; then nothing is read any more.
            await in_thread(tell_much, acme, 0, 600)
            prices = [await price_of(talk)]
            while prices[-1] != 599.0:
                prices.append(await price_of(talk))
    assert prices == sorted(prices)
    assert len(prices) < 600


async def test_on_sigterm_everybody_is_sent_to_another_process(
    valkey: ValkeyServer, acme: Instrument, header: str
):
    await in_thread(tell, acme, 1.0)
    with (
        running_site(REDIS_URL=valkey.url) as first,
        running_site(REDIS_URL=valkey.url) as second,
    ):
        async with following(first, header) as talk, following(second, header) as other:
            await in_thread(tell, acme, 2.0)
            assert [await price_of(one) for one in (talk, other)] == [2.0, 2.0]
            first.process.send_signal(signal.SIGTERM)
            bye = await talk.hear("bye")
            assert (await talk.end())[0] == 1012
            await in_thread(tell, acme, 3.0)
            assert await price_of(other) == 3.0
        assert await in_thread(first.process.wait, 15) in {0, -signal.SIGTERM}
        async with talking(second, Authorization=header) as talk:
            snapshot = await talk.follow("NSE:ACME")
    assert bye["reason"] == "restart"
    assert 0 <= bye["reconnect_after_ms"] <= 2000
    assert snapshot["data"]["NSE:ACME"]["price"] == 3.0
