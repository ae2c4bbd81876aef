"""The servers that are asked for bars: each on the measured core, each for a while."""

import contextlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench import children
from bench.children import Child
from bench.ground import Ground
from bench.history import data
from bench.machine import Machine
from tradingsite.embedded.ports import LOOPBACK, free_port
from tradingsite.management import processes

READY_WITHIN_S = 60
# Nothing listens there: what is kept beyond memory comes from PostgreSQL alone.
NO_REDIS = "redis://127.0.0.1:1/0"
PEER = "/history?symbol={symbol}&resolution=1"
OURS = "/udf/history?symbol=DEMO:{symbol}&resolution=1"


@dataclass(frozen=True)
class Kind:
    """How a server is started, and what it is asked."""

    command: Callable[[int], list[str]]
    path: str
    environment: dict[str, str] = field(default_factory=dict)
    # A question never comes twice: nothing can be answered as it was before.
    is_varied: bool = False
    # A parameter that only the plain view puts up with.
    extra: str = ""


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    kind: Kind
    port: int
    child: Child
    headers: dict[str, str]

    def paths(self, bars: int, variations: int = 1) -> list[str]:
        """Return one question per symbol and variation, each for ``bars`` bars."""
        start, end = data.span(bars)
        return [
            self.kind.path.format(symbol=symbol)
            + f"&from={start - earlier}&to={end}{self.kind.extra}"
            for earlier in range(variations)
            for symbol in data.symbols()
        ]

    def asked(self, path: str) -> bytes:
        url = f"http://{LOOPBACK}:{self.port}{path}"
        question = urllib.request.Request(url, headers=self.headers)
        with urllib.request.urlopen(question, timeout=10) as answer:  # noqa: S310 - http
            body: bytes = answer.read()
            return body

    def is_ready(self) -> bool:
        try:
            return bool(self.asked(self.paths(1)[0]))
        except urllib.error.HTTPError as error:
            raise self.child.failure(f"answered {error.code}") from error
        except OSError:
            return False

    def wait(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while not self.is_ready():
            if time.monotonic() > deadline or not self.child.is_alive():
                raise self.child.failure("did not become ready")
            time.sleep(0.1)


@contextlib.contextmanager
def running(
    kind: Kind, ground: Ground, machine: Machine, api_key: str
) -> Iterator[Server]:
    """Start a server on the measured core and end it with the block."""
    port = free_port()
    headers = {"Authorization": f"Bearer {api_key}"} if kind.path == OURS else {}
    environment = web(ground) | kind.environment
    with Child(kind.command(port), environment, machine) as child:
        server = Server(kind, port, child, headers)
        server.wait()
        yield server


def web(ground: Ground) -> dict[str, str]:
    return ground.environment(
        TRADINGSITE_PROCESS="web", TRADINGSITE_PROCESS_NAME="web", WEB_PROCESSES="1"
    )


def _uvicorn(application: str) -> Callable[[int], list[str]]:
    def command(port: int) -> list[str]:
        return [
            *children.module("uvicorn", application),
            *("--host", LOOPBACK, "--port", str(port), "--no-access-log"),
            *("--loop", "uvloop", "--http", "httptools", "--log-level", "warning"),
            "--no-proxy-headers",
        ]

    return command


def _product(port: int) -> list[str]:
    """Return the command with which the site itself starts its web process."""
    return processes.web(processes.Addresses(LOOPBACK, port, simulator_port=0))


def _short_of_memory(bars: int) -> dict[str, str]:
    """Return a bound that holds less than all symbols, so that none is at hand."""
    days = max(1, bars // data.BARS_A_DAY)
    return {"HISTORY_MEMORY_BYTES": str(max(1, days // 2) * 1024 * 1024)}


LIMIT = Kind(_uvicorn("bench.history.limit:app"), PEER)
ORIGINAL = Kind(_uvicorn("bench.history.original:app"), PEER)
ORIGINAL_WHOLE = Kind(ORIGINAL.command, PEER, {"MIDDLEWARES": "1"})
ORIGINAL_CACHED = Kind(ORIGINAL.command, PEER, {"CACHED": "1"})
CACHED = Kind(_product, OURS)
FRAGMENTS = Kind(_product, OURS, is_varied=True)
VIEW = Kind(_product, OURS, extra="&by=view")


def from_redis(bars: int) -> Kind:
    return Kind(_product, OURS, _short_of_memory(bars), is_varied=True)


def from_postgres(bars: int) -> Kind:
    less = _short_of_memory(bars) | {"REDIS_URL": NO_REDIS}
    return Kind(_product, OURS, less, is_varied=True)
