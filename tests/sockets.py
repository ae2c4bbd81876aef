"""A site in a process of its own, and clients that talk to its sockets."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from django.conf import settings
from django.db import connections
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests import asyncapi
from tests.database import url_of_test_database
from tests.servers import throw_away_folder
from tradingsite.embedded.ports import LOOPBACK, free_port
from tradingsite.management import processes

Answer = TypeVar("Answer")
# What the site of a control is asked for.
CONTROL = "/ws/control"

START_WITHIN_S = 60
HEAR_WITHIN_S = 15


@dataclass
class Site:
    """A web process as ``make run`` starts it."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def origin(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def resident_kib(self) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0])


class Talk:
    """One socket, as its client sees it."""

    def __init__(
        self, connection: ClientConnection, *, is_described: bool = True
    ) -> None:
        self.connection = connection
        # Whether the site is ours, so that its description holds.
        self.is_described = is_described
        self.waiting: list[dict[str, Any]] = []

    async def say(self, kind: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def hear(self, *kinds: str) -> dict[str, Any]:
        """Return the next message, or the next one of these kinds."""
        async with asyncio.timeout(HEAR_WITHIN_S):
            while True:
                message = await self._next()
                if not kinds or message["type"] in kinds:
                    return message

    async def follow(self, *keys: str, **fields: Any) -> dict[str, Any]:
        """Subscribe and return the snapshot."""
        await self.say("subscribe", keys=list(keys), **fields)
        return await self.hear("snapshot")

    async def end(self) -> tuple[int, str]:
        """Return the close code and reason, whatever is said before."""
        async with asyncio.timeout(HEAR_WITHIN_S):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await self.connection.recv()
        return self.connection.close_code or 0, self.connection.close_reason or ""

    async def _next(self) -> dict[str, Any]:
        if not self.waiting:
            said = json.loads(await self.connection.recv())
            self.waiting = said if isinstance(said, list) else [said]
            if self.is_described:
                for message in self.waiting:
                    asyncapi.check(message)
        return self.waiting.pop(0)


@contextlib.asynccontextmanager
async def talking(
    site: Site,
    path: str = "/ws/quotes",
    *,
    address: str = LOOPBACK,
    subprotocols: Sequence[str] = (),
    **headers: str,
) -> AsyncIterator[Talk]:
    """Connect; headers are written with underscores for dashes."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    async with connect(
        f"ws://{LOOPBACK}:{site.port}{path}",
        additional_headers=named,
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        local_addr=(address, 0),
        compression=None,
        proxy=None,
        max_size=64 * 1024,
    ) as connection:
        yield Talk(connection, is_described=path != CONTROL)


def bearer(text: str) -> str:
    return f"Bearer {text}"


@contextlib.contextmanager
def running_site(application: str = "", **environment: str) -> Iterator[Site]:
    """Serve the site; another ``application`` stands in for what must go wrong."""
    port = free_port()
    command = processes.web(processes.Addresses(LOOPBACK, port, simulator_port=0))
    if application:
        place = command.index("tradingsite.asgi:application")
        command[place] = application
    with throw_away_folder() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={
                    **os.environ,
                    "DATABASE_URL": url_of_test_database(),
                    "DJANGO_SETTINGS_MODULE": "tests.settings",
                    "SECRET_KEY": settings.SECRET_KEY,
                    "TRADINGSITE_DATA": folder,
                    "TRADINGSITE_PROCESS": "web",
                    **environment,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        site = Site(port, process, log)
        try:
            wait_for(site)
            yield site
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def wait_for(site: Site) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < deadline and site.process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                client.get(f"{site.origin}/health/live")
                return
            time.sleep(0.05)
    raise AssertionError(site.log.read_text())


async def in_thread(
    function: Callable[..., Answer], *args: Any, **named: Any
) -> Answer:
    """Run what uses the database in a thread, and close its connection there."""

    def run() -> Answer:
        try:
            return function(*args, **named)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)
