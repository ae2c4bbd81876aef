"""The contest of the history endpoints: the same questions, the same core, in turn."""

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bench import children, report
from bench.children import Child
from bench.ground import Ground
from bench.history import data, load, wrk
from bench.history.load import Measured
from bench.machine import Machine, cpu_seconds
from bench.report import Figure, ratios
from tradingsite.embedded.ports import LOOPBACK, free_port
from tradingsite.management import processes

CONNECTIONS = 16
SECONDS = 3
READY_WITHIN_S = 60
COMPARED_SYMBOLS = 5
ORIGINAL, ORIGINAL_WHOLE = "original", "original + 4 middlewares"
PRODUCT = "product"

Results = dict[tuple[str, int], list["Result"]]


@dataclass(frozen=True, slots=True)
class Result:
    """What one server did in one round."""

    per_second: float
    cpu_s: float
    p99_s: float


@dataclass(frozen=True)
class Contestant:
    """A server that runs, and how it is asked for bars."""

    name: str
    port: int
    child: Child
    path: str
    headers: dict[str, str]

    def paths(self, bars: int) -> list[str]:
        """Return one question per symbol, each for ``bars`` bars."""
        start, end = data.span(bars)
        return [
            self.path.format(symbol=symbol) + f"&from={start}&to={end}"
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

    def measured(self, bars: int, seconds: int) -> Result:
        """Put it under load for ``seconds``."""
        before = cpu_seconds(self.child.pid)
        measured = _loaded(self, bars, seconds)
        used_s = cpu_seconds(self.child.pid) - before
        return Result(measured.per_second, used_s / measured.requests, measured.p99_s)


def run(ground: Ground, machine: Machine, rounds: int) -> list[Figure]:
    """Start the servers, see that they agree, load them in turn, report."""
    market = children.run(children.module("bench.market", "history"), _web(ground))
    with ground.connect() as connection:
        data.fill(connection)
    with _contestants(ground, machine, json.loads(market)["api_key"]) as contestants:
        agree(contestants)
        return figures(_rounds(contestants, rounds))


def agree(contestants: Sequence[Contestant]) -> None:
    """Refuse to compare servers that do not answer the same bars."""
    for bars in data.RANGES:
        asked = [one.paths(bars)[:COMPARED_SYMBOLS] for one in contestants]
        for paths in zip(*asked, strict=True):
            answers = [
                _bars(one.asked(path))
                for one, path in zip(contestants, paths, strict=True)
            ]
            if len(answers[0]["t"]) != bars or any(a != answers[0] for a in answers):
                raise AssertionError(f"The servers answer {paths} differently.")


def figures(results: Results) -> list[Figure]:
    """Return requests a second and CPU, and the product's as ratios to its peers."""
    found: list[Figure] = []
    for bars in data.RANGES:
        for name in (ORIGINAL, ORIGINAL_WHOLE, PRODUCT):
            found += _own(name, bars, results[name, bars])
        for peer in (ORIGINAL, ORIGINAL_WHOLE):
            found += _compared(bars, results[PRODUCT, bars], peer, results[peer, bars])
    return found


def _own(name: str, bars: int, results: list[Result]) -> list[Figure]:
    what = f"history {bars} bars, {name}"
    return [
        Figure(
            f"{what}: requests",
            tuple(one.per_second for one in results),
            "req/s",
            f"{CONNECTIONS} connections, uvicorn on one core",
        ),
        Figure(
            f"{what}: server CPU",
            tuple(one.cpu_s * 1000 for one in results),
            "ms/req",
            "/proc of the server process",
        ),
    ]


def _compared(
    bars: int, product: list[Result], peer: str, original: list[Result]
) -> list[Figure]:
    how = "per round"
    what = f"history {bars} bars, product / {peer}"
    return [
        Figure(
            f"{what}: requests",
            ratios([p.per_second for p in product], [o.per_second for o in original]),
            "x",
            how,
        ),
        Figure(
            f"{what}: CPU saved",
            ratios([o.cpu_s for o in original], [p.cpu_s for p in product]),
            "x",
            how,
        ),
    ]


def _rounds(contestants: Sequence[Contestant], rounds: int) -> Results:
    for one in contestants:
        one.measured(data.RANGES[0], 1)
    results: Results = {}
    for _ in range(rounds):
        for bars in data.RANGES:
            for one in contestants:
                measured = one.measured(bars, SECONDS)
                results.setdefault((one.name, bars), []).append(measured)
                report.progress(
                    f"{one.name}, {bars} bars: {measured.per_second:,.0f} requests/s"
                )
    return results


def _loaded(one: Contestant, bars: int, seconds: int) -> Measured:
    paths = one.paths(bars)
    if wrk.is_installed():
        return wrk.run(
            one.port, paths, one.headers, connections=CONNECTIONS, seconds=seconds
        )
    headers = {"Host": f"{LOOPBACK}:{one.port}", **one.headers}
    requests = [load.request(path, headers) for path in paths]
    return load.run(one.port, requests, connections=CONNECTIONS, seconds=seconds)


@contextlib.contextmanager
def _contestants(
    ground: Ground, machine: Machine, api_key: str
) -> Iterator[list[Contestant]]:
    environment = _web(ground)
    key = {"Authorization": f"Bearer {api_key}"}
    peer = "/history?symbol={symbol}&resolution=1"
    ours = "/udf/history?symbol=DEMO:{symbol}&resolution=1"
    with contextlib.ExitStack() as stack:

        def started(
            name: str,
            command: Callable[[int], list[str]],
            path: str,
            headers: dict[str, str],
            **more: str,
        ) -> Contestant:
            port = free_port()
            child = Child(command(port), environment | more, machine)
            stack.enter_context(child)
            contestant = Contestant(name, port, child, path, headers)
            _wait_for(contestant)
            return contestant

        yield [
            started(ORIGINAL, _original, peer, {}),
            started(ORIGINAL_WHOLE, _original, peer, {}, MIDDLEWARES="1"),
            started(PRODUCT, _product, ours, key),
        ]


def _wait_for(contestant: Contestant) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not contestant.is_ready():
        if time.monotonic() > deadline or not contestant.child.is_alive():
            raise contestant.child.failure("did not become ready")
        time.sleep(0.1)


def _original(port: int) -> list[str]:
    return [
        *children.module("uvicorn", "bench.history.original:app"),
        *("--host", LOOPBACK, "--port", str(port), "--no-access-log"),
        *("--loop", "uvloop", "--http", "httptools", "--log-level", "warning"),
    ]


def _product(port: int) -> list[str]:
    """Return the command with which the site itself starts its web process."""
    return processes.web(processes.Addresses(LOOPBACK, port, simulator_port=0))


def _web(ground: Ground) -> dict[str, str]:
    return ground.environment(
        TRADINGSITE_PROCESS="web", TRADINGSITE_PROCESS_NAME="web", WEB_PROCESSES="1"
    )


def _bars(body: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(body)
    return {name: answer.get(name) for name in "stohlcv"}
