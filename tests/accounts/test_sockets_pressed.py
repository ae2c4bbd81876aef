"""Sockets that are pressed: odd alphabets, clients that read nothing, long answers."""

import asyncio
import contextlib
import json
import socket
import time

import pytest
from websockets.asyncio.client import connect

from accounts.models import ApiKey, Position, TradingAccount
from tests.accounts.builders import join, make_account, make_desk
from tests.accounts.portfolios import later, position
from tests.sockets import Site, bearer, in_thread, talking

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.xdist_group("sockets"),
]

HANDSHAKE = (
    b"GET /ws/quotes HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
PING = b"\x89\xfd\0\0\0\0" + b"x" * 125
# Longer than every limit there is, added up.
CUT_WITHIN_S = 30
# As TCP_INFO tells it.
ESTABLISHED = 1


async def test_what_cannot_be_read_is_refused_with_a_code_in_any_alphabet(
    site: Site, key: ApiKey
):
    async with talking(site, "/ws/desk", Authorization=bearer(key.text)) as talk:
        await talk.hear("welcome")
        await talk.connection.send(json.dumps({"type": "ping", "é" * 110: 1}))
        assert (await talk.end())[0] == 4400


async def test_an_address_of_many_fields_is_no_error(site: Site, key: ApiKey):
    path = "/ws/desk?" + "&".join("a=1" for _ in range(1_200))
    async with talking(site, path, Authorization=bearer(key.text)) as talk:
        assert (await talk.hear())["type"] == "welcome"


def deaf(site: Site) -> socket.socket:
    """Return a socket without a token that asked for 4 MB of pongs and reads none."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.connect(("127.0.0.1", site.port))
    one.sendall(HANDSHAKE)
    one.recv(100)
    one.settimeout(10)
    with contextlib.suppress(OSError):
        for _ in range(60):
            one.sendall(PING * 500)
    return one


def is_connected(one: socket.socket) -> bool:
    state = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return bool(state == ESTABLISHED)


@pytest.mark.parametrize(
    "last",
    [b"\x88\x82\0\0\0\0\x03\xe8", b"\x89\x01x", b""],
    ids=["closes", "sends what is not masked", "goes on"],
)
def test_who_reads_nothing_is_cut_whatever_it_says_last(site: Site, last: bytes):
    with deaf(site) as one:
        with contextlib.suppress(OSError):
            one.sendall(last)

        deadline = time.monotonic() + CUT_WITHIN_S
        while is_connected(one):
            assert time.monotonic() < deadline, "it is still connected"
            time.sleep(0.1)


def test_pongs_that_nobody_reads_do_not_pile_up(site: Site):
    before = site.resident_kib()
    socks = [deaf(site) for _ in range(5)]

    grown = site.resident_kib() - before
    for one in socks:
        one.close()
    assert grown < 8_000


def fill(account: TradingAccount, count: int) -> None:
    Position.objects.apply(
        account,
        [position(f"S{number}", 1) for number in range(count)],
        as_of=later(0),
        is_complete=True,
        source="test",
    )


async def test_who_reads_a_large_snapshot_slowly_gets_all_of_it(
    site: Site, account: TradingAccount, key: ApiKey
):
    await in_thread(fill, account, 4_000)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    slow.connect(("127.0.0.1", site.port))
    async with connect(
        f"ws://127.0.0.1:{site.port}/ws/positions/north-1",
        sock=slow,
        additional_headers={"Authorization": bearer(key.text)},
        compression=None,
        proxy=None,
        max_queue=1,
    ) as connection:
        items, is_last = 0, False
        while not is_last:
            said = json.loads(await asyncio.wait_for(connection.recv(), 30))
            if said["type"] == "snapshot":
                items += len(said["data"])
                is_last = said["is_last"]
                # The line is slow: all of it takes longer than any one answer may.
                await asyncio.sleep(0.3)

    assert items == 4_000


def make_many(key: ApiKey, count: int) -> list[str]:
    desk = make_desk()
    join(key.user, desk)
    return [make_account(f"many-{number}", desk).slug for number in range(count)]


async def test_as_many_accounts_as_are_allowed_are_followed_in_one_go(
    site: Site, key: ApiKey
):
    slugs = await in_thread(make_many, key, 120)
    async with talking(site, "/ws/desk", Authorization=bearer(key.text)) as talk:
        await talk.say("subscribe", stream="positions", keys=slugs)
        heard = [(await talk.hear("snapshot"))["key"] for _ in slugs]

    assert sorted(heard) == sorted(slugs)
