"""The example client: it waits as it is told, and longer each time it is refused."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from clients import streams
from clients.streams import Refused, Streams

Message = dict[str, Any]
WELCOME = {"type": "welcome", "streams": ["quotes"]}
REFUSAL = {"type": "error", "code": "too_many", "detail": "more than 10 sockets"}
BYE = {"type": "bye", "reason": "restart", "reconnect_after_ms": 2000}


class Enough(Exception):  # noqa: N818 - reads as what happened
    """The client has waited as often as the test wants to see."""


@contextlib.asynccontextmanager
async def serving(said: Sequence[Message], code: int) -> AsyncIterator[Streams]:
    """Yield a client of a server that says all this and closes."""

    async def answer(connection: ServerConnection) -> None:
        await connection.recv()
        for message in said:
            await connection.send(json.dumps(message))
        await connection.close(code, "no")

    async with serve(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield Streams([f"ws://127.0.0.1:{port}/ws/desk"], token="tsk_example")


async def waits_of(
    client: Streams, monkeypatch: pytest.MonkeyPatch, count: int
) -> list[float]:
    """Return how long the client means to wait, ``count`` times in a row."""
    waits: list[float] = []

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == count:
            raise Enough

    monkeypatch.setattr(streams, "asyncio", SimpleNamespace(sleep=noted))
    with contextlib.suppress(Enough):
        async for _ in client.follow(quotes=["NSE:ACME"]):
            pass
    return waits


@pytest.mark.parametrize("said", [[REFUSAL], [WELCOME, REFUSAL]])
async def test_who_is_refused_waits_longer_each_time(
    said: list[Message], monkeypatch: pytest.MonkeyPatch
):
    async with serving(said, 4429) as client:
        waits = await waits_of(client, monkeypatch, 12)

    assert waits[0] == 0.0
    assert waits[6] > 1
    assert 15 <= waits[11] <= 30


async def test_who_is_sent_away_comes_back_when_it_was_told(
    monkeypatch: pytest.MonkeyPatch,
):
    async with serving([WELCOME, BYE], 1012) as client:
        assert await waits_of(client, monkeypatch, 3) == [2.0, 2.0, 2.0]


async def test_after_a_connection_that_lasted_the_next_is_tried_at_once(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(streams, "LASTING_S", 0.0)
    async with serving([WELCOME], 4408) as client:
        assert await waits_of(client, monkeypatch, 4) == [0.0] * 4


@pytest.mark.parametrize("code", sorted(streams.FINAL_CODES))
async def test_who_would_only_be_refused_again_gives_up(code: int):
    async with serving([WELCOME], code) as client:
        with pytest.raises(Refused):
            await asyncio.wait_for(anext(skipping(client)), 10)


async def skipping(client: Streams) -> AsyncIterator[None]:
    """Read all that comes before the end."""
    async for _ in client.follow(quotes=["NSE:ACME"]):
        pass
    yield
