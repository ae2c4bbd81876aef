"""What one client is sent: at once, or the newest, or everything, or a close code."""

import asyncio
import json
from collections.abc import Callable

import pytest

from tradingsite.streaming import sender as sending
from tradingsite.streaming.codes import Close
from tradingsite.streaming.frames import MOST_BYTES_OUT, Frame, TooLarge, frame, joined
from tradingsite.streaming.hub import Hub
from tradingsite.streaming.sender import Sender


class FakeWire:
    """A connection whose other end reads when the test says so."""

    def __init__(self) -> None:
        self.is_clear = True
        self.on_clear: Callable[[], None] | None = None
        self.written: list[Frame] = []
        self.closed: tuple[int, str] | None = None

    def write(self, frame: Frame) -> None:
        self.written.append(frame)

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def clear(self) -> None:
        self.is_clear = True
        if self.on_clear:
            self.on_clear()

    def said(self) -> list[bytes]:
        return [frame.text for frame in self.written]


@pytest.fixture
def wire() -> FakeWire:
    return FakeWire()


def numbered(number: int) -> Frame:
    return frame("update", n=number)


async def test_a_client_that_keeps_up_gets_everything_at_once(wire: FakeWire):
    sender = Sender(wire)
    frames = [numbered(n) for n in range(3)]

    for one in frames:
        sender.offer(one, "slot")

    assert wire.written == frames
    assert sender.dropped == 0


async def test_a_slow_client_gets_the_newest_of_each_key(wire: FakeWire):
    sender = Sender(wire)
    wire.is_clear = False
    for n in range(100):
        sender.offer(numbered(n), n % 2)

    wire.clear()

    assert wire.said() == [b'{"type":"update","n":98}', b'{"type":"update","n":99}']
    assert sender.dropped == 98


async def test_nothing_is_sent_behind_the_closing_frame(wire: FakeWire):
    sender = Sender(wire)
    sender.close(Close.FORBIDDEN, "not any more")
    # The client has read what was sent, and its consumer does not know yet.
    wire.clear()

    sender.offer(numbered(1))

    assert wire.written == []


async def test_what_must_not_be_lost_waits_in_order(wire: FakeWire):
    sender = Sender(wire)
    wire.is_clear = False
    frames = [numbered(n) for n in range(50)]
    for one in frames:
        sender.offer(one)

    wire.clear()

    assert wire.written == frames


async def test_a_client_that_stops_again_keeps_its_place(wire: FakeWire):
    sender = Sender(wire)
    wire.is_clear = False
    frames = [numbered(n) for n in range(3)]
    for one in frames:
        sender.offer(one)
    write = wire.write

    def write_one(frame: Frame) -> None:
        write(frame)
        wire.is_clear = False

    wire.write = write_one  # type: ignore[method-assign] # full after each frame
    wire.clear()
    assert wire.written == frames[:1]
    wire.clear()
    wire.clear()
    assert wire.written == frames


async def test_too_much_that_must_not_be_lost_closes_with_a_code(wire: FakeWire):
    sender = Sender(wire)
    wire.is_clear = False
    large = frame("update", f="x" * 10_000)

    for _ in range(20):
        sender.offer(large)

    assert wire.closed == (4408, "too slow; come back and resume")
    wire.clear()
    assert wire.written == []


async def test_what_a_newer_one_replaces_closes_nobody(wire: FakeWire):
    sender = Sender(wire)
    wire.is_clear = False
    for number in range(60):
        sender.offer(frame("update", f="x" * 10_000, n=number), number % 30)

    assert wire.closed is None
    wire.clear()
    assert [json.loads(text)["n"] for text in wire.said()] == list(range(30, 60))


async def test_two_may_wait_until_nothing_waits(wire: FakeWire):
    sender = Sender(wire)
    wire.is_clear = False
    sender.offer(numbered(1))
    waiting = [asyncio.create_task(sender.caught_up()) for _ in range(2)]
    await asyncio.sleep(0)
    wire.clear()

    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_who_reads_nothing_is_given_up_in_time(
    wire: FakeWire, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sending, "SEND_WITHIN_S", 0.0)
    gone = asyncio.Event()
    monkeypatch.setattr(wire, "close", lambda code, reason: gone.set())
    sender = Sender(wire)
    wire.is_clear = False
    sender.offer(numbered(1), "slot")

    await asyncio.wait_for(gone.wait(), 5)

    assert sender.closed_with == 4408


async def test_a_batch_is_one_array_with_the_newest_of_each_key(wire: FakeWire):
    hub, sender = Hub(), Sender(wire)
    written = asyncio.Event()
    write = wire.write

    def noted(frame: Frame) -> None:
        write(frame)
        written.set()

    wire.write = noted  # type: ignore[method-assign] # told when it happens
    hub.hold(sender, 1)
    for n in range(4):
        sender.offer(numbered(n), n % 2)
    assert wire.written == []

    await asyncio.wait_for(written.wait(), 5)

    (array,) = wire.said()
    assert [one["n"] for one in json.loads(array)] == [2, 3]


