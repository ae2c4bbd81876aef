"""A web process is killed under 500 clients, and each hears every event once."""

import asyncio
import json
import os
import signal
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import pytest
from channels_redis.core import RedisChannelLayer
from pytest_django.fixtures import Settings
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from accounts.models import ApiKey, Position, TradingAccount
from accounts.principals import Scope
from clients.streams import Streams
from tests.accounts.builders import join, make_account, make_key, make_user
from tests.accounts.portfolios import later, position
from tests.orders.builders import report, reported
from tests.sockets import CONTROL, Site, in_thread, running_site
from tradingsite.embedded import ValkeyServer
from tradingsite.redis.channels import channel_host

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.own_server,
    pytest.mark.chaos,
    pytest.mark.timeout(240),
]

ACCOUNTS = 10
CLIENTS_AN_ACCOUNT = 50
STEPS = 30
KILLED_AFTER = 10
ROOM = {
    "SOCKETS_PER_ADDRESS": "2000",
    "SOCKETS_PER_ACCOUNT": "2000",
}


class Ear:
    """A client that is never told what it heard before, nor ahead of what it misses."""

    def __init__(self, stream: AsyncGenerator[dict[str, Any], None]) -> None:
        self.heard: dict[str, list[int]] = defaultdict(list)
        self.snapshots = 0
        self._messages = stream
        self._news = asyncio.Condition()
        self.listening = asyncio.create_task(self._listen())

    async def has_heard(self, is_enough: Callable[["Ear"], bool]) -> None:
        async with self._news:
            await self._news.wait_for(lambda: is_enough(self) or self.listening.done())
        if self.listening.done():
            await self.listening

    async def close(self) -> None:
        self.listening.cancel()
        await asyncio.wait({self.listening})

    async def _listen(self) -> None:
        async with aclosing(self._messages) as messages:
            async for message in messages:
                async with self._news:
                    self._note(message)
                    self._news.notify_all()

    def _note(self, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            self.snapshots += message["is_last"]
        elif message["type"] == "event":
            self.heard[message["stream"]].append(message["seq"])
        elif message["type"] == "gap":
            raise AssertionError(message)


def kill(site: Site) -> None:
    os.killpg(site.process.pid, signal.SIGKILL)
    site.process.wait(10)


def crowd_of_accounts() -> list[tuple[TradingAccount, ApiKey]]:
    made = []
    for number in range(ACCOUNTS):
        account = make_account(f"north-{number}")
        user = make_user(f"user-{number}")
        join(user, account)
        key = make_key(user, scopes=[Scope.READ_ACCOUNTS], all_accounts=True)
        made.append((account, key))
    return made


def move_everything(accounts: Sequence[TradingAccount], steps: Sequence[int]) -> None:
    """Let a position and an order of each account move, once in each step."""
    for step in steps:
        for account in accounts:
            Position.objects.apply(
                account,
                [position("ACME", step)],
                as_of=later(step),
                is_complete=False,
                source="test",
            )
            report(account, reported(filled_quantity=step), at=later(step))


def has_heard(last: int) -> Callable[[Ear], bool]:
    return lambda ear: all(
        ear.heard[stream][-1:] == [last] for stream in ("orders", "positions")
    )


async def all_have(ears: Sequence[Ear], is_enough: Callable[[Ear], bool]) -> None:
    async with asyncio.timeout(120):
        await asyncio.gather(*(ear.has_heard(is_enough) for ear in ears))


def ears_of(
    accounts: Sequence[tuple[TradingAccount, ApiKey]], sites: Sequence[Site]
) -> list[Ear]:
    """Return the clients of all accounts; half of them begin at each site."""
    made = []
    for number in range(CLIENTS_AN_ACCOUNT):
        turned = [*sites[number % 2 :], *sites[: number % 2]]
        urls = [f"ws://127.0.0.1:{site.port}/ws/desk" for site in turned]
        for account, key in accounts:
            client = Streams(urls, token=key.text)
            slugs = [account.slug]
            made.append(Ear(client.follow(orders=slugs, positions=slugs)))
    return made


async def test_five_hundred_clients_hear_every_event_once_though_one_process_dies(
    own_valkey: ValkeyServer, settings: Settings
):
    settings.REDIS_URL = own_valkey.url
    crowd = await in_thread(crowd_of_accounts)
    accounts = [account for account, _ in crowd]
    environment = {"REDIS_URL": own_valkey.url, **ROOM}
    with running_site(**environment) as first, running_site(**environment) as second:
        ears = ears_of(crowd, [first, second])
        await all_have(ears, lambda ear: ear.snapshots == 2)
        await in_thread(move_everything, accounts, range(1, KILLED_AFTER + 1))
        await all_have(ears, has_heard(KILLED_AFTER))
        await in_thread(kill, first)
        # Nobody has come back yet: what is told now, half of them must catch up with.
        await in_thread(move_everything, accounts, range(KILLED_AFTER + 1, STEPS + 1))
        await all_have(ears, has_heard(STEPS))
        await asyncio.gather(*(ear.close() for ear in ears))

    every = list(range(1, STEPS + 1))
    assert len(ears) == ACCOUNTS * CLIENTS_AN_ACCOUNT == 500
    for ear in ears:
        assert ear.heard == {"orders": every, "positions": every}
        assert ear.snapshots == 2, "a snapshot where a resume was due"


# --- the same with Channels' core layer, whose groups know who is there and no more ---
async def told_by_layer(
    urls: Sequence[str], may_return: asyncio.Event
) -> AsyncGenerator[dict[str, Any], None]:
    for url in urls:
        try:
            async with connect(url, proxy=None, open_timeout=30) as socket:
                async for text in socket:
                    message = json.loads(text)
                    if message["type"] == "joined":
                        yield {"type": "snapshot", "is_last": True}
                    if message["type"] == "told":
                        yield {"type": "event", "stream": "all", "seq": message["n"]}
        except ConnectionClosed:
            await may_return.wait()


async def test_control_with_the_core_layer_half_of_them_miss_what_was_told_meanwhile(
    own_valkey: ValkeyServer, transactional_db: None
):
    layer = RedisChannelLayer(
        hosts=[channel_host(own_valkey.url, [], "") | {"socket_timeout": 30}]
    )
    application = "tests.tradingsite.deaf_site:application"
    environment = {"REDIS_URL": own_valkey.url}
    with (
        running_site(application, **environment) as first,
        running_site(application, **environment) as second,
    ):
        urls = [f"ws://127.0.0.1:{site.port}{CONTROL}" for site in (first, second)]
        may_return = asyncio.Event()
        ears = [
            Ear(told_by_layer(urls[number % 2 :] + urls[: number % 2], may_return))
            for number in range(50)
        ]
        await all_have(ears, lambda ear: ear.snapshots == 1)
        await layer.group_send("everybody", {"type": "told", "n": 1})
        await all_have(ears, lambda ear: ear.heard["all"] == [1])
        await in_thread(kill, first)
        await layer.group_send("everybody", {"type": "told", "n": 2})
        may_return.set()
        await all_have(ears[::2], lambda ear: ear.snapshots == 2)
        await layer.group_send("everybody", {"type": "told", "n": 3})
        await all_have(ears, lambda ear: ear.heard["all"][-1:] == [3])
        await asyncio.gather(*(ear.close() for ear in ears))
        await layer.close_pools()

    assert [ear.heard["all"] for ear in ears] == [[1, 3], [1, 2, 3]] * 25
