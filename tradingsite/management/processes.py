"""The processes of the site in one table: a new one is one line."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradingsite import environment
from tradingsite.embedded.ports import LOOPBACK
from tradingsite.management.answers import answer_of
from tradingsite.streaming.frames import MOST_BYTES_IN
from tradingsite.supervisor import Program

ROOT = Path(__file__).resolve().parent.parent.parent
# httptools, and what is at hand is handed out before a task begins.
HTTP_PROTOCOL = "tradingsite.protocol:Protocol"
UVICORN_LOGGING = ROOT / "tradingsite" / "uvicorn.json"

# A socket that does not answer a ping for so long is given up.
PING_S = 4


@dataclass(frozen=True)
class Addresses:
    """Where the processes of one run listen."""

    host: str
    port: int
    simulator_port: int


def simulator(addresses: Addresses, *, trader: str = "") -> Program:
    """Return the market of the demo, in which ``trader`` has a few orders placed."""
    port = addresses.simulator_port
    command = manage("simulate_market", "--port", str(port), "--exchange", "DEMO")
    command += ["--trader", trader] if trader else []
    return program(
        "simulator", command, is_ready=lambda: answer_of(at(port, "/health")) == 200
    )


def serving(addresses: Addresses) -> list[Program]:
    """Return what runs beside the servers, in the order of starting."""
    return [
        program("web", web(addresses), is_ready=lambda: is_live(addresses.port)),
        program("ingestor", manage("ingest_ticks")),
        program("gaps", manage("fill_gaps")),
        program("outbox", manage("deliver_outbox")),
        program("follower", manage("follow_orders")),
        program("worker", celery("worker")),
        program("beat", celery("beat", "--pidfile=")),
    ]


def program(
    name: str, command: list[str], *, is_ready: Callable[[], bool] | None = None
) -> Program:
    known = {"TRADINGSITE_PROCESS": name, "TRADINGSITE_PROCESS_NAME": name}
    return Program(name, name, command, known, is_ready=is_ready)


def manage(name: str, *options: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), name, *options]


def celery(name: str, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "celery", "--quiet", "--app", "tradingsite"),
        *(name, "--loglevel", "INFO", *options),
    ]


def web(addresses: Addresses) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", "tradingsite.asgi:application"),
        *("--host", addresses.host, "--port", str(addresses.port)),
        *("--workers", str(environment.integer("WEB_PROCESSES", 1, least=1))),
        *("--loop", "uvloop", "--http", HTTP_PROTOCOL, "--no-access-log"),
        *("--ws", "tradingsite.streaming.wire:SocketProtocol"),
        *("--ws-max-size", str(MOST_BYTES_IN), "--ws-per-message-deflate", "false"),
        *("--ws-ping-interval", str(PING_S), "--ws-ping-timeout", str(PING_S)),
        # Who is trusted to name the client is the product's own decision.
        "--no-proxy-headers",
        *("--log-config", str(UVICORN_LOGGING), "--timeout-graceful-shutdown", "5"),
    ]


def is_live(port: int) -> bool:
    return answer_of(at(port, "/health/live")) == 200


def is_serving(port: int) -> bool:
    """Whether the site takes requests: ready, or ready with something missing."""
    return answer_of(at(port, "/health/ready")) == 200


def at(port: int, path: str) -> str:
    return f"http://{LOOPBACK}:{port}{path}"
