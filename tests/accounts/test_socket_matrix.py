"""Who is received how at every socket: the same table, walked over real connections."""

import datetime
import itertools
from collections.abc import Iterator

import pytest
from django.utils import timezone

from tests.accounts import matrix
from tests.accounts.matrix import Door, House, sockets
from tests.marketdata.builders import make_exchange, make_hours, make_instrument
from tests.marketdata.chains import make_options, make_underlying
from tests.sockets import Site, Talk, bearer, in_thread, running_site, talking

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("sockets"),
    pytest.mark.timeout(300),
]

# What is asked for at the socket that has no key in its address.
ASKED = {
    "quotes": "NSE:ACME",
    "labels": "NSE:ACME",
    "monitor": "NSE:ACME",
    "options": "NSE:NIFTY@nearest",
}
FIRST_OWN_CODE = 4000


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    with running_site() as running:
        yield running


@pytest.fixture
def house(transactional_db: None) -> House:
    make_hours(make_exchange("NSE"))
    make_instrument("ACME")
    soon = timezone.now().date() + datetime.timedelta(days=7)
    make_options(make_underlying(), soon.isoformat(), [24_000.0])
    return House()


# From an address of its own each: nobody is to run into the cap of another.
_numbers = itertools.count()


async def received(site: Site, house: House, door: Door, caller: str) -> str:
    """Return how ``caller`` is received, in the words of the table."""
    headers = {}
    if caller in house.sessions:
        headers["Cookie"] = f"sessionid={house.sessions[caller]}"
        headers["Origin"] = site.origin
    if caller in house.keys:
        headers["Authorization"] = bearer(house.keys[caller])
    number = next(_numbers)
    address = f"127.3.{number // 250}.{1 + number % 250}"
    path = house.path(door)
    async with talking(site, path, address=address, **headers) as talk:
        if caller == "nobody":
            await talk.connection.send('{"type":"auth","token":"tsk_nobody"}')
        name = "" if "<" in door.route else door.route.rpartition("/")[2]
        return await said(talk, name)


async def said(talk: Talk, name: str) -> str:
    first = await talk.hear("welcome", "error")
    if first["type"] == "error":
        return str((await talk.end())[0] - FIRST_OWN_CODE)
    if name == "desk":
        return "yes"
    if name in ASKED:
        await talk.say("subscribe", keys=[ASKED[name]])
    answer = await talk.hear("snapshot", "error")
    if answer["type"] != "error":
        return "yes"
    if answer["code"] == "forbidden" and talk.connection.close_code is None:
        return "403"
    return str((await talk.end())[0] - FIRST_OWN_CODE)


async def test_everybody_is_received_at_sockets_as_the_table_says(
    site: Site, house: House
):
    table = await in_thread(matrix.expected)
    wrong = []
    for door in sockets():
        found = {
            caller: await received(site, house, door, caller) for caller in door.callers
        }
        line = matrix.line(door, found)
        if line.split() != table.get(str(door), "").split():
            wrong.append(f"is   {line}\nsays {table.get(str(door), 'nothing')}")
    assert not wrong, "\n" + "\n".join(wrong)
