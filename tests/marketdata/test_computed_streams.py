"""``/ws/options`` and ``/ws/monitor`` by real sockets, in one process and in two."""

import asyncio
import contextlib
import datetime
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import ApiKey
from clients.streams import Streams
from marketdata import quotes
from marketdata.models import Instrument
from tests.accounts.builders import make_key, make_user
from tests.marketdata.builders import IST, make_exchange, make_hours
from tests.marketdata.chains import Line, Quote, make_options, save_chain
from tests.sockets import Site, Talk, bearer, in_thread, running_site, talking
from tradingsite import redis as ground
from tradingsite.embedded import ValkeyServer

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("sockets"),
]

COUNT = 220
STRIKES = [20_000.0 + 50 * number for number in range(COUNT)]
MONEY = "25000"


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    with running_site() as running:
        yield running


@pytest.fixture(scope="module")
def other(django_db_setup: None) -> Iterator[Site]:
    with running_site() as running:
        yield running


class Market:
    """NIFTY with a whole chain, which trades when the test says so."""

    def __init__(self) -> None:
        ground.client().delete(quotes.keys().prices)
        for code in ("NSE", "NFO"):
            exchange = make_exchange(code)
            make_hours(exchange, opens="00:00", closes="00:00", weekdays=range(7))
        self.nifty = Instrument.objects.create(
            exchange_id="NSE",
            symbol="NIFTY",
            kind="index",
            name="NIFTY",
            tick_size="0.05",
        )
        day = timezone.now().astimezone(IST).date() + datetime.timedelta(days=7)
        self.options = make_options(self.nifty, day.isoformat(), STRIKES)
        self.name = f"NSE:NIFTY@{day}"
        self.minute = timezone.now().astimezone(IST) - datetime.timedelta(minutes=9)

    def trade(self, *, money_call: float, others: float = 0.0) -> None:
        """Write the next minute of the whole chain, the call at the money apart."""
        self.minute += datetime.timedelta(minutes=1)
        lines = [
            Line(
                strike,
                Quote(
                    money_call
                    if f"{strike:g}" == MONEY
                    else max(25_000 - strike, 0) + 150 + others,
                    100,
                ),
                Quote(max(strike - 25_000, 0) + 150, 100),
            )
            for strike in STRIKES
        ]
        at = f"{self.minute:%Y-%m-%d %H:%M}"
        save_chain(self.nifty, self.options, lines, at, spot=25_000)


@pytest.fixture
def market(transactional_db: None) -> Market:
    market = Market()
    market.trade(money_call=150.0)
    return market


@pytest.fixture
def key(transactional_db: None) -> ApiKey:
    return make_key(make_user("alice"), scopes=["read:market"])


