"""How we are, part by part: what a part is, and who asks them all in time.

``settings.HEALTH_PARTS`` names functions; each returns a ``Part``. They run side
by side in threads, each within a second, so that one that hangs hides only
itself; while it hangs it is not started again, and later askers share its answer.
A part marked with ``@critical`` makes the site not ready when it is down; all
others only degrade it.
"""

import asyncio
import enum
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connections
from django.utils.module_loading import import_string
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from tradingsite.apps import TradingsiteConfig

logger = logging.getLogger(__name__)

PART_TIMEOUT_S = 1.0


class Status(enum.StrEnum):
    """How well a part, or all of us, are."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    DRAINING = "draining"


@dataclass(frozen=True)
class Part:
    """How one part is, in a word and a sentence that may be read by anyone."""

    name: str
    status: Status = Status.OK
    detail: str = ""
    critical: bool = False
    took_ms: float = 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "detail": self.detail,
            "critical": self.critical,
            "ms": round(self.took_ms, 1),
        }


Check = Callable[[], Part]


def critical(check: Check) -> Check:
    """Mark a part without which nothing can be served."""
    vars(check)["is_critical"] = True
    return check


def overall(parts: list[Part]) -> Status:
    """Return how all of us are."""
    if any(part.critical and part.status is Status.DOWN for part in parts):
        return Status.DOWN
    if any(part.status is not Status.OK for part in parts):
        return Status.DEGRADED
    return Status.OK


class Checks:
    """Runs the checks of one process, each at most once at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, Future[Part]] = {}
        self._threads = ThreadPoolExecutor(
            max_workers=len(settings.HEALTH_PARTS) or 1, thread_name_prefix="health"
        )

    async def all(self) -> list[Part]:
        """Return every part, within the time limit of one."""
        return list(await asyncio.gather(*map(self._answer, settings.HEALTH_PARTS)))

    async def _answer(self, path: str) -> Part:
        future = asyncio.wrap_future(self._start(path))
        # Not wait_for: it would cancel what others wait for too.
        done, _ = await asyncio.wait({future}, timeout=PART_TIMEOUT_S)
        if done:
            return future.result()
        return Part(
            path.rpartition(".")[2],
            Status.DOWN,
            f"No answer within {PART_TIMEOUT_S:.0f} s.",
            critical=getattr(import_string(path), "is_critical", False),
            took_ms=PART_TIMEOUT_S * 1000,
        )

    def _start(self, path: str) -> Future[Part]:
        with self._lock:
            running = self._running.get(path)
            if running is None or running.done():
                running = self._running[path] = self._threads.submit(run, path)
            return running


def run(path: str) -> Part:
    """Return what the check at ``path`` finds; trouble in asking is an answer too."""
    name = path.rpartition(".")[2]
    is_critical = False
    started_at = time.perf_counter()
    try:
        check: Check = import_string(path)
        is_critical = getattr(check, "is_critical", False)
        part = check()
    except (DatabaseError, OSError, RedisError) as error:
        part = Part(name, Status.DOWN, type(error).__name__)
    except Exception:  # one broken check must not hide what the others say
        logger.exception("The check %s is broken.", path)
        part = Part(name, Status.DOWN, "The check is broken; see the log.")
    finally:
        connections.close_all()
    took_ms = (time.perf_counter() - started_at) * 1000
    return replace(part, critical=is_critical or part.critical, took_ms=took_ms)


def checks() -> Checks:
    """Return the checks of this process."""
    return cast("TradingsiteConfig", apps.get_app_config("tradingsite")).health
