"""One run: builds the simulation, serves its doors, publishes, stops cleanly."""

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable, Iterator

import uvicorn

from marketdata.simulator.clock import StreamClock
from marketdata.simulator.entries import EntryWriter
from marketdata.simulator.http.app import Application
from marketdata.simulator.live import LiveFeed
from marketdata.simulator.market import Market
from marketdata.simulator.options import Options
from marketdata.simulator.orders import state
from marketdata.simulator.publisher import Publisher
from marketdata.simulator.replay.feed import ReplayFeed
from marketdata.simulator.simulation import Simulation
from marketdata.simulator.streams import Channels, Delivery, connected
from marketdata.simulator.ticks import Feed
from marketdata.simulator.truth import TruthFile

_ROOM_TICKS = 20_000
_GOODBYE_S = 3
_KEEP_S = 1.0
_MEGABYTE = 1024 * 1024


class _QuietServer(uvicorn.Server):
    """A uvicorn that leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(options: Options, say: Callable[[str], object]) -> None:
    """Play the market until its end or a signal; ``say`` gets the address line."""
    # Bound first, so that a taken port is told before anything starts.
    with socket.create_server((options.host, options.port)) as listener:
        # asyncio does it only for sockets made with a named protocol: without it
        # the body of each answer waits 40 ms for the acknowledgment of its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asyncio.run(_play(options, listener, say))


async def _play(
    options: Options, listener: socket.socket, say: Callable[[str], object]
) -> None:
    with TruthFile(options.truth) as truth:
        simulation = built(options, truth)
        if options.state is not None:
            state.load(simulation.broker, options.state)
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        server = _server(simulation)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        host, port = listener.getsockname()[:2]
        keeping = asyncio.create_task(_keep(simulation))
        say(f"simulator listening on http://{host}:{port}")
        try:
            await simulation.publisher.run(stopping)
            if options.stays:
                await stopping.wait()
        finally:
            server.should_exit = True
            await serving
            keeping.cancel()
            _save(simulation)
            await simulation.publisher.delivery.close()


async def _keep(simulation: Simulation) -> None:
    """Save the broker's books every second in which they changed."""
    while True:
        await asyncio.sleep(_KEEP_S)
        _save(simulation)


def _save(simulation: Simulation) -> None:
    path = simulation.options.state
    if path is not None and simulation.broker.is_changed:
        state.save(simulation.broker, path)


def _server(simulation: Simulation) -> _QuietServer:
    config = uvicorn.Config(
        Application(simulation),
        log_config=None,
        lifespan="off",
        access_log=False,
        ws="websockets-sansio",
        timeout_graceful_shutdown=_GOODBYE_S,
    )
    return _QuietServer(config)


def built(options: Options, truth: TruthFile) -> Simulation:
    """Return the simulation that the options ask for; nothing runs yet."""
    market = Market(options.seed, options.exchange)
    feed = _feed(options, market)
    channels = Channels(
        stream=options.stream,
        shards=options.shards,
        maxlen=options.maxlen,
        keep_bytes=options.keep_mb * _MEGABYTE // options.shards,
        is_streaming=options.is_streaming,
        is_publishing=options.is_publishing,
    )
    delivery = Delivery(connected(options.redis_url), channels, truth, _ROOM_TICKS)
    publisher = Publisher(
        feed,
        StreamClock(feed.opened_at, options.speed),
        delivery,
        EntryWriter(options.shards, batch=options.batch),
        options.max_ticks,
    )
    return Simulation.made(options, market, feed, publisher)


def _feed(options: Options, market: Market) -> Feed:
    if options.replay:
        return ReplayFeed(options.replay, options.exchange)
    if options.speed == 0 and options.max_ticks is None:
        raise ValueError("a live market unpaced has no end: give --max-ticks.")
    return LiveFeed(
        market,
        opened_at=time.time() if options.start is None else options.start,
        step_s=(options.speed or 1.0) / options.rate,
        with_depth=options.with_depth,
    )
