"""The delivery to a real Valkey, with a network between them that can be cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from django.conf import settings
from redis import Redis

from marketdata.simulator.entries import Entry, EntryWriter
from marketdata.simulator.streams import Channels, Delivery, connected
from marketdata.simulator.truth import TruthFile
from tests.simulator.builders import live_feed, taken

ROOM = 5_000


class Wire:
    """A TCP proxy that can swallow a request, or the answer to one."""

    def __init__(self) -> None:
        self.cut_request = self.cut_answer = self.is_writing = False
        self._carrying: list[asyncio.Task[None]] = []

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        address = urlsplit(settings.REDIS_URL)
        credentials = address.netloc.rpartition("@")[0]
        place = f"{credentials}@{host}:{port}" if credentials else f"{host}:{port}"
        try:
            yield address._replace(netloc=place).geturl()
        finally:
            server.close()
            await asyncio.wait_for(asyncio.gather(*self._carrying), 5)
            await server.wait_closed()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.append(task)
        address = urlsplit(settings.REDIS_URL)
        far_reader, far_writer = await asyncio.open_connection(
            address.hostname, address.port
        )
        asking = asyncio.create_task(self._ask(reader, far_writer))
        answering = asyncio.create_task(self._answer(far_reader, writer))
        await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
        for task in (asking, answering):
            task.cancel()
        await asyncio.gather(asking, answering, return_exceptions=True)
        for side in (writer, far_writer):
            side.close()
            with contextlib.suppress(ConnectionError):
                await side.wait_closed()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while request := await reader.read(1 << 16):
            self.is_writing = self.is_writing or b"XADD" in request
            if self.is_writing and self.cut_request:
                self.cut_request = False
                return
            writer.write(request)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while answer := await reader.read(1 << 16):
            if self.is_writing and self.cut_answer:
                self.cut_answer = False
                return
            writer.write(answer)


@pytest.fixture
def entries() -> list[Entry]:
    made: list[Entry] = []
    EntryWriter(2, batch=10).written(taken(live_feed(), 400), made.append)
    return made


def streamed(stream: str) -> list[tuple[str, int, bytes]]:
    """Read the stream back: entry id, shard and body of each entry with ticks."""
    with Redis.from_url(settings.REDIS_URL) as redis:
        return [
            (entry_id.decode(), shard, fields[b"d"])
            for shard in range(2)
            for entry_id, fields in redis.xrange(f"{stream}:{shard}")
            if b"d" in fields
        ]


def told(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


async def delivered(url: str, stream: str, truth: Path, entries: list[Entry]):
    with TruthFile(truth) as file:
        delivery = Delivery(connected(url), Channels(stream=stream), file, ROOM)
        for entry in entries:
            delivery.add(entry)
        async with asyncio.timeout(20):
            while not delivery.is_empty:
                await delivery.flush()
                await asyncio.sleep(0.05)
        await delivery.close()
    return delivery.counts


def agrees(stream: str, truth: Path, entries: list[Entry]) -> bool:
    """Say whether stream and truth file both hold every tick exactly once."""
    rows = streamed(stream)
    bodies = sorted(body for _, _, body in rows)
    sent = sorted(entry.body for entry in entries if entry.ticks)
    ids = {(entry_id, shard) for entry_id, shard, _ in rows}
    ticks = told(truth)
    return (
        bodies == sent
        and ids == {(tick["id"], tick["shard"]) for tick in ticks}
        and len(ticks) == sum(len(entry.ticks) for entry in entries)
    )


async def test_the_truth_file_holds_what_the_stream_took(
    stream: str,
    entries: list[Entry],
    tmp_path: Path,
):
    truth = tmp_path / "truth.jsonl"
    counts = await delivered(settings.REDIS_URL, stream, truth, entries)
    assert agrees(stream, truth, entries)
    assert (counts.accepted, counts.failures) == (400, 0)


@pytest.mark.parametrize("cut", ["cut_request", "cut_answer"])
async def test_a_broken_call_loses_and_doubles_nothing(
    stream: str,
    entries: list[Entry],
    tmp_path: Path,
    cut: str,
):
    truth, wire = tmp_path / "truth.jsonl", Wire()
    setattr(wire, cut, True)
    async with wire.open() as url:
        counts = await delivered(url, stream, truth, entries)
    assert counts.failures == 1
    assert agrees(stream, truth, entries)


async def test_without_looking_back_a_lost_answer_doubles_ticks(
    stream: str,
    entries: list[Entry],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    async def nothing_arrived(
        self: Delivery, doubted: list[Entry]
    ) -> dict[bytes, bytes]:
        return {}

    monkeypatch.setattr(Delivery, "_arrived", nothing_arrived)
    truth, wire = tmp_path / "truth.jsonl", Wire()
    wire.cut_answer = True
    async with wire.open() as url:
        await delivered(url, stream, truth, entries)
    assert not agrees(stream, truth, entries)


async def test_a_server_that_is_away_costs_only_what_does_not_fit(
    stream: str,
    entries: list[Entry],
):
    with TruthFile(None) as truth:
        delivery = Delivery(
            connected("redis://127.0.0.1:1/0"), Channels(stream=stream), truth, 100
        )
        for entry in entries:
            delivery.add(entry)
            delivery.drop_oldest()
        await delivery.flush()
        assert delivery.counts.failures == 1
        assert delivery.last_error.startswith("ConnectionError")
        assert 300 <= delivery.counts.lost < 400
        await delivery.close()
    assert delivery.counts.lost == 400


async def test_a_tick_whose_fate_is_not_known_is_marked(
    stream: str,
    entries: list[Entry],
    tmp_path: Path,
):
    truth, wire = tmp_path / "truth.jsonl", Wire()
    wire.cut_answer = True
    async with wire.open() as url:
        with TruthFile(truth) as file:
            delivery = Delivery(connected(url), Channels(stream=stream), file, ROOM)
            for entry in entries:
                delivery.add(entry)
            await delivery.flush()
            await delivery.close()
    assert {tick.get("unknown") for tick in told(truth)} == {True}
    assert delivery.counts.unknown == 400


async def test_the_stream_is_trimmed_to_its_bytes(
    stream: str,
    entries: list[Entry],
):
    channels = Channels(stream=stream, maxlen=5)
    with TruthFile(None) as truth:
        delivery = Delivery(connected(settings.REDIS_URL), channels, truth, 10**6)
        for _ in range(20):
            for entry in entries:
                delivery.add(entry)
        await delivery.flush()
        await delivery.close()
    kept = len(streamed(stream))
    assert kept < delivery.counts.entries / 2


async def test_the_old_channels_carry_one_tick_a_message(
    stream: str,
    entries: list[Entry],
):
    channels = Channels(
        stream=stream,
        is_publishing=True,
        options_channel=f"{stream}:options",
        underlying_channel=f"{stream}:underlying",
    )
    with Redis.from_url(settings.REDIS_URL) as redis, redis.pubsub() as listener:
        listener.psubscribe(f"{stream}:*")
        listener.get_message(timeout=5)
        with TruthFile(None) as truth:
            delivery = Delivery(connected(settings.REDIS_URL), channels, truth, ROOM)
            for entry in entries:
                delivery.add(entry)
            await delivery.flush()
            await delivery.close()
        heard = messages(lambda: listener.get_message(timeout=1))
    sent = sorted(tick.body for entry in entries for tick in entry.ticks)
    assert sorted(message["data"] for message in heard) == sent


def messages(read: Callable[[], dict[str, Any] | None]) -> list[dict[str, Any]]:
    found = []
    while message := read():
        found.append(message)
    return found
