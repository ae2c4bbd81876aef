"""A flood of handshakes that nobody ends: they are let go, and harm nobody."""

import asyncio
import socket
import time

import httpx
import pytest

from tests.sockets import Site, running_site, talking

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos]

MANY = 300
HALF = b"GET /ws/quotes HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"


@pytest.fixture
def site(transactional_db: None):
    with running_site() as running:
        yield running


def half_open(site: Site, number: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", site.port))
    # Some say nothing at all, some stop in the middle.
    if number % 2:
        made.sendall(HALF)
    made.setblocking(False)
    return made


def is_let_go(made: socket.socket) -> bool:
    try:
        return made.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def test_half_open_handshakes_are_let_go_and_harm_nobody(site: Site):
    flood = [half_open(site, number) for number in range(MANY)]
    async with talking(site) as talk:
        await talk.say("auth", token="tsk_nobody")
        assert (await talk.end())[0] == 4401
    async with httpx.AsyncClient(trust_env=False) as client:
        # Kept alive beyond the limit: it is for heads, not for connections.
        assert (await client.get(f"{site.origin}/health/live")).status_code == 200
    deadline = time.monotonic() + 40
    while not all(map(is_let_go, flood)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    for made in flood:
        made.close()


async def test_a_request_that_is_asked_slowly_but_in_time_is_answered(site: Site):
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    for _ in range(2):
        for part in (b"GET /health/live HTTP/1.1\r\n", b"Host: 127.0.0.1\r\n", b"\r\n"):
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert b" 200 " in head.split(b"\r\n")[0]
        assert b"transfer-encoding: chunked" in head.lower()
        await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 10)
    writer.close()
