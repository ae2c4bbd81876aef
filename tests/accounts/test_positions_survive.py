"""Events of positions while writers compete, servers die and clients come back."""

import asyncio
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from functools import partial
from typing import Any

import pytest
from django.db import connections
from pytest_django.fixtures import Settings

from accounts.models import ApiKey, Position, TradingAccount
from accounts.models.positions import stream_of
from clients.streams import Streams
from tests.accounts.portfolios import later, position
from tests.sockets import Site, in_thread, running_site, talking
from tradingsite.embedded import ValkeyServer
from tradingsite.streaming import journal, publish
from tradingsite.streaming.journal import Position as Place

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("sockets"),
    pytest.mark.timeout(180),
]

PATH = "/ws/positions/north-1"
MOVES = 60
Told = list[dict[str, Any]]


def client_of(key: ApiKey, *sites: Site) -> Streams:
    urls = [f"ws://127.0.0.1:{one.port}{PATH}" for one in sites]
    return Streams(urls, token=key.text)


def move(account: TradingAccount, symbol: str, quantity: int) -> None:
    Position.objects.apply(
        account,
        [position(symbol, quantity)],
        as_of=later(quantity),
        is_complete=False,
        source=symbol,
    )


def move_all(
    account: TradingAccount, symbol: str, may: threading.Semaphore | None = None
) -> None:
    """Move a position step by step, as one of several writers; each step as it may."""
    try:
        for quantity in range(1, MOVES + 1):
            assert may is None or may.acquire(timeout=60)
            move(account, symbol, quantity)
    finally:
        connections.close_all()


async def heard(
    client: Streams, begin: Callable[[], None], harm: Mapping[int, Callable[[], Any]]
) -> AsyncIterator[dict[str, Any]]:
    """Yield the events; begin when the snapshot is there, and do harm at some."""
    has_begun = False
    async for message in client.follow():
        if message["type"] == "snapshot":
            assert not has_begun, "a snapshot where a resume was due"
            has_begun = True
            begin()
        if message["type"] == "event":
            if harm_now := harm.get(message["seq"]):
                await in_thread(harm_now)
            yield message


async def hear_with_breaks(
    site: Site, key: ApiKey, told: Told, first: Place, last: int
) -> None:
    """Follow from ``first``, leave now and then without a word, and resume."""
    epoch, seq = first
    authorization = f"Bearer {key.text}"
    while seq < last:
        where = f"{PATH}?epoch={epoch}&seq={seq}"
        patience = random.randint(1, 25)
        async with talking(site, where, Authorization=authorization) as talk:
            for _ in range(min(patience, last - seq)):
                message = await talk.hear("event", "gap", "snapshot")
                assert message["type"] == "event", message
                told.append(message)
                seq = message["seq"]
            talk.connection.transport.abort()


def numbers(told: Collection[Mapping[str, Any]]) -> list[int]:
    return [message["seq"] for message in told]


def quantities(told: Told) -> dict[str, int]:
    """Return what a client makes of the events: the newest of each symbol."""
    rows = [message["data"]["position"] for message in told]
    return {row["symbol"]: row["quantity"] for row in rows}


async def test_writers_compete_and_readers_come_and_go_but_each_event_comes_once(
    site: Site, account: TradingAccount, key: ApiKey
):
    symbols = ["ACME", "BRIGHT", "CEDAR"]
    last = MOVES * len(symbols)
    begin = await in_thread(journal.position, stream_of(account.pk))
    writers = [
        threading.Thread(target=move_all, args=(account, symbol)) for symbol in symbols
    ]
    readers: list[Told] = [[] for _ in range(4)]
    for writer in writers:
        writer.start()
    async with asyncio.timeout(90):
        await asyncio.gather(
            *(hear_with_breaks(site, key, told, begin, last) for told in readers)
        )
    for writer in writers:
        await asyncio.to_thread(writer.join)

    for told in readers:
        assert numbers(told) == list(range(1, last + 1))
        assert quantities(told) == dict.fromkeys(symbols, MOVES)
    sources = Counter(one["data"]["position"]["symbol"] for one in readers[0])
    assert set(sources.values()) == {MOVES}


@pytest.mark.own_server
@pytest.mark.chaos
async def test_redis_and_a_web_process_die_and_each_event_comes_once(
    own_valkey: ValkeyServer, account: TradingAccount, key: ApiKey, settings: Settings
):
    settings.REDIS_URL = own_valkey.url
    # A few steps ahead of the reader, so that there is something in every pause.
    may = threading.Semaphore(3)
    writer = threading.Thread(target=move_all, args=(account, "ACME", may))
    told: Told = []
    with (
        running_site(REDIS_URL=own_valkey.url) as first,
        running_site(REDIS_URL=own_valkey.url) as second,
    ):
        harm: dict[int, Callable[[], Any]] = {
            10: own_valkey.kill,
            20: own_valkey.start,
            30: lambda: os.killpg(first.process.pid, signal.SIGKILL),
            40: own_valkey.freeze,
            50: own_valkey.thaw,
        }
        client = client_of(key, first, second)
        async with asyncio.timeout(120):
            async for event in heard(client, writer.start, harm):
                told.append(event)
                may.release()
                if event["seq"] == MOVES:
                    break
    await asyncio.to_thread(writer.join)

    assert numbers(told) == list(range(1, MOVES + 1))
    assert quantities(told) == {"ACME": MOVES}


def only_publish(stream: str, events: Collection[Mapping[str, Any]]) -> Place:
    """Tell events as systems do that have no journal: by Redis, after the fact."""
    for event in events:
        publish(stream, event)
    return Place("", 0)


@pytest.mark.own_server
@pytest.mark.chaos
async def test_control_without_the_journal_what_falls_into_a_pause_is_lost(
    own_valkey: ValkeyServer,
    account: TradingAccount,
    key: ApiKey,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
):
    settings.REDIS_URL = own_valkey.url
    authorization = f"Bearer {key.text}"
    step = partial(in_thread, move, account, "ACME")
    with running_site(REDIS_URL=own_valkey.url) as site:
        async with talking(site, PATH, Authorization=authorization) as talk:
            await talk.hear("snapshot")
            await step(1)
            assert (await talk.hear("event"))["seq"] == 1
            await in_thread(own_valkey.kill)
            with monkeypatch.context() as patch:
                patch.setattr(journal, "record_all", only_publish)
                await step(2)
            await in_thread(own_valkey.start)
            await step(3)
            event = await talk.hear("event")

    assert event["data"]["change"]["quantity_before"] == 2, "the row moved to 2"
    assert event["data"]["position"]["quantity"] == 3, "but nobody was told of 2"
