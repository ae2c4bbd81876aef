"""The short way is counted too: by leases, which never exceed the limit together."""

import uuid

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from pytest_django.fixtures import Settings

from accounts.models import User
from tests.tradingsite.doors import Doors, Request
from tests.tradingsite.test_fastpath import DAY, arrange, bearer, issued

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 40


@pytest.fixture(autouse=True)
async def threads_leave_no_connection():
    yield
    await sync_to_async(connections.close_all)()


def asking(user: User) -> Request:
    return Request(DAY, headers=bearer(issued(user)))


@pytest.fixture
def limited(settings: Settings) -> None:
    settings.RATE_LIMIT_PLANS = {"standard": {"market": LIMIT}}
    settings.REDIS_PREFIX = f"test:{uuid.uuid4().hex}"


async def test_both_ways_together_allow_exactly_the_limit(limited: None):
    request = await sync_to_async(asking)(await sync_to_async(arrange)())
    doors = Doors()
    found = [await doors.by_the_short(request) for _ in range(LIMIT + 5)]
    statuses = [answer.status for answer, _ in found]
    assert statuses == [200] * LIMIT + [429] * 5
    assert sum(was_short for _, was_short in found) > LIMIT / 2


async def test_two_processes_share_the_limit(limited: None):
    request = await sync_to_async(asking)(await sync_to_async(arrange)())
    both = [Doors(), Doors()]
    statuses = [
        (await both[index % 2].by_the_short(request))[0].status
        for index in range(3 * LIMIT)
    ]
    # What one has counted beforehand the other cannot have.
    assert LIMIT - statuses.count(200) in range(2)


async def test_the_short_way_tells_how_the_limit_stands(limited: None):
    request = await sync_to_async(asking)(await sync_to_async(arrange)())
    doors = Doors()
    told = []
    for _ in range(6):
        answer, _was_short = await doors.by_the_short(request)
        told.append(int(dict(answer.headers)["ratelimit-remaining"]))
    assert told == [39, 38, 37, 36, 35, 34]


async def test_who_has_no_limit_is_not_counted(limited: None):
    user = await sync_to_async(arrange)()
    user.plan = User.Plan.INTERNAL
    await user.asave()
    request, doors = await sync_to_async(asking)(user), Doors()
    found = [await doors.by_the_short(request) for _ in range(LIMIT + 5)]
    assert {answer.status for answer, _ in found} == {200}
    assert "ratelimit-limit" not in dict(found[-1][0].headers)
