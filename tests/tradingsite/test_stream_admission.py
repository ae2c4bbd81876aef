"""Places of sockets, counted by all processes together; the pace of messages."""

import asyncio

import pytest
from pytest_django.fixtures import Settings

from tests.tradingsite.children.running import DEAD_REDIS
from tradingsite import redis
from tradingsite.streaming.admission import Pace, Place, Places

WHO = "address:203.0.113.7"


@pytest.fixture(autouse=True)
def nobody_there():
    redis.client().delete(Place(WHO, "").key)


async def test_processes_count_together():
    first, second = Places(), Places()
    taken = [await first.take(WHO, 10) for _ in range(6)]
    taken += [await second.take(WHO, 10) for _ in range(4)]

    assert None not in taken
    assert await first.take(WHO, 10) is None
    assert await second.take(WHO, 10) is None
    place = taken[0]
    assert place is not None
    await first.give_back(place)
    assert await second.take(WHO, 10) is not None
    assert await first.take(WHO, 10) is None


async def test_a_process_that_ends_gives_all_back():
    ending, other = Places(), Places()
    for _ in range(10):
        await ending.take(WHO, 10)

    await ending.give_back_all()

    assert await other.take(WHO, 10) is not None


async def test_many_at_once_get_exactly_as_many_as_there_are():
    processes = [Places() for _ in range(4)]

    found = await asyncio.gather(
        *(processes[number % 4].take(WHO, 10) for number in range(40))
    )

    assert sum(place is not None for place in found) == 10


async def test_places_of_a_dead_process_come_free():
    dead, living = Places(lease_s=0.0), Places()
    for _ in range(10):
        await dead.take(WHO, 10)

    assert await living.take(WHO, 10) is not None


async def test_a_renewed_place_is_kept():
    first, second = Places(lease_s=0.0), Places()
    await first.take(WHO, 1)
    first._lease_s = 30.0
    await first.renew()

    assert await second.take(WHO, 1) is None


async def test_without_redis_each_process_counts_its_own(settings: Settings):
    settings.REDIS_URL = DEAD_REDIS
    places = Places()

    taken = [await places.take(WHO, 10) for _ in range(11)]

    assert [place is not None for place in taken] == [True] * 10 + [False]


def test_the_pace_is_so_many_a_second():
    now = 100.0
    pace = Pace(20, lambda: now)

    assert [pace.admits() for _ in range(21)] == [True] * 20 + [False]
    now += 0.125
    assert [pace.admits() for _ in range(3)] == [True, True, False]
    now += 3600
    assert [pace.admits() for _ in range(21)] == [True] * 20 + [False]
