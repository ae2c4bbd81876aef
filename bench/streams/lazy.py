"""A thousand clients that never read, beside one that does.

Told is a value of 20 kB ten times a second, so that whoever does not read is full
within a second. What counts: what the healthy client waits, with and without the
others, what each of them costs in memory, and when the last of them is let go.
"""

import select
import socket
import statistics
import time
from dataclasses import dataclass

from bench.children import Child
from bench.ground import Ground
from bench.machine import Machine, cpu_seconds
from bench.report import Figure, at_most
from bench.streams import serving, wire
from bench.streams.crowd import Crowd, address, request
from bench.streams.serving import Kind

LAZY = 1000
RATE = 10
SECONDS = 4.0
LONGEST_S = 30.0
SETTLE_S, IDLE_SHARE = 0.2, 0.3
SMALLEST_BUFFER = 4096
FILLER = "x" * 20_000


@dataclass(frozen=True, slots=True)
class Told:
    """What the healthy client waited for each message, and what was seen meanwhile."""

    waits_ms: list[float]
    most_kib: float
    gone_after_s: float


def figures(ground: Ground, machine: Machine, rounds: int, kind: Kind) -> list[Figure]:
    """Return what a thousand lazy clients do to a healthy one, and to memory."""
    alone, beside = [], []
    for _ in range(rounds):
        with serving.started(kind, ground, machine) as (child, port):
            alone.append(_told(ground, child, port, kind, lazy=[]))
            lazy = [_lazy(port, number, kind.hello) for number in range(LAZY)]
            beside.append(_told(ground, child, port, kind, lazy=lazy))
            for one in lazy:
                one.close()
    what, how = f"streams, {LAZY} that never read", f"{RATE} x 20 kB/s"
    return [
        Figure("streams, one healthy: p99", _p99(alone), "ms", how),
        Figure(f"{what}: p99 of the healthy", _p99(beside), "ms", how),
        Figure(f"{what}: p50 of the healthy", _p50(beside), "ms", how),
        at_most(
            f"{what}: memory of each",
            tuple(one.most_kib / LAZY for one in beside),
            "KiB",
            "resident, at most",
            256,
        ),
        at_most(
            f"{what}: the last is let go after",
            tuple(one.gone_after_s for one in beside),
            "s",
            "since all were there",
            10,
        ),
    ]


def _p99(results: list[Told]) -> tuple[float, ...]:
    return tuple(statistics.quantiles(one.waits_ms, n=100)[98] for one in results)


def _p50(results: list[Told]) -> tuple[float, ...]:
    return tuple(statistics.median(one.waits_ms) for one in results)


def _lazy(port: int, number: int, hello: bytes) -> socket.socket:
    """Return a client that follows everything and reads nothing."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST_BUFFER)
    # The first addresses are those of the healthy.
    made.bind((address(number + 100), 0))
    made.connect(("127.0.0.1", port))
    made.sendall(request(number + 100, port) + wire.masked_frame(hello))
    return made


def _told(
    ground: Ground, child: Child, port: int, kind: Kind, *, lazy: list[socket.socket]
) -> Told:
    crowd = Crowd([port], answers_pings=True)
    ends = select.poll()
    for one in lazy:
        # Only its end is asked for: reading is what it does not do.
        ends.register(one.fileno(), select.POLLRDHUP)
    before_kib = most_kib = serving.resident_kib(child.pid)
    left, gone_after_s = len(lazy), 0.0
    crowd.gather(1, kind.hello, kind.awaited)
    _settle(child)
    begun = time.perf_counter()
    try:
        with ground.redis() as client:
            number = 0
            while time.perf_counter() - begun < (LONGEST_S if left else SECONDS):
                crowd.sent_at[number] = time.time()
                client.publish(
                    f"{ground.prefix}:stream:{wire.TOPIC}", wire.payload(number, FILLER)
                )
                number += 1
                while time.perf_counter() < begun + number / RATE:
                    crowd.read(0.01)
                most_kib = max(most_kib, serving.resident_kib(child.pid))
                for descriptor, _ in ends.poll(0):
                    ends.unregister(descriptor)
                    left -= 1
                    gone_after_s = time.perf_counter() - begun
    finally:
        crowd.leave()
    waits_ms = [wait * 1000 for wait in crowd.waits_s]
    grown_kib = most_kib - before_kib
    return Told(waits_ms, grown_kib, LONGEST_S if left else gone_after_s)


def _settle(child: Child) -> None:
    """Wait until the server has little to do: all handshakes are over."""
    used_s = -1.0
    while (now_s := cpu_seconds(child.pid)) - used_s > IDLE_SHARE * SETTLE_S:
        used_s = now_s
        time.sleep(SETTLE_S)