class Batches:
    """Batches that are due when the test says so."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.asked = 0
        sender.batch(self.later)

    def later(self, sender: Sender) -> None:
        self.asked += 1

    def come(self) -> None:
        if held := self.sender.due():
            self.sender.send_batch(list(joined(held)))


def numbers(wire: FakeWire) -> list[int]:
    """Return the numbers of what was written, batched or not."""
    said = [json.loads(text) for text in wire.said()]
    return [
        one["n"]
        for some in said
        for one in (some if isinstance(some, list) else [some])
    ]


async def test_a_batch_that_is_not_taken_goes_on_to_be_replaced(wire: FakeWire):
    sender = Sender(wire)
    batches = Batches(sender)
    wire.is_clear = False
    for n in range(100):
        sender.offer(frame("update", f="x" * 10_000, n=n), n % 20)
        batches.come()

    assert wire.closed is None
    wire.clear()
    batches.come()
    assert batches.asked == 2
    assert numbers(wire) == list(range(80, 100))


async def test_of_a_batch_what_the_client_does_not_take_is_held_on(wire: FakeWire):
    sender = Sender(wire)
    batches = Batches(sender)
    write = wire.write

    def write_one(frame: Frame) -> None:
        write(frame)
        wire.is_clear = False

    wire.write = write_one  # type: ignore[method-assign] # full after each frame
    for n in range(5):
        sender.offer(frame("update", f="x" * 30_000, n=n), n)
    batches.come()
    assert numbers(wire) == [0, 1]
    sender.offer(numbered(30), 3)
    for _ in range(3):
        wire.clear()
        batches.come()

    assert numbers(wire) == [0, 1, 2, 4, 30]
    assert wire.closed is None


async def test_what_was_held_comes_before_what_is_sent_at_once_again(wire: FakeWire):
    sender = Sender(wire)
    batches = Batches(sender)
    sender.offer(numbered(1), "slot")
    sender.offer(numbered(2))

    sender.batch(None)
    sender.offer(numbered(3), "slot")
    batches.come()

    assert numbers(wire) == [1, 2, 3]


async def test_too_much_held_that_must_not_be_lost_closes_who_takes_nothing(
    wire: FakeWire,
):
    sender = Sender(wire)
    Batches(sender)
    wire.is_clear = False

    for _ in range(20):
        sender.offer(frame("update", f="x" * 10_000))

    assert wire.closed == (4408, "too slow; come back and resume")


async def test_a_large_snapshot_waits_for_the_batches_that_take_it(wire: FakeWire):
    sender = Sender(wire)
    batches = Batches(sender)
    for n in range(2):
        sender.offer(frame("snapshot", f="x" * 60_000, n=n))
    waiting = asyncio.create_task(sender.caught_up())
    await asyncio.sleep(0)
    assert not waiting.done()

    batches.come()

    await asyncio.wait_for(waiting, 5)
    assert numbers(wire) == [0, 1]


async def test_who_takes_no_batch_is_given_up_in_time(
    wire: FakeWire, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sending, "SEND_WITHIN_S", 0.0)
    gone = asyncio.Event()
    monkeypatch.setattr(wire, "close", lambda code, reason: gone.set())
    sender = Sender(wire)
    batches = Batches(sender)
    wire.is_clear = False
    sender.offer(numbered(1), "slot")
    batches.come()

    await asyncio.wait_for(gone.wait(), 5)

    assert sender.closed_with == 4408


async def test_who_takes_batches_again_is_not_given_up(
    wire: FakeWire, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sending, "SEND_WITHIN_S", 0.0)
    sender = Sender(wire)
    batches = Batches(sender)
    wire.is_clear = False
    sender.offer(numbered(1), "slot")
    batches.come()
    wire.clear()
    sender.batch(None)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert wire.closed is None
    assert numbers(wire) == [1]


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("is_clear", [False, True])
async def test_a_last_word_is_said_whatever_waits(
    wire: FakeWire, is_clear: bool, batched: bool
):
    sender = Sender(wire)
    if batched:
        Batches(sender)
    wire.is_clear = is_clear
    sender.offer(numbered(1))
    del wire.written[:]

    sender.close(Close.RESTART, "restart", frame("bye"))

    assert wire.said() == [b'{"type":"bye"}']
    assert wire.closed == (1012, "restart")


async def test_a_reason_is_no_longer_than_a_closing_frame_takes(wire: FakeWire):
    Sender(wire).close(Close.UNREADABLE, "नमस्ते " * 30)

    assert wire.closed is not None
    code, reason = wire.closed
    assert code == 4400
    assert 120 <= len(reason.encode()) <= 123
    assert ("नमस्ते " * 30).startswith(reason)


async def test_what_a_snapshot_makes_needless_is_not_sent_after_it(wire: FakeWire):
    sender = Sender(wire)
    wire.is_clear = False
    sender.offer(numbered(1), "a")
    sender.offer(numbered(2), "b")
    sender.withdraw(["a"])
    sender.offer(frame("snapshot", n=3))
    sender.offer(numbered(4), "a")

    wire.clear()

    assert numbers(wire) == [2, 3, 4]


@pytest.mark.parametrize("size", [0, 125, 126, 65_000, MOST_BYTES_OUT - 13])
def test_a_frame_has_the_length_of_its_text_in_its_head(size: int):
    made = Frame(b"x" * size)

    head = made.wired[: len(made.wired) - size]
    assert head[0] == 0x81
    assert (head[1] if len(head) == 2 else int.from_bytes(head[2:])) == size


def test_a_frame_larger_than_promised_is_refused():
    with pytest.raises(TooLarge):
        Frame(b"x" * (MOST_BYTES_OUT + 1))


def test_arrays_are_split_before_they_are_too_large():
    parts = [frame("update", f="x" * 30_000, n=n) for n in range(5)]

    arrays = list(joined(parts))

    found = [[one["n"] for one in json.loads(array.text)] for _, array in arrays]
    assert found == [[0, 1], [2, 3], [4]]
    assert [count for count, _ in arrays] == [2, 2, 1]