@contextlib.asynccontextmanager
async def following(
    site: Site, key: ApiKey, stream: str, word: str, **fields: Any
) -> AsyncIterator[tuple[Talk, dict[str, Any]]]:
    """Follow, and give the socket with all parts of the snapshot."""
    path = f"/ws/{stream}"
    async with talking(site, path, Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", keys=[word], **fields)
        yield talk, await snapshot_of(talk)


async def snapshot_of(talk: Talk) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    is_last = False
    while not is_last:
        # A frame above 64 KiB would end the socket: see ``talking``.
        frame = await talk.hear("snapshot")
        parts |= frame["data"]
        is_last = frame["is_last"]
    return parts


async def heard_call(talk: Talk, price: float) -> dict[str, Any]:
    """Merge updates until the call at the money costs ``price``; return them all."""
    merged: dict[str, Any] = {}
    while merged.get(MONEY, {}).get("call", {}).get("price") != price:
        merged |= (await talk.hear("update"))["data"]
    return merged


async def test_a_whole_chain_and_then_the_strikes_that_changed(
    site: Site, market: Market, key: ApiKey
):
    async with following(site, key, "options", "NIFTY@nearest") as (talk, parts):
        await in_thread(market.trade, money_call=155.5)
        changed = await heard_call(talk, 155.5)

    assert len(parts) == COUNT + 1
    assert parts["summary"]["atm_strike"] == 25_000
    assert parts[MONEY]["moneyness_bucket"] == "ATM"
    assert "summary" in changed


async def test_both_streams_come_over_the_socket_of_a_page(
    site: Site, market: Market, key: ApiKey
):
    async with talking(site, "/ws/desk", Authorization=bearer(key.text)) as talk:
        for stream in ("options", "monitor"):
            await talk.say("subscribe", stream=stream, keys=["NIFTY@NWeek+0", "NO@x"])
        subscribed = [await talk.hear("subscribed") for _ in range(2)]
        await talk.hear("snapshot")

    assert {one["keys"][0].partition("@")[0] for one in subscribed} == {"NSE:NIFTY"}
    assert [one["unknown"] for one in subscribed] == [["NO@x"]] * 2


async def test_a_chain_of_bars_that_are_old_is_stale_until_it_trades(
    site: Site, market: Market, key: ApiKey
):
    async with following(site, key, "options", market.name) as (talk, parts):
        stale = await talk.hear("stale")
        market.minute = timezone.now().astimezone(IST) - datetime.timedelta(minutes=1)
        # A minute that ends in the present: its last tick is a second old at most.
        await in_thread(market.trade, money_call=151.0)
        live = await talk.hear("live")

    assert (stale["key"], live["key"]) == (market.name, market.name)
    observed = datetime.datetime.fromisoformat(parts["summary"]["observed_at"])
    assert stale["since"] == pytest.approx(observed.timestamp(), abs=0.01)


async def test_eight_sockets_hear_the_same(site: Site, market: Market, key: ApiKey):
    async with contextlib.AsyncExitStack() as exits:
        talks = [
            await exits.enter_async_context(
                following(site, key, "options", market.name)
            )
            for _ in range(8)
        ]
        await in_thread(market.trade, money_call=156.0)
        heard = await asyncio.gather(*(heard_call(talk, 156.0) for talk, _ in talks))

    assert len({str(each[MONEY]) for each in heard}) == 1


async def test_two_processes_tell_the_same(
    site: Site, other: Site, market: Market, key: ApiKey
):
    async with (
        following(site, key, "options", market.name) as (one, _),
        following(other, key, "options", market.name) as (two, _),
    ):
        await in_thread(market.trade, money_call=157.0)
        changed = [await heard_call(talk, 157.0) for talk in (one, two)]

    assert changed[0][MONEY] == changed[1][MONEY]


async def test_a_slow_reader_is_kept_and_ends_with_the_newest(
    site: Site, market: Market, key: ApiKey
):
    async with (
        following(site, key, "options", market.name) as (quick, _),
        following(site, key, "options", market.name) as (slow, parts),
    ):
        slow.connection.transport.pause_reading()
        for number in range(1, 4):
            await in_thread(market.trade, money_call=150.0 + number, others=number / 10)
            await heard_call(quick, 150.0 + number)
        slow.connection.transport.resume_reading()
        known = parts | await heard_call(slow, 153.0)

    assert known["20000"]["call"]["price"] == 5150.3


async def test_a_minute_of_the_chain_comes_when_it_is_over(
    site: Site, market: Market, key: ApiKey
):
    word = f"{market.name}@1min"
    async with following(site, key, "options", word) as (_, parts):
        pages = [parts[name] for name in sorted(parts)]

    assert [page["page"] for page in pages] == [1, 2, 3]
    assert pages[0]["type"] == "fo_bucket"
    assert sum(len(page["strikes"]) for page in pages) == COUNT


async def test_the_monitor_is_told_row_by_row(site: Site, market: Market, key: ApiKey):
    async with following(site, key, "monitor", "NIFTY") as (talk, parts):
        await in_thread(market.trade, money_call=161.5)
        merged: dict[str, Any] = {}
        while f"strike:{MONEY}" not in merged:
            merged |= (await talk.hear("update"))["data"]

    assert f"strike:{MONEY}" in parts
    assert merged[f"strike:{MONEY}"]["call"]["price"] == 161.5
    assert "closes" in merged


@pytest.mark.own_server
@pytest.mark.chaos
async def test_a_chain_moves_while_valkey_is_away_and_after(
    own_valkey: ValkeyServer, settings: Settings, key: ApiKey
):
    settings.REDIS_URL = own_valkey.url
    market = await in_thread(Market)
    await in_thread(market.trade, money_call=150.0)
    with running_site(REDIS_URL=own_valkey.url) as lonely:
        async with following(lonely, key, "options", market.name) as (talk, _):
            await in_thread(own_valkey.kill)
            await in_thread(market.trade, money_call=162.0)
            await heard_call(talk, 162.0)
            await in_thread(own_valkey.start)
            await in_thread(market.trade, money_call=163.0)
            await heard_call(talk, 163.0)


@pytest.mark.chaos
async def test_who_follows_a_chain_at_a_killed_process_goes_on_at_another(
    other: Site, market: Market, key: ApiKey
):
    with running_site() as doomed:
        urls = [f"ws://127.0.0.1:{one.port}/ws/options" for one in (doomed, other)]
        client = Streams(urls, token=key.text)
        async with (
            asyncio.timeout(60),
            aclosing(client.follow(options=[market.name])) as messages,
        ):
            await until_whole(messages)
            await in_thread(os.killpg, doomed.process.pid, signal.SIGKILL)
            await in_thread(market.trade, money_call=164.0)
            parts = await until_whole(messages)
    assert parts[MONEY]["call"]["price"] == 164.0


async def until_whole(messages: AsyncIterator[dict[str, Any]]) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    async for message in messages:
        if message["type"] == "snapshot":
            parts |= message["data"]
            if message["is_last"]:
                return parts
    raise AssertionError("The client ended.")
