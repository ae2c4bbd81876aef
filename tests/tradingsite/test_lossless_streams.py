"""Lossless streams by real sockets: each event once, or a gap that is said."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from accounts.models import ApiKey, Membership
from clients.streams import Refused, Streams
from tests.accounts.builders import join, make_account, make_key, make_user
from tests.sockets import Site, Talk, bearer, in_thread, running_site, talking
from tradingsite.embedded import ValkeyServer
from tradingsite.streaming import journal

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("sockets"),
]

APPLICATION = "tests.tradingsite.ledger_site:application"
PATH = "/ws/ledger"
KEY = "north-1"


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    with running_site(APPLICATION) as running:
        yield running


@pytest.fixture
def key(transactional_db: None) -> ApiKey:
    user = make_user("alice")
    join(user, make_account(KEY))
    return make_key(user, scopes=["read:accounts"])


def write(*numbers: int, stream: str = f"ledger.{KEY}") -> journal.Position:
    with transaction.atomic():
        positions = [journal.record(stream, {"number": n}) for n in numbers]
    return positions[-1]


@transaction.atomic
def begin_anew(number: int) -> None:
    """Begin another history with an event, so that nobody sees it without."""
    journal.start_over(f"ledger.{KEY}")
    write(number)


@contextlib.asynccontextmanager
async def following(site: Site, key: ApiKey, **fields: Any) -> AsyncIterator[Talk]:
    async with talking(site, PATH, Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", keys=[KEY], **fields)
        await talk.hear("subscribed")
        yield talk


async def numbers_of(talk: Talk, count: int) -> list[tuple[int, int]]:
    """Return (seq, number) of the next events."""
    events = [await talk.hear("event") for _ in range(count)]
    return [(event["seq"], event["data"]["number"]) for event in events]


async def test_a_snapshot_and_then_every_event_once(site: Site, key: ApiKey):
    await in_thread(write, 1, 2)
    async with following(site, key) as talk:
        snapshot = await talk.hear()
        await in_thread(write, 3)
        await in_thread(write, 4, 5)
        events = await numbers_of(talk, 3)

    assert (snapshot["data"], snapshot["seq"], snapshot["is_last"]) == ([1, 2], 2, True)
    assert events == [(3, 3), (4, 4), (5, 5)]


async def test_what_was_missed_is_sent_after_the_last_that_was_seen(
    site: Site, key: ApiKey
):
    epoch, _ = await in_thread(write, *range(1, 451))
    after = {KEY: {"epoch": epoch, "seq": 100}}
    async with following(site, key, after=after) as talk:
        events = await numbers_of(talk, 350)
        await in_thread(write, 451)
        events += await numbers_of(talk, 1)

    assert events == [(n, n) for n in range(101, 452)]


@pytest.mark.parametrize(
    ("epoch", "seq", "reason"),
    [("another", 1, "epoch"), ("", 99, "ahead"), ("", 1, "trimmed")],
)
async def test_what_cannot_be_had_is_a_gap_and_a_snapshot(
    site: Site, key: ApiKey, epoch: str, seq: int, reason: str
):
    await in_thread(write, 1, 2)
    await in_thread(journal.trim, timedelta(0))
    own, _ = await in_thread(write, 3)
    after = {KEY: {"epoch": epoch or own, "seq": seq}}
    async with following(site, key, after=after) as talk:
        gap = await talk.hear()
        snapshot = await talk.hear()
        await in_thread(write, 4)
        assert await numbers_of(talk, 1) == [(4, 4)]

    assert (gap["type"], gap["reason"]) == ("gap", reason)
    assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 3)


async def test_a_stream_that_begins_anew_is_a_gap_for_who_listens(
    site: Site, key: ApiKey
):
    await in_thread(write, 1, 2)
    async with following(site, key) as talk:
        await talk.hear("snapshot")
        await in_thread(begin_anew, 7)
        assert (await talk.hear("gap"))["reason"] == "epoch"
        assert (await talk.hear("snapshot"))["data"] == [7]


async def test_an_event_without_its_hint_is_found_soon(site: Site, key: ApiKey):
    async with following(site, key) as talk:
        await talk.hear("snapshot")
        await in_thread(write_without_a_hint, 1)
        assert await numbers_of(talk, 1) == [(1, 1)]


def write_without_a_hint(number: int) -> None:
    with transaction.atomic():
        journal.append(f"ledger.{KEY}", {"number": number})


async def test_what_is_rolled_back_is_never_told(site: Site, key: ApiKey):
    async with following(site, key) as talk:
        await talk.hear("snapshot")
        await in_thread(write_and_roll_back, 666)
        await in_thread(write, 1)
        assert await numbers_of(talk, 1) == [(1, 1)]


def write_and_roll_back(number: int) -> None:
    with transaction.atomic():
        journal.record(f"ledger.{KEY}", {"number": number})
        transaction.set_rollback(True)


async def test_anothers_account_is_as_unknown_as_one_that_is_not_there(
    site: Site, key: ApiKey
):
    await in_thread(make_account, "south-9")
    await in_thread(write, 1, stream="ledger.south-9")
    async with talking(site, PATH, Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", keys=["south-9", "nowhere", KEY])
        assert (await talk.hear("subscribed"))["unknown"] == ["south-9", "nowhere"]
        assert (await talk.hear())["key"] == KEY


async def test_who_may_not_read_it_any_more_is_closed(site: Site, key: ApiKey):
    async with following(site, key) as talk:
        await talk.hear("snapshot")
        await in_thread(Membership.objects.all().delete)
        assert await talk.end() == (
            4403,
            "ledger of north-1 may not be read any more",
        )


async def test_the_example_client_gives_up_where_it_is_refused(site: Site):
    client = Streams([f"ws://127.0.0.1:{site.port}{PATH}"], token="tsk_no")
    with pytest.raises(Refused, match="not authenticated"):
        async for _ in client.follow(ledger=[KEY]):
            pass


LAST = 400


def write_all(step_s: float) -> None:
    """Write one event after the other, whatever Redis does."""
    for number in range(1, LAST + 1):
        write(number)
        time.sleep(step_s)


@pytest.mark.own_server
@pytest.mark.chaos
async def test_each_event_comes_once_while_servers_die(
    own_valkey: ValkeyServer, key: ApiKey, settings: Settings
):
    settings.REDIS_URL = own_valkey.url
    with (
        running_site(APPLICATION, REDIS_URL=own_valkey.url) as first,
        running_site(APPLICATION, REDIS_URL=own_valkey.url) as second,
    ):
        urls = [f"ws://127.0.0.1:{each.port}{PATH}" for each in (first, second)]
        client = Streams(urls, token=key.text)
        harm = {
            50: own_valkey.kill,
            100: own_valkey.start,
            150: lambda: os.killpg(first.process.pid, signal.SIGKILL),
            200: own_valkey.freeze,
            300: own_valkey.thaw,
        }
        writing: asyncio.Task[None] | None = None
        seen: list[int] = []
        async with asyncio.timeout(90):
            async for message in client.follow(ledger=[KEY]):
                if message["type"] == "snapshot":
                    assert writing is None, "a snapshot where a resume was due"
                    writing = asyncio.create_task(in_thread(write_all, 0.005))
                if message["type"] != "event":
                    continue
                seen.append(message["data"]["number"])
                if harm_now := harm.get(seen[-1]):
                    await in_thread(harm_now)
                if seen[-1] == LAST:
                    break
    assert writing is not None
    await writing
    assert seen == list(range(1, LAST + 1))
